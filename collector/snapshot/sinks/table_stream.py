"""The side tables of a run in its stream: each row is a message after those of the records."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

from collector.model.side_tables import SideTable, TableEnd
from collector.snapshot.manifest import STREAM_PATH, FileEntry, TableEntry, table_entry_of
from collector.snapshot.sinks.framing import Framing

_BATCH_BYTES: Final = 512 * 1024  # as of records


class _RowWriter:
    """Writes the rows of one side table."""

    def __init__(self, table: str, framing: Framing, write: Callable[[bytes], Awaitable[None]]) -> None:
        self.rows = 0
        self.bytes = 0
        self.digest = hashlib.sha256()
        self._table = table
        self._framing = framing
        self._write = write
        self._messages = bytearray()

    async def put(self, line: bytes) -> None:
        self.rows += 1
        self._messages += self._framing.row(self._table, line)
        if len(self._messages) >= _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write the rows that were put. Raises `OutputError`, and `Interrupted` if the pipe has lost its reader."""
        messages, self._messages = bytes(self._messages), bytearray()
        self.bytes += len(messages)
        self.digest.update(messages)
        await self._write(messages)

    @property
    def file_entry(self) -> FileEntry:
        """The bytes that the table has in the stream."""
        return FileEntry(STREAM_PATH, self.rows, self.bytes, self.digest.hexdigest())


class TableStream:
    """Writes the side tables of one run to its stream. None is ever kept from an earlier process."""

    finished: frozenset[str] = frozenset()

    def __init__(self, framing: Framing, write: Callable[[bytes], Awaitable[None]]) -> None:
        """`write` writes whole messages, after everything that the stream has accepted before."""
        self._framing = framing
        self._write = write
        self._entries: list[TableEntry] = []
        self._open_writer: _RowWriter | None = None

    async def open(self, table: str) -> _RowWriter:
        self._open_writer = writer = _RowWriter(table, self._framing, self._write)
        return writer

    async def finish(self, table: SideTable, end: TableEnd) -> None:
        writer, self._open_writer = self._open_writer, None
        if writer is None:
            raise RuntimeError("call open first")
        await writer.flush()
        self._entries.append(table_entry_of(table, writer.file_entry, end))

    def entries(self, *, finished: bool) -> list[TableEntry]:
        return [*self._entries]
