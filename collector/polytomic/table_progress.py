"""The counts of one side table while it is read, and how it ended. Writes each row once. Must not know requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from collector.model.ledger import Tally
from collector.model.side_tables import Row, SideTable, TableEnd, TableStatus
from collector.polytomic.rows import NormalizedRow

Put: TypeAlias = Callable[[Row], Awaitable[None]]
"""Writes one row; a slow one slows the requests."""


class Batch(NamedTuple):
    """The rows of one reply.

    - `without_key`: the number of items that are not rows, because they have no id.
    - `next_token`: the token of the next page; empty without one.
    - `repairs`: the paths of repaired values.
    """

    rows: list[NormalizedRow]
    without_key: int = 0
    next_token: str = ""
    repairs: tuple[str, ...] = ()


class TableProgress:
    """Writes and counts the rows of one table."""

    def __init__(self, table: SideTable, put: Put) -> None:
        self.replies = 0
        self._table = table
        self._put = put
        self._rows = 0
        self._duplicates = 0
        self._without_key = 0
        self._tally = Tally()
        self._keys: set[tuple[str, ...]] = set()

    async def add(self, batch: Batch) -> int:
        """Write the new rows of a reply, and return their number."""
        self.replies += 1
        self._without_key += batch.without_key
        for path in batch.repairs:
            self._tally.repairs.count(path)
        keys = set() if self._table.is_per_connection else self._keys  # no other connection has the same rows
        new = 0
        for each in batch.rows:
            if each.key in keys:
                self._duplicates += 1
                continue
            keys.add(each.key)
            self._tally.add_values(each)
            new += 1
            await self._put(each.row)
            self._rows += 1
        return new

    def end(self, status: TableStatus, problem: str = "", *, skipped: int = 0) -> TableEnd:
        """The end of the table. `problem` says why it is not complete, and what to do."""
        if status is TableStatus.COMPLETE and self._without_key:
            status = TableStatus.PARTIAL
            problem = (
                f"items without an id: {self._without_key}; they are not rows; report them to the server's operator"
            )
        return TableEnd(status, self._rows, self.replies, problem, skipped, self._duplicates, self._tally)
