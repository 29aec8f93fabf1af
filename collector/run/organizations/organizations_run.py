"""Collects several organizations side by side, and writes their index.

index locked ─▸ list of organizations ─▸ workers ─▸ one run per organization ─▸ results ─▸ index

Each organization has its own key, governor, ledger, output and failure. They have in common the rate ceiling, the
signals, `--max-duration` and the stream, if the output is one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import Signals

import anyio
from anyio import to_thread

from collector.model.errors import CollectorError, ExitCode, first_of
from collector.model.ledger import Ledger
from collector.model.secret import Environment
from collector.model.timestamps import stamp
from collector.run.assembly import common_ceiling
from collector.run.identity import Identity, new_identity
from collector.run.ids.id_input import IdInput
from collector.run.observers.organizations_reporter import OrganizationsReporter
from collector.run.organizations.concurrent_map import map_concurrently
from collector.run.organizations.file_names import require_placeholder
from collector.run.organizations.index_file import IndexFile, index_of
from collector.run.organizations.member_run import MemberRun, not_started
from collector.run.organizations.organization import Organization
from collector.run.organizations.preparation import Preparation, prepare
from collector.run.organizations.run_context import RunContext
from collector.run.organizations.selection import Selection
from collector.run.shutdown import Shutdown
from collector.run.watchdog import Watchdog
from collector.snapshot.organizations_index import IndexReport, OrganizationResult, common_exit_code, encode
from collector.snapshot.sinks.conversion import Converter
from collector.snapshot.sinks.target import held_open, is_stream
from collector.version import VERSION


@dataclass(frozen=True, slots=True)
class OrganizationsEnd:
    """The end of a run of several organizations.

    `index` is the file of its index, if it has one; `failure` is that of the stream to which all wrote, if it failed.
    """

    results: Sequence[OrganizationResult]
    index: Path | None
    duration_s: float
    failure: CollectorError | None = None

    @property
    def exit_code(self) -> int:
        """0 if every organization is complete, the common exit code if all have the same, else 3.

        A stream that failed ends the whole run with its own exit code.
        """
        if self.failure is not None:
            return self.failure.exit_code
        return common_exit_code([result.exit_code for result in self.results])


class OrganizationsRun:
    """Collects the organizations of a selection. Call `execute` once."""

    def __init__(
        self,
        selection: Selection,
        id_input: IdInput,
        reporter: OrganizationsReporter,
        *,
        environ: Mapping[str, str] = os.environ,
        signals: Iterable[Signals] = (),
        watchdog: Watchdog | None = None,
        converter: Converter | None = None,
    ) -> None:
        self._selection = selection
        self._settings = selection.settings
        self._id_input = id_input
        self._reporter = reporter
        self._environ = Environment(environ)
        self._is_to_stream = is_stream(selection.settings.output.path)
        self._began = time.monotonic()
        self._now = time.time()
        self._ledger = Ledger()  # of the requests outside the organizations
        self._ceiling = common_ceiling(self._settings, reporter.warn)
        self._running: set[MemberRun] = set()
        self._names: dict[str, str] = {}  # by the id of the organization to which the records belong
        self._bugs: list[Exception] = []
        self._converter = converter
        self._shutdown = Shutdown(reporter.warn, signals, watchdog)

    async def execute(self) -> OrganizationsEnd:
        """Collect the organizations, and write their index.

        Raises what prevents the start: `UsageError`, `KeyRefused`, `OutputError`, `OutputLocked`, `RunStopped` and
        `Interrupted`; also `OutputError` if the index cannot be written. The failure of an organization is part of its
        result. A bug is raised as an exception group, after the index is written.
        """
        end: OrganizationsEnd | None = None
        failure: CollectorError | None = None
        with self._shutdown.handle_signals():
            try:
                with self._shutdown.run_scope:
                    async with anyio.create_task_group() as watchers:
                        watchers.start_soon(self._shutdown.enforce_max_duration, self._settings.limits.max_duration)
                        end = await self._execute()
                        watchers.cancel_scope.cancel()
            except* CollectorError as group:
                failure = first_of(group)
        if self._bugs:
            raise ExceptionGroup("bugs in the runs of organizations", self._bugs)
        if end is None:
            raise failure or self._shutdown.reason or RuntimeError("cancelled without a reason")
        return end

    async def _execute(self) -> OrganizationsEnd:
        output = self._settings.output
        require_placeholder(output, is_stream=self._is_to_stream)
        identity = new_identity(self._now)
        async with AsyncExitStack() as stack:
            stack.callback(self._ceiling.close)
            turns = await stack.enter_async_context(held_open(output.path)) if self._is_to_stream else None
            index = await self._open_index(stack, identity)
            context = RunContext(
                *(identity, self._now, self._environ, self._ceiling, self._id_input), turns, converter=self._converter
            )
            prepared = await prepare(self._selection, context, index, self._reporter, self._ledger)
            await self._begin(index, prepared)
            results = await self._collect_all(prepared)
            if index is not None:
                await self._write(index, prepared.context.identity, results)
        return OrganizationsEnd(
            *(results, index.path if index else None, time.monotonic() - self._began), turns.failure if turns else None
        )

    async def _open_index(self, stack: AsyncExitStack, identity: Identity) -> IndexFile | None:
        output, warn = self._settings.output, self._reporter.warn
        index = index_of(output, warn, run_id=identity.run_id, now=self._now, is_stream=self._is_to_stream)
        if index is None:
            return None
        stack.push_async_callback(_close, index)
        await to_thread.run_sync(index.open)
        return index

    async def _begin(self, index: IndexFile | None, prepared: Preparation) -> None:
        """Mark the run as unfinished, or report which interrupted one it continues."""
        identity = prepared.context.identity
        if prepared.context.continues:
            self._reporter.tell(
                f"continuing the interrupted run {identity.run_id}, which started at {identity.started_at}"
            )
        elif index is not None and not self._is_to_stream:
            await to_thread.run_sync(index.mark, prepared.header)
        self._reporter.begin(len(prepared.organizations))

    async def _collect_all(self, prepared: Preparation) -> list[OrganizationResult]:
        self._shutdown.forward = self._stop_running
        at_once = self._settings.limits.organizations_at_once
        return await map_concurrently(prepared.organizations, at_once, partial(self._collect, prepared.context))

    def _stop_running(self, reason: CollectorError, immediately: bool) -> None:
        for member in self._running:
            member.stop(reason, immediately)

    async def _collect(self, context: RunContext, organization: Organization) -> OrganizationResult:
        reason = self._shutdown.reason
        if reason is not None:
            return not_started(organization, reason)
        member = MemberRun(organization, context, self._reporter.of(organization.name))
        self._running.add(member)
        try:
            ending = await member.execute()
        except Exception as bug:  # raised at the end, so that the others finish
            self._bugs.append(bug)
            ending = member.broken()
        finally:
            self._running.discard(member)
        self._reporter.finish(organization.name, ending.text, has_failed=ending.result.exit_code != ExitCode.OK)
        self._warn_of_duplicate(organization, ending.organization_id)
        if context.turns is not None and context.turns.failure is not None:  # no organization can write any more
            self._shutdown.stop(context.turns.failure)
        return ending.result

    def _warn_of_duplicate(self, organization: Organization, organization_id: str | None) -> None:
        other = self._names.setdefault(organization_id, organization.name) if organization_id else organization.name
        if other != organization.name:
            self._reporter.warn(
                f"{other} and {organization.name} are the same organization ({organization_id}), whose connections "
                "are collected twice; correct a key in [[organizations]]"
            )

    async def _write(self, index: IndexFile, identity: Identity, results: Sequence[OrganizationResult]) -> None:
        api = self._settings.api
        report = IndexReport(
            run_id=identity.run_id,
            version=VERSION,
            base_url=api.base_url,
            api_version=api.version,
            started_at=identity.started_at,
            finished_at=stamp(time.time()),
            duration_s=time.monotonic() - self._began,
            requests=self._ledger.requests,
            organizations=results,
        )
        write = partial(index.write, encode(report, index.path), is_finished=self._shutdown.reason is None)
        await to_thread.run_sync(write)


async def _close(index: IndexFile) -> None:
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(index.close)
