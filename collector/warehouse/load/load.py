"""Load finished snapshots into a database, one after the other, from the oldest run to the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from collector.model.secret import Secret
from collector.snapshot.reader import SnapshotReader, open_snapshot
from collector.warehouse.columns import TABLES
from collector.warehouse.load.contract import require_same_columns
from collector.warehouse.load.destination import Destination
from collector.warehouse.load.extras import require_packages
from collector.warehouse.load.history import disposition
from collector.warehouse.load.ledger import begin_entry, end_entry, make_ledger, read_ledger
from collector.warehouse.load.loaded_table import ORGANIZATION, VALID_FROM, VALID_TO, loaded, loaded_batches
from collector.warehouse.load.nul import NulEscaper
from collector.warehouse.load.pipeline import Pipeline, TableData, connected
from collector.warehouse.load.plan import Contract, Mode, Night, is_loaded, ordered, require_loadable
from collector.warehouse.load.views import make_views
from collector.warehouse.load.workspace import workspace

if TYPE_CHECKING:
    import pyarrow as pa


class Options(NamedTuple):
    """The settings of a load."""

    mode: Mode = Mode.SCD2
    contract: Contract = Contract.EVOLVE


class NightResult(NamedTuple):
    """The result of one night. `opened` and `closed` count versions of all tables, and are None without history."""

    night: Night
    rows: dict[str, int]
    was_loaded: bool = False
    nul_values: int = 0
    opened: int | None = None
    closed: int | None = None


def load_snapshots(
    paths: Sequence[Path],
    destination: Destination,
    options: Options,
    state: Path,
    *,
    password: Secret | None,
    report: Callable[[NightResult], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Load the snapshots and report each of them. Raises `CollectorError`; then the reported ones are loaded.

    Calls `check` often; its exception ends the load, and the same call continues it.
    """
    require_packages(destination.kind)
    nights = ordered(map(_night, paths))
    with workspace(state, destination) as folder, connected(destination, password, folder, check) as pipeline:
        pipeline.lock()
        _Load(pipeline, destination, options, check).run(nights, report)


class _Load:
    def __init__(
        self, pipeline: Pipeline, destination: Destination, options: Options, check: Callable[[], None]
    ) -> None:
        self._pipeline = pipeline
        self._destination = destination
        self._options = options
        self._check = check

    def run(self, nights: Sequence[Night], report: Callable[[NightResult], None]) -> None:
        ledger = read_ledger(self._pipeline)
        require_loadable(nights, self._options.mode, ledger)
        pending = [night for night in nights if not is_loaded(night, self._options.mode, ledger)]
        self._pipeline.sync()
        require_same_columns(self._pipeline, _tables_of(pending), self._options.contract, self._destination)
        for night in nights:
            self._check()
            report(NightResult(night, {}, was_loaded=True) if night not in pending else self._load(night))

    def _load(self, night: Night) -> NightResult:
        nuls = NulEscaper()
        rows = self._extract(night, nuls)
        self._check()
        make_ledger(self._pipeline, self._destination.kind)
        begin_entry(self._pipeline, night, self._options.mode, rows, nuls.values)
        self._pipeline.load()
        make_views(self._pipeline, self._destination.kind, self._options.mode)
        end_entry(self._pipeline, night)
        opened, closed = self._versions(night, rows) if self._options.mode is Mode.SCD2 else (None, None)
        return NightResult(night, rows, nul_values=nuls.values, opened=opened, closed=closed)

    def _extract(self, night: Night, nuls: NulEscaper) -> dict[str, int]:
        """Read and verify the whole snapshot. Returns the numbers of rows by table."""
        rows: dict[str, int] = dict.fromkeys(night.tables, 0)
        with ExitStack() as stack:
            reader = stack.enter_context(open_snapshot(night.path))
            self._pipeline.extract([self._data(night, reader, name, nuls, rows) for name in night.tables])
            reader.finish()
        return rows

    def _data(
        self, night: Night, reader: SnapshotReader, name: str, nuls: NulEscaper, rows: dict[str, int]
    ) -> TableData:
        table = loaded(TABLES[name])

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in loaded_batches(table, reader, night.organization):
                self._check()
                rows[name] += batch.num_rows
                yield batch if self._destination.stores_nul else nuls.escape(table, batch)

        return TableData(table, batches(), disposition(self._options.mode, night, table))

    def _versions(self, night: Night, rows: dict[str, int]) -> tuple[int, int]:
        """How many versions begin and end with this night."""
        counts = []
        for column in (VALID_FROM, VALID_TO):
            found = [
                self._pipeline.query(
                    f"SELECT count(*) FROM {self._pipeline.table(name)} "  # noqa: S608  # own names
                    f"WHERE {column} = %s AND {ORGANIZATION} = %s",
                    *(night.manifest.started_at, night.organization),
                )[0][0]
                for name in rows
            ]
            counts.append(sum(map(int, found)))
        return counts[0], counts[1]


def _night(path: Path) -> Night:
    with open_snapshot(path) as reader:
        return Night(path, reader.manifest)


def _tables_of(nights: Sequence[Night]) -> list[str]:
    return sorted({table for night in nights for table in night.tables})
