"""The plan of a run: its input, requests, time and files, without the run.

A plan sends at most the one request for the list, if the run reads the list before it begins. That request updates the
file of the shared quota, as every request does. No other file is changed. The locks of outputs are probed for an
instant, and not kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from collector.model.errors import CollectorError, first_of
from collector.model.ledger import InputCount, Ledger
from collector.model.record import Json
from collector.model.side_tables import SIDE_TABLES
from collector.run.assembly import OWN_ACCESS, Access, Components, open_components
from collector.run.ids.id_input import IdInput
from collector.run.listing import Listing
from collector.run.observers.reporter import Reporter
from collector.run.output import RunOutput
from collector.run.settings import FailOn, Settings
from collector.snapshot.baseline import newest_of
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.prospect import Prospect
from collector.snapshot.sinks.resume import RunHeader


class LastRun(NamedTuple):
    """The pace of the last run of the same output: its manifest, and the requests/s that it sent."""

    manifest: str
    rate: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run.

    - `lists`, `connections`, `tables`: requests for the list, for connections and for side tables, without retries.
      `connections` is None with --from-list, which finds their number in the list. Pages of side tables after the first
      are not known yet, nor, with --from-list, the requests of tables per connection.
    - `ceiling`: the rate ceiling in requests/s; 0 for none.
    - `files`: the names of the records, errors, manifest and side tables; for standard output those of --errors and
      --manifest.
    - `prospect`: what the run does with the files of earlier runs; None for a stream.
    - `baseline`: the manifest that the fields of the records are compared with; None if there is none yet.
    - `fails_on_drift`: a changed field ends the run with exit code 3.
    """

    input: InputCount
    lists: int
    connections: int | None
    tables: int
    ceiling: float
    last_run: LastRun | None
    files: Mapping[str, str]
    prospect: Prospect | None
    baseline: Path | None = None
    fails_on_drift: bool = False

    @property
    def requests(self) -> int:
        """All requests, without retries."""
        return self.lists + (self.connections or 0) + self.tables

    def seconds_at(self, rate: float) -> float | None:
        """The time of all requests at a rate in requests/s; None for rate 0."""
        return self.requests / rate if rate else None

    @property
    def _kept_tables(self) -> list[str]:
        return sorted(self.prospect.tables) if self.prospect else []

    def as_json(self) -> dict[str, Json]:
        """The plan as a JSON document."""
        count = {"lines": self.input.lines, **asdict(self.input)}
        last = self.last_run
        return {
            "format": "collector.plan/1",
            "input": {key: value for key, value in count.items() if value is not None},
            "requests": {
                "list": self.lists,
                "connections": self.connections,
                "tables": self.tables,
                "total": self.requests,
            },
            "at_ceiling": {"rate": self.ceiling, "seconds": self.seconds_at(self.ceiling)},
            "at_pace_of_last_run": {**last._asdict(), "seconds": self.seconds_at(last.rate)} if last else None,
            "files": dict(self.files),
            "drift": {"baseline": self.baseline and str(self.baseline), "fails": self.fails_on_drift},
            "output": None if self.prospect is None else {**self.prospect._asdict(), "tables": self._kept_tables},
        }


async def make_plan(
    settings: Settings,
    id_input: IdInput,
    output: RunOutput,
    header: RunHeader,
    *,
    reporter: Reporter,
    environ: Mapping[str, str],
    access: Access = OWN_ACCESS,
) -> Plan:
    """Find the ids as the run would, and look at its output. Completes `id_input`.

    `header` is that of the run, with any digest of ids, and `access` too. Raises the errors of a run before its first
    request for a connection.
    """
    listing, ids = Listing(settings, id_input), id_input.ids
    if not settings.ids.from_list:
        opening = open_components(settings, Ledger(), reporter, environ, access)
        await _discover(listing, id_input, opening, reporter.warn)
        header = header._replace(ids_digest=await to_thread.run_sync(ids.digest))
    path, prospect = await output.prospect(header, ids)
    remaining = sum(1 for _ in ids)
    prospect = _without_incomplete(prospect, remaining)
    manifests = await to_thread.run_sync(output.earlier_manifests)
    return Plan(
        input=id_input.count,
        lists=int(listing.purpose is not None),
        connections=None if settings.ids.from_list else remaining,
        tables=_table_requests(settings, len(ids), prospect),
        ceiling=settings.limits.rate,
        last_run=await to_thread.run_sync(_last_run, manifests),
        files=_files_of(settings, path),
        prospect=prospect,
        baseline=await to_thread.run_sync(newest_of, manifests),
        fails_on_drift=settings.output.fail_on is FailOn.DRIFT,
    )


def _table_requests(settings: Settings, connections: int, prospect: Prospect | None) -> int:
    """The requests for side tables that are not finished: one per page of a list, at least one."""
    finished = prospect.tables if prospect else frozenset[str]()
    wanted = [SIDE_TABLES[name] for name in settings.tables.include if name not in finished]
    return sum(connections if table.is_per_connection else 1 for table in wanted)


def _without_incomplete(prospect: Prospect | None, remaining: int) -> Prospect | None:
    """Without the tables per connection, which lack the connections that the run is still to collect."""
    if prospect is None or not remaining:
        return prospect
    lists = (name for name in prospect.tables if not SIDE_TABLES[name].is_per_connection)
    return prospect._replace(tables=frozenset(lists))


async def _discover(
    listing: Listing,
    id_input: IdInput,
    opening: AbstractAsyncContextManager[Components],
    warn: Callable[[str], None],
) -> None:
    failure: CollectorError | None = None
    if listing.purpose is not None:
        try:
            async with opening as components:
                await listing.find_ids(components.client, components.reader, None)
        except* CollectorError as group:
            failure = first_of(group)
    if failure is not None:
        raise failure
    id_input.report_problems(warn)
    listing.require_ids()


def _files_of(settings: Settings, path: Path | None) -> dict[str, str]:
    if path is None:
        named = {"errors": settings.output.errors, "manifest": settings.output.manifest}
        return {kind: name for kind, name in named.items() if name}
    paths = SnapshotPaths(path)
    files = {"records": path, "errors": paths.errors, "manifest": paths.manifest}
    files |= {name: paths.table(name) for name in settings.tables.include}
    return {kind: str(each) for kind, each in files.items()}


def _last_run(manifests: Sequence[Path]) -> LastRun | None:
    """The pace in the first manifest, the newest, that has one."""
    for manifest in manifests:
        try:
            found = json.loads(manifest.read_bytes())
            rate = round(found["requests"]["sent"] / found["duration_s"], 2)
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            continue
        if 0 < rate < math.inf:
            return LastRun(str(manifest), rate)
    return None
