"""One run, from ids to published files.

ids ─▸ pump(crew) ─▸ engine: id → Outcome
           └─▸ sink, account
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from signal import Signals
from typing import NoReturn, Protocol

import anyio
import orjson

from collector.account import Account
from collector.config import Settings
from collector.engine import Engine, engine
from collector.errors import (
    AccountMismatch,
    CollectorError,
    InputError,
    Interrupted,
    KeyRefused,
    OutputError,
    RunStopped,
    UsageError,
    first_of,
)
from collector.listing import list_ids
from collector.manifest import FileFacts, RunFacts, exit_code_of, manifest
from collector.model import SCHEMA, Outcome, OutcomeKind
from collector.pacing import Pacer
from collector.pipeline import pump
from collector.sink import sink_for
from collector.source import Intake
from collector.timestamps import stamp
from collector.version import VERSION

_HEARTBEAT = 0.2  # seconds between two flushes of what is buffered, and two looks at the progress
_GRACE = 5.0  # seconds that requests in flight have when a run is stopped
_LAST_RESORT = 3.0  # seconds that a write has after that
_TELLING_ANSWERS = 5  # so many first answers, all 403, tell of the key and not of the connections


class Reporter(Protocol):
    """What a run tells while it goes on. Nothing it is told holds a secret."""

    def begin(self, account: Account) -> None:
        """The ids are known, the first is about to be asked for; `account` fills from here on."""

    def tick(self) -> None:
        """A moment passed."""

    def warn(self, text: str) -> None:
        """Something the user should know."""

    def note(self, text: str) -> None:
        """Something for who wants to know all."""


class Run:
    """Collects once, from ids to published files. `execute` it once."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        reporter: Reporter,
        *,
        environ: Mapping[str, str] = os.environ,
        signals: Iterable[Signals] = (),
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._reporter = reporter
        self._environ = environ
        self._signals = tuple(signals)
        self._started = time.time()
        self.run_id = new_run_id(self._started)
        self.account = Account(input=intake.count)
        self.paused_s = 0.0
        self.duration_s = 0.0
        self._organization_id: str | None = None
        self._stop: CollectorError | None = None
        if not settings.ids.all and not intake.ids:
            _no_ids(intake)
        output = settings.output
        path = _filled_in(output.path, self.run_id, self._started)
        self._sink = sink_for(path, errors=output.errors, manifest=output.manifest, warn=reporter.warn)

    def place(self, *, finished: bool) -> str:
        """Where the records of a run are, for a message."""
        return self._sink.place(finished=finished)

    async def execute(self) -> CollectorError | None:
        """Collect, and publish what was collected; a failure that ended the run is returned, not raised.

        Raises what keeps a run from starting: `ConfigError`, `OutputError`, `OutputLocked`. Nothing has been asked
        for then, and no snapshot is changed.
        """
        began = time.monotonic()
        is_open = False
        failure: CollectorError | None = None
        bug: ExceptionGroup[Exception] | None = None
        try:
            async with engine(
                self._settings, self.account, self.run_id, note=self._reporter.note, environ=self._environ
            ) as parts:
                await self._sink.open()
                is_open = True
                try:
                    await self._collect(parts)
                finally:
                    self.paused_s = parts.limiter.paused_s
        except* CollectorError as group:
            failure = first_of(group)
        except* Exception as group:  # a bug: what was collected is kept all the same
            bug, failure = group, CollectorError("a bug in collector ended the run")
        self.duration_s = time.monotonic() - began
        if failure is not None and not is_open:
            raise bug or failure
        failure = await self._close(failure)
        if bug is not None:
            raise bug
        return failure

    async def _collect(self, parts: Engine) -> None:
        async with anyio.create_task_group() as watchers:
            with anyio.CancelScope() as crew:
                watchers.start_soon(self._beat)
                watchers.start_soon(self._watch_signals, parts.pacer, crew)
                watchers.start_soon(self._watch_clock, parts.pacer, crew)
                await self._discover(parts)
                await self._sink.begin(self._head())
                self._reporter.begin(self.account)
                workers = min(self._settings.limits.concurrency, len(self._intake.ids))
                await pump(self._intake.ids, parts.fetcher.fetch, self._emit, crew=workers)
            watchers.cancel_scope.cancel()
        is_finished = 0 < self.account.input.unique == self.account.done
        if self._stop is not None and not is_finished:
            raise self._stop

    async def _discover(self, parts: Engine) -> None:
        if not self._settings.ids.all:
            return
        found = await list_ids(parts.transport.stream, parts.asker, parts.pacer, wall=time.time)
        for number, text in enumerate(found, start=1):
            self._intake.take(text, "--all", number)
        self._intake.tell(self._reporter.warn)
        if not self._intake.ids:
            _no_ids(self._intake)

    async def _emit(self, outcome: Outcome) -> None:
        self._sink.put(outcome)
        self.account.add(outcome)
        if outcome.record is not None:
            self._organization_id = self._organization_id or outcome.record["organization_id"]
        elif outcome.kind is OutcomeKind.FORBIDDEN:
            self._doubt_key()
        if self._sink.is_full:
            await self._sink.flush()

    def _doubt_key(self) -> None:
        account = self.account
        if account.done == account.outcomes[OutcomeKind.FORBIDDEN] == _TELLING_ANSWERS < account.input.unique:
            raise KeyRefused(
                f"the first {_TELLING_ANSWERS} answers are all HTTP 403: this key may not read these connections"
            )

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(_HEARTBEAT)
            await self._sink.flush()
            self._reporter.tick()

    async def _watch_signals(self, pacer: Pacer, crew: anyio.CancelScope) -> None:
        if not self._signals:
            return
        with anyio.open_signal_receiver(*self._signals) as arrivals:
            async with anyio.create_task_group() as stopping:
                async for signum in arrivals:
                    if self._stop is not None:
                        crew.cancel()
                        continue
                    self._reporter.warn(f"{Signals(signum).name}: stopping; once more to stop at once")
                    stopping.start_soon(self._wind_down, Interrupted(signum), pacer, crew)

    async def _watch_clock(self, pacer: Pacer, crew: anyio.CancelScope) -> None:
        seconds = self._settings.limits.max_duration
        if seconds is not None:
            await anyio.sleep(seconds)
            await self._wind_down(RunStopped(f"--max-duration {seconds:g} s is over"), pacer, crew)

    async def _wind_down(self, reason: CollectorError, pacer: Pacer, crew: anyio.CancelScope) -> None:
        """Start nothing more, give what is in flight a grace, then end the crew."""
        self._stop = self._stop or reason
        pacer.hold()
        with anyio.move_on_after(_GRACE):
            while pacer.in_flight:  # noqa: ASYNC110  # a matter of seconds, once a run
                await anyio.sleep(0.01)
        crew.cancel()
        await anyio.sleep(_LAST_RESORT)  # which ends with the crew, unless a write is stuck in the system
        self._reporter.warn("the output takes nothing any more; what is not written yet is lost")
        os._exit(reason.exit_code)

    async def _close(self, failure: CollectorError | None) -> CollectorError | None:
        """Write what is left, settle the account and publish; returns what ended the run, if anything did."""
        with anyio.CancelScope(shield=True):
            try:
                await self._sink.flush()
            except (OutputError, Interrupted) as error:
                failure = failure or error
            failure = self._settle(failure)
            try:
                if failure is None:
                    await self._sink.publish(self._manifest)
                else:
                    await self._sink.leave(partial(self._manifest, failure=failure))
            except CollectorError as error:
                failure = failure or error
        return failure

    def _settle(self, failure: CollectorError | None) -> CollectorError | None:
        records = self._sink.records
        try:
            if failure is not None:
                self.account.retract(records)  # what the output refused was counted when it was taken
            self.account.settle(finished=failure is None, records=records)
        except AccountMismatch as error:
            return error
        return failure

    @cached_property
    def _ids_digest(self) -> str:
        return self._intake.ids.digest()

    def _head(self) -> bytes:
        return orjson.dumps(
            {
                "run_id": self.run_id,
                "started_at": stamp(self._started),
                "ids_digest": self._ids_digest,
                "base_url": self._settings.api.base_url,
                "api_version": self._settings.api.version,
                "schema": SCHEMA,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def _manifest(self, files: list[FileFacts], failure: CollectorError | None = None) -> bytes:
        return manifest(
            RunFacts(
                run_id=self.run_id,
                version=VERSION,
                base_url=self._settings.api.base_url,
                api_version=self._settings.api.version,
                ids_digest=self._ids_digest,
                started_at=stamp(self._started),
            ),
            self.account,
            finished=failure is None,
            exit_code=exit_code_of(self.account) if failure is None else failure.exit_code,
            finished_at=stamp(time.time()),
            duration_s=self.duration_s,
            paused_s=self.paused_s,
            organization_id=self._organization_id,
            files=files,
        )


def new_run_id(now: float) -> str:
    """A run's name: sorts by time, can stand in a file name, never comes twice."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _filled_in(path: str, run_id: str, now: float) -> str:
    known = {"{date}": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}", "{run_id}": run_id}
    for unknown in set(re.findall(r"\{[^{}]*\}", path)) - known.keys():
        raise UsageError(f"--output {path}: {unknown} is no placeholder; there are {{date}} and {{run_id}}")
    return re.sub(r"\{[^{}]*\}", lambda found: known[found[0]], path)


def _no_ids(intake: Intake) -> NoReturn:
    count = intake.count
    raise InputError(
        f"no connection ids in the input ({count.lines} lines: {count.invalid} invalid, {count.blank} blank); "
        "name them, or give --ids FILE (- is standard input), or --all"
    )
