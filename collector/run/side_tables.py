"""The side tables of one run (`--with`): reads each that an earlier process has not finished, after the connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import TypeAlias

from collector.model.ids import IdSet
from collector.model.ledger import Ledger
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record_form import ConfigurationAs
from collector.model.side_tables import SHARED, SIDE_TABLES, Row, SideTable, TableEnd, TableStatus
from collector.polytomic.table_progress import Put
from collector.snapshot.lines import encode_as
from collector.snapshot.sinks.sink import Tables

ReadTable: TypeAlias = Callable[[SideTable, Put, Iterable[str]], Awaitable[TableEnd]]
"""Reads the rows of a table, for these connections if it is one per connection."""


class SideTables:
    """The tables that a run is to write, and the connections that they are read for.

    `has_new_records`: this process has collected a connection, so the tables per connection that an earlier process
    finished lack it, and are read again.
    """

    def __init__(self, names: Collection[str], ids: IdSet, configuration_as: ConfigurationAs) -> None:
        """`configuration_as` is the form of the configurations in rows."""
        self._configuration_as = configuration_as
        self._tables = [table for name, table in SIDE_TABLES.items() if name in names]
        self._ids = ids
        self._failed = IdSet()
        self._copies = IdSet()
        self.has_new_records = False
        self.is_done = not self._tables

    def add(self, outcome: Outcome) -> None:
        """Note a connection that has no side tables: one that failed, or, for `shared`, a copy of another one."""
        if self.is_done:
            return
        if outcome.kind is not OutcomeKind.OK:
            self._failed.add(outcome.id)
        elif outcome.record is not None:
            self.has_new_records = True
            if outcome.record["parent_connection_id"] is not None:
                self._copies.add(outcome.id)

    async def collect(self, tables: Tables, read: ReadTable, ledger: Ledger, *, warn: Callable[[str], None]) -> None:
        """Write every table that is not finished. Raises only a `CollectorError`, which ends the run."""
        for table in self._tables:
            is_whole = not (table.is_per_connection and self.has_new_records)
            if table.name not in tables.finished or not is_whole:
                await self._collect(table, tables, read, ledger, warn=warn)
        ledger.current_table = ""
        entries = tables.entries(finished=False)
        ledger.unfinished_tables = sum(entry.status is TableStatus.PARTIAL for entry in entries)
        self.is_done = True

    async def _collect(
        self, table: SideTable, tables: Tables, read: ReadTable, ledger: Ledger, *, warn: Callable[[str], None]
    ) -> None:
        ledger.current_table, ledger.table_rows = table.name, 0
        writer = await tables.open(table.name)

        async def put(row: Row) -> None:
            ledger.table_rows += 1
            await writer.put(encode_as(self._configuration_as, row))

        ids = self._connections_of(table) if table.is_per_connection else ()
        end = await read(table, put, ids)
        if end.reason:
            warn(f"side table {table.name}: {end.status}: {end.reason}")
        await tables.finish(table, end)

    def _connections_of(self, table: SideTable) -> Iterator[str]:
        excluded = (self._failed, self._copies) if table is SHARED else (self._failed,)
        return (id_ for id_ in self._ids.all() if not any(id_ in each for each in excluded))
