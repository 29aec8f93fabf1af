"""One run, from ids to published files.

list ─▸ ids ─▸ workers ─▸ fetcher: id → Outcome
                  ├─▸ ledger
                  └─▸ line ─▸ record order ─▸ sink
side tables, after the ids ─▸ sink, ledger
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
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
from collector.model.record import SCHEMA, Json
from collector.model.secret import Environment
from collector.model.throughput import Throughput
from collector.model.timestamps import stamp
from collector.polytomic.cross_check import CrossCheckReport
from collector.run.assembly import OWN_ACCESS, SYSTEM_CLOCK, Access, Components, open_components
from collector.run.drift_check import DriftCheck
from collector.run.guards import require_access, require_organization, require_owner, require_readable
from collector.run.identity import Identity
from collector.run.ids.id_input import IdInput
from collector.run.listing import Listing
from collector.run.observers.reporter import Reporter
from collector.run.output import RunOutput
from collector.run.pipeline import collect
from collector.run.record_order import record_order
from collector.run.second_pass import SecondPass
from collector.run.settings import Settings
from collector.run.shutdown import Shutdown
from collector.run.side_tables import SideTables
from collector.run.watchdog import Watchdog
from collector.snapshot.lines import EncodedOutcome, encode_outcome
from collector.snapshot.manifest import RunReport, TableEntry, encode
from collector.snapshot.sinks.resume import UNKNOWN_IDS, Resume, ResumedRun, RunHeader
from collector.version import VERSION

_HEARTBEAT = 0.2  # seconds between two flushes of buffered records, and between two updates of the progress


class Run:
    """Collects connections, from ids to published files. Call `execute` once."""

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
        access: Access = OWN_ACCESS,
    ) -> None:
        """The caller has filled in the path of `output` with the run id of `identity`.

        `access` is what the run has in common with other runs of this process, which `stop` may end together.
        """
        self._settings = settings
        self._identity = identity
        self._id_input = id_input
        self._output = output
        self._sink = output.sink
        self._reporter = reporter
        self._environ = Environment(environ)
        self._access = access
        self.ledger = Ledger(input=id_input.count, has_all_ids=False)
        self.throughput = Throughput()
        self.duration_s = 0.0
        self.manifest = b""  # the last one that the run made; empty before
        self.organization_id: str | None = None  # that of the first record
        self._resumed_run: ResumedRun | None = None
        self._cross_check_report: CrossCheckReport | None = None
        self._listing = Listing(settings, id_input)
        self._side_tables = SideTables(settings.tables.include, id_input.ids, settings.output.configuration_as)
        self._second_pass = SecondPass()
        self._drift = DriftCheck(settings.output.fail_on, reporter)
        self._order = record_order(settings.output.order)
        self._form = settings.output.form
        self._shutdown = Shutdown(reporter.warn, signals, watchdog)

    def place(self, *, finished: bool) -> str:
        """The name of the file or stream that holds the records, for messages."""
        return self._sink.place(finished=finished)

    @property
    def tables(self) -> list[TableEntry]:
        """The side tables that the run has finished."""
        return self._sink.tables.entries(finished=False) if self._sink.tables else []

    @property
    def manifest_path(self) -> Path | None:
        """The file of the manifest that describes this run; None without such a file."""
        return self._sink.written_manifest

    @property
    def resume_hint(self) -> str | None:
        """Advice on how to resume this run after it stopped; None if it left no files."""
        if self._settings.ids.from_list:
            always = self._settings.output.resume is Resume.ALWAYS
            return f"rerun the same command{' with --resume auto' if always else ''} to read the list again"
        return self._output.resume_hint

    def stop(self, reason: CollectorError, immediately: bool) -> None:
        """Request the end of the run: after the requests in flight, or immediately."""
        self._shutdown.stop(reason, immediately=immediately)

    async def execute(self) -> CollectorError | None:
        """Collect the connections and publish the records; return the failure that ended the run, if any.

        Raises an error that prevents the start: `ConfigError`, `OutputError`, `OutputLocked`, and, while the run waits
        for its output, `Interrupted` and `RunStopped`. In these cases the run has sent no request and changed no
        snapshot. A bug is raised as an exception group, after the collected records are saved.
        """
        with self._shutdown.handle_signals():
            return await self._execute()

    async def _execute(self) -> CollectorError | None:
        began = time.monotonic()
        is_open = False
        failure: CollectorError | None = None
        bug: ExceptionGroup[Exception] | None = None
        try:
            with self._shutdown.run_scope:
                async with (
                    open_components(
                        self._settings, self.ledger, self._reporter, self._environ, self._access
                    ) as components,
                    anyio.create_task_group() as watchers,
                ):
                    watchers.start_soon(self._shutdown.enforce_max_duration, self._settings.limits.max_duration)
                    await self._sink.open()
                    is_open = True
                    try:
                        await self._collect(components, watchers)
                    finally:
                        self.throughput = components.client.throughput(time.monotonic() - began)
                    watchers.cancel_scope.cancel()
        except* CollectorError as group:
            failure = first_of(group)
        except* Exception as group:  # a bug; the collected records are saved nevertheless
            bug, failure = group, CollectorError("a bug in collector ended the run")
        self.duration_s = time.monotonic() - began
        if not self._is_finished:
            failure = failure or self._shutdown.reason
        if failure is not None and not is_open:
            await _failure_of(self._sink.close())
            raise bug or self._shutdown.reason or failure
        failure = await self._finish(failure)
        if bug is not None:
            raise bug
        return failure

    @property
    def _is_finished(self) -> bool:
        has_all_outcomes = self.ledger.has_all_ids and self.ledger.input.unique == self.ledger.done
        return has_all_outcomes and self._side_tables.is_done

    async def _collect(self, components: Components, watchers: TaskGroup) -> None:
        with anyio.CancelScope() as workers:
            watchers.start_soon(self._shutdown.drain, components.client, workers)
            self._shutdown.can_drain = True
            if not self._settings.ids.from_list:
                await self._discover(components)
            header = await to_thread.run_sync(self._header)  # in a thread: it hashes all ids
            try:
                self._resume(await self._output.begin(header, self._id_input.ids))
            finally:
                self._sink = self._output.sink
            await to_thread.run_sync(self._load_baseline)
            watchers.start_soon(self._flush_periodically)
            self._reporter.begin(self.ledger)
            if self._settings.ids.from_list:
                await self._collect_listed(components)
            elif self.ledger.done < self.ledger.input.unique:
                await self._run_workers(components)
            await self._collect_tables(components)
            self._cross_check(components)

    def _load_baseline(self) -> None:
        self._drift.load(self._output.manifests_to_compare())

    async def _run_workers(self, components: Components) -> None:
        async def cool_down(seconds: float) -> None:
            self._reporter.note(f"second pass: {len(self._second_pass)} ids get one more attempt in {seconds:.0f} s")
            await components.client.cool_down(seconds)

        fetcher = components.create_fetcher(self._identity.run_id)
        if self._resumed_run and self._resumed_run.answered_id:
            fetcher.set_probe_target(self._resumed_run.answered_id)
        await collect(
            self._order.in_turn(self._id_input.ids),
            fetcher,
            self._accept_outcome,
            workers=min(self._settings.limits.concurrency, len(self._id_input.ids)),
            second_pass=self._second_pass,
            clock=SYSTEM_CLOCK,
            cool_down=cool_down,
            on_deferral=lambda id_: self._put(self._order.skip(id_)),
        )

    def _resume(self, resumed: ResumedRun | None) -> None:
        self._resumed_run = resumed
        if resumed is None:
            return
        self._identity = Identity(resumed.run_id, resumed.started_at)
        self.organization_id = next(iter(resumed.organizations), None)
        self._form = resumed.form or self._form
        self.ledger.add_resumed(resumed.tally)

    async def _discover(self, components: Components) -> None:
        await self._listing.find_ids(components.client, components.reader, components.cross_check)
        self._require_ids()

    async def _collect_listed(self, components: Components) -> None:
        records = components.create_listed_records(self._identity.run_id)
        await self._listing.collect(components.client, records, self._accept_outcome)
        self._require_ids()

    def _require_ids(self) -> None:
        """The input is complete. Raise `InputError` if it has no ids to collect."""
        self._id_input.report_problems(self._reporter.warn)
        self._listing.require_ids()
        if warning := self._listing.warning:
            self._reporter.warn(warning)
        self.ledger.has_all_ids = True

    async def _collect_tables(self, components: Components) -> None:
        if self._sink.tables is None:
            self._side_tables.is_done = True  # the run was published before, with its tables
            return
        if not (self._side_tables.is_done or self._side_tables.has_new_records):
            await self._confirm_organization(components)
        read = partial(
            components.create_table_reader(self._identity.run_id).read,
            workers=self._settings.limits.concurrency,
            organization_id=self.organization_id,
        )
        await self._side_tables.collect(self._sink.tables, read, self.ledger, warn=self._reporter.warn)

    async def _confirm_organization(self, components: Components) -> None:
        """Request a record of the resumed run again: no other record has shown which organization the key reads."""
        known = self._resumed_run and self._resumed_run.answered_id
        if known is None:
            return
        outcome = await components.create_fetcher(self._identity.run_id).fetch(known)
        if outcome.record is not None:
            self._check_organization(outcome.record["organization_id"])
        else:
            require_readable(outcome, self._sink.place(finished=False))

    def _cross_check(self, components: Components) -> None:
        if components.cross_check is not None:
            id_input = self._id_input
            self._cross_check_report = report = components.cross_check.report(id_input.ids, id_input.left_out)
            (self._reporter.warn if report.has_differences else self._reporter.tell)(str(report))

    def _selection(self) -> dict[str, Json]:
        """How the ids were selected, as far as not by the input alone."""
        ids, conditions = self._settings.ids, self._settings.filter
        return {
            **({"all": True} if ids.all else {}),
            **({"from_list": True} if ids.from_list else {}),
            **({"filter": conditions.as_manifest()} if conditions.is_active else {}),
        }

    async def _accept_outcome(self, outcome: Outcome) -> None:
        encoded = encode_outcome(outcome, self._form)
        if encoded.outcome.record is not None:
            self._check_organization(encoded.outcome.record["organization_id"])
        self._write_outcome(encoded)
        if outcome.kind is OutcomeKind.FORBIDDEN:
            require_access(self.ledger)
        if self._sink.writer.is_full:
            await self._sink.writer.wait_for_capacity()
        await self._order.wait_for_room()

    def _write_outcome(self, encoded: EncodedOutcome) -> None:
        self.ledger.add(encoded.outcome)
        self._side_tables.add(encoded.outcome)
        if encoded.outcome.record is None:
            self._drift.add_failure(encoded.outcome.id)
        self._put(self._order.accept(encoded))

    def _put(self, encoded: Sequence[EncodedOutcome]) -> None:
        for outcome, line in encoded:
            self._sink.writer.put(outcome, line)
            if outcome.record is not None:
                self.organization_id = self.organization_id or outcome.record["organization_id"]

    def _check_organization(self, found: str | None) -> None:
        require_owner(found, self._access.organization_id)
        if self._resumed_run is not None:
            require_organization(found, self._resumed_run.organizations, self._sink.place(finished=False))

    async def _flush_periodically(self) -> None:
        while True:
            await anyio.sleep(_HEARTBEAT)
            await self._sink.writer.flush()
            self._reporter.refresh()

    async def _finish(self, failure: CollectorError | None) -> CollectorError | None:
        """Write the remaining records, reconcile the ledger and publish; return the failure that ended the run."""
        with anyio.CancelScope(shield=True):
            failure = await self._reconcile(failure)
            if not self._drift.is_loaded:
                await to_thread.run_sync(self._load_baseline)
            self._drift.conclude(self._identity.run_id, self._id_input.ids, self.ledger, finished=failure is None)
            if failure is None:
                failure = await _failure_of(self._sink.prepare(self._shutdown.check))
            if failure is None:
                self.manifest = self._manifest(None)
                failure = await _failure_of(self._sink.publish(self.manifest))
            if failure is not None:
                self.manifest = self._manifest(failure)
                await _failure_of(self._sink.leave(self.manifest))
            file_failure = await _failure_of(self._sink.close())
        return failure or file_failure

    async def _reconcile(self, failure: CollectorError | None) -> CollectorError | None:
        for id_ in self._second_pass.ids:  # the run ended before their second pass
            self._write_outcome(EncodedOutcome(self._second_pass[id_]))
        self._put(self._order.drain())
        file_failure = await _failure_of(self._sink.writer.finish(is_complete=failure is None))
        failure = failure or file_failure
        try:
            self.ledger.reconcile(finished=failure is None, written=self._sink.writer.committed)
        except LedgerMismatch as mismatch:
            return mismatch
        return failure

    @cached_property
    def _ids_digest(self) -> str:
        return self._id_input.ids.digest()

    def _header(self) -> RunHeader:
        return header_of(
            self._settings, self._identity, UNKNOWN_IDS if self._settings.ids.from_list else self._ids_digest
        )

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
            finished=failure is None or (isinstance(failure, NothingCollected) and self.ledger.input.unique > 0),
            exit_code=exit_code_of(self.ledger) if failure is None else failure.exit_code,
            pace=self.throughput,
            organization_id=self.organization_id,
            redaction=settings.redact.as_manifest(),
            output={**settings.output.as_manifest(), **self._form.as_json()},
            selection=self._selection(),
            cross_check=self._cross_check_report.as_manifest() if self._cross_check_report else None,
            drift=self._drift.report,
            earlier_shape=self._drift.earlier_shape,
        )
        finished, tables = failure is None, self._sink.tables
        return encode(
            report, self._sink.file_entries(finished=finished), tables.entries(finished=finished) if tables else ()
        )


def header_of(settings: Settings, identity: Identity, ids_digest: str = UNKNOWN_IDS) -> RunHeader:
    """The run header of a run with these settings."""
    api = settings.api
    return RunHeader(
        *identity,
        ids_digest,
        api.base_url,
        api.version,
        SCHEMA,
        redaction=settings.redact.digest(),
        form=settings.output.form_text(),
    )


async def _failure_of(step: Awaitable[None]) -> CollectorError | None:
    try:
        await step
    except CollectorError as failure:
        return failure
    return None
