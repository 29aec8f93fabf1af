"""One run, from ids to published files.

ids ─▸ pump(crew) ─▸ engine: id → Outcome
           └─▸ sink, account
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Iterable, Mapping
from functools import cached_property
from signal import Signals

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from collector.model.errors import (
    CollectorError,
    LedgerMismatch,
    NothingCollected,
    first_of,
)
from collector.model.ledger import Ledger, exit_code_of
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record import SCHEMA
from collector.model.secret import Environment
from collector.model.throughput import Throughput
from collector.model.timestamps import stamp
from collector.polytomic.discovery import list_ids
from collector.run.assembly import SYSTEM_CLOCK, Assembly, assembled
from collector.run.guards import require_access, require_organization
from collector.run.id_input import IdInput
from collector.run.identity import Identity
from collector.run.observers.reporter import Reporter
from collector.run.output import RunOutput
from collector.run.pipeline import collect
from collector.run.second_pass import SecondPass
from collector.run.settings import Settings
from collector.run.shutdown import Shutdown
from collector.run.watchdog import Watchdog
from collector.snapshot.manifest import RunReport, encode
from collector.snapshot.sinks.resume import ResumedRun, RunHeader
from collector.version import VERSION

_HEARTBEAT = 0.2  # seconds between two flushes of what is buffered, and two looks at the progress


class Run:
    """Collects once, from ids to published files. `execute` it once."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        id_input: IdInput,
        output: RunOutput,
        reporter: Reporter,
        *,
        environ: Mapping[str, str] = os.environ,
        signals: Iterable[Signals] = (),
        watchdog: Watchdog | None = None,
    ) -> None:
        """`output` is filled in with the name in `identity`, if that stands in its path."""
        self._settings = settings
        self._identity = identity
        self._id_input = id_input
        self._output = output
        self._sink = output.sink
        self._reporter = reporter
        self._environ = Environment(environ)
        self.ledger = Ledger(input=id_input.count)
        self.pace = Throughput()
        self.duration_s = 0.0
        self._organization_id: str | None = None
        self._resumed_run: ResumedRun | None = None
        self._second_pass = SecondPass()
        self._shutdown = Shutdown(reporter.warn, signals, watchdog)

    def place(self, *, finished: bool) -> str:
        """Where the records of a run are, for a message."""
        return self._sink.place(finished=finished)

    @property
    def resume_hint(self) -> str | None:
        """What to do to resume this run once it stopped; None when it left nothing to resume."""
        return self._output.resume_hint

    async def execute(self) -> CollectorError | None:
        """Collect, and publish what was collected; a failure that ended the run is returned, not raised.

        Raises what keeps a run from starting: `ConfigError`, `OutputError`, `OutputLocked`, and, while it waits for
        its output, `Interrupted` and `RunStopped`. Nothing has been asked for then, and no snapshot is changed. A bug
        is raised, as an exception group, once what was collected is kept.
        """
        with self._shutdown.signals_heard():
            return await self._execute()

    async def _execute(self) -> CollectorError | None:
        began = time.monotonic()
        is_open = False
        failure: CollectorError | None = None
        bug: ExceptionGroup[Exception] | None = None
        try:
            with self._shutdown.run_scope:
                async with (
                    assembled(self._settings, self.ledger, self._reporter, self._environ) as parts,
                    anyio.create_task_group() as watchers,
                ):
                    watchers.start_soon(self._shutdown.watch_clock, self._settings.limits.max_duration)
                    await self._sink.open()
                    is_open = True
                    try:
                        await self._collect(parts, watchers)
                    finally:
                        self.pace = parts.client.pace(time.monotonic() - began)
                    watchers.cancel_scope.cancel()
        except* CollectorError as group:
            failure = first_of(group)
        except* Exception as group:  # a bug: what was collected is kept all the same
            bug, failure = group, CollectorError("a bug in collector ended the run")
        self.duration_s = time.monotonic() - began
        if not self._is_finished:
            failure = failure or self._shutdown.reason
        if failure is not None and not is_open:
            await _failure_of(self._sink.close())
            raise bug or self._shutdown.reason or failure
        failure = await self._close(failure)
        if bug is not None:
            raise bug
        return failure

    @property
    def _is_finished(self) -> bool:
        return 0 < self.ledger.input.unique == self.ledger.done

    async def _collect(self, parts: Assembly, watchers: TaskGroup) -> None:
        with anyio.CancelScope() as workers:
            watchers.start_soon(self._shutdown.drain, parts.client, workers)
            self._shutdown.can_drain = True
            await self._discover(parts)
            header = await to_thread.run_sync(self._header)  # which digests all ids
            try:
                self._resume(await self._output.begin(header, self._id_input.ids))
            finally:
                self._sink = self._output.sink
            watchers.start_soon(self._beat)
            self._reporter.begin(self.ledger)
            if not self._is_finished:
                await self._run_workers(parts)

    async def _run_workers(self, parts: Assembly) -> None:
        async def cool_down(seconds: float) -> None:
            self._reporter.note(f"{len(self._second_pass)} ids are asked for once more in {seconds:.0f} s")
            await parts.client.cool_down(seconds)

        fetcher = parts.fetcher_of(self._identity.run_id)
        if self._resumed_run and self._resumed_run.answered:
            fetcher.set_probe_target(self._resumed_run.answered)
        await collect(
            self._id_input.ids,
            fetcher,
            self._emit,
            workers=min(self._settings.limits.concurrency, len(self._id_input.ids)),
            second_pass=self._second_pass,
            clock=SYSTEM_CLOCK,
            cool_down=cool_down,
        )

    def _resume(self, taken: ResumedRun | None) -> None:
        self._resumed_run = taken
        if taken is None:
            return
        self._identity = Identity(taken.run_id, taken.started_at)
        self._organization_id = next(iter(taken.organizations), None)
        self.ledger.add_resumed(taken.tally)

    async def _discover(self, parts: Assembly) -> None:
        if not self._settings.ids.all:
            return
        found = await list_ids(parts.client)
        for number, text in enumerate(found, start=1):
            self._id_input.add_line(text, "--all", number)
        self._id_input.report(self._reporter.warn)
        self._id_input.require_ids("the list of --all", "check whose connections the key may list (--organization-id)")

    async def _emit(self, outcome: Outcome) -> None:
        if outcome.record is not None:
            self._know_organization(outcome.record["organization_id"])
        self._put(outcome)
        if outcome.kind is OutcomeKind.FORBIDDEN:
            require_access(self.ledger)
        if self._sink.writer.is_full:
            await self._sink.writer.wait_for_capacity()

    def _put(self, outcome: Outcome) -> None:
        self._sink.writer.put(outcome)
        self.ledger.add(outcome)

    def _know_organization(self, found: str | None) -> None:
        if self._resumed_run is not None:
            require_organization(found, self._resumed_run.organizations, self._sink.place(finished=False))
        self._organization_id = self._organization_id or found

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(_HEARTBEAT)
            await self._sink.writer.flush()
            self._reporter.tick()

    async def _close(self, failure: CollectorError | None) -> CollectorError | None:
        """Write what is left, settle the account and publish; returns what ended the run, if anything did."""
        with anyio.CancelScope(shield=True):
            failure = await self._reconcile(failure)
            if failure is None:
                failure = await _failure_of(self._sink.publish(self._manifest(None)))
            if failure is not None:
                await _failure_of(self._sink.leave(self._manifest(failure)))
            refused = await _failure_of(self._sink.close())
        return failure or refused

    async def _reconcile(self, failure: CollectorError | None) -> CollectorError | None:
        for one in self._second_pass.ids:  # which were to be asked for again
            self._put(self._second_pass[one])
        refused = await _failure_of(self._sink.writer.settle(is_whole=failure is None))
        failure = failure or refused
        try:
            self.ledger.reconcile(finished=failure is None, written=self._sink.writer.committed)
        except LedgerMismatch as mismatch:
            return mismatch
        return failure

    @cached_property
    def _ids_digest(self) -> str:
        return self._id_input.ids.digest()

    def _header(self) -> RunHeader:
        api, redaction = self._settings.api, self._settings.redact.digest()
        return RunHeader(*self._identity, self._ids_digest, api.base_url, api.version, SCHEMA, redaction)

    def _manifest(self, failure: CollectorError | None) -> bytes:
        settings = self._settings
        report = RunReport(
            run_id=self._identity.run_id,
            version=VERSION,
            base_url=settings.api.base_url,
            api_version=settings.api.version,
            ids_digest=self._ids_digest,
            started_at=self._identity.started_at,
            finished_at=stamp(time.time()),
            duration_s=self.duration_s,
            ledger=self.ledger,
            finished=failure is None or isinstance(failure, NothingCollected),
            exit_code=exit_code_of(self.ledger) if failure is None else failure.exit_code,
            pace=self.pace,
            organization_id=self._organization_id,
            redaction=settings.redact.as_manifest(),
        )
        return encode(report, self._sink.facts(finished=failure is None))


async def _failure_of(step: Awaitable[None]) -> CollectorError | None:
    try:
        await step
    except CollectorError as failure:
        return failure
    return None
