"""The side tables of a run on disk: written whole or again, listed once finished, and published with the snapshot.

    open ─ put … ─ finish      rows synced, then the entry listed in `…partial.tables.json`
    load                       the next process keeps the listed tables whose file is unchanged

A table that is not listed is read again from its start, because a page token may not outlive its process.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

import orjson
from anyio import to_thread

from collector.model.side_tables import SideTable, TableEnd, TableStatus
from collector.snapshot.json_document import Malformed, parse
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import FileEntry, TableEntry, table_entry, table_entry_of
from collector.storage.durable_files import Files
from collector.storage.journal import Journal

_BATCH_BYTES: Final = 512 * 1024  # as of records


class TableWriter:
    """Writes the rows of one side table."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.rows = 0
        self._lines: list[bytes] = []
        self._size = 0

    async def put(self, line: bytes) -> None:
        """Add the line of a row, and write a batch when it is full. Raises `OutputError`."""
        self.rows += 1
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write the rows that were put. Raises `OutputError`."""
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            await to_thread.run_sync(self.journal.append, b"".join(lines))


class TableFiles:
    """The side tables of one run of an output."""

    def __init__(self, files: Files, paths: SnapshotPaths, run_id: str, wanted: Collection[str]) -> None:
        """`wanted` are the tables that the run is to write."""
        self._wanted = wanted
        self._files = files
        self._paths = paths
        self._run_id = run_id
        self._entries: dict[str, TableEntry] = {}
        self._open_writer: TableWriter | None = None

    def load(self) -> None:
        """Keep the wanted and complete tables of an earlier process of this run. Blocks; raises `OutputError`."""
        for entry in _listed(self._files.read(self._paths.partial_tables) or b"", self._run_id):
            path = self._paths.partial_table(entry.table)
            if (
                entry.table in self._wanted
                and entry.status is TableStatus.COMPLETE
                and self._files.has_content(path, entry.file.bytes, entry.file.sha256)
            ):
                self._entries[entry.table] = entry

    @property
    def finished(self) -> frozenset[str]:
        """The tables that need not be read again."""
        return frozenset(self._entries)

    async def open(self, table: str) -> TableWriter:
        """Begin a table with an empty file. Raises `OutputError`."""
        self._open_writer = writer = await to_thread.run_sync(self._open, table)
        return writer

    def _open(self, table: str) -> TableWriter:
        path = self._paths.partial_table(table)
        journal = Journal(self._files.system, partial(self._files.create, path), str(path), path=path)
        journal.open()
        return TableWriter(journal)

    async def finish(self, table: SideTable, end: TableEnd) -> None:
        """Sync the table that is open, and list it. Raises `OutputError`."""
        writer, self._open_writer = self._open_writer, None
        if writer is None:
            raise RuntimeError("call open first")
        await writer.flush()
        await to_thread.run_sync(self._finish, table, writer, end)

    def _finish(self, table: SideTable, writer: TableWriter, end: TableEnd) -> None:
        journal = writer.journal
        journal.sync()
        file = FileEntry(self._paths.partial_table(table.name).name, writer.rows, journal.bytes, journal.sha256)
        self._entries[table.name] = table_entry_of(table, file, end)
        self._list()
        journal.close()

    def _list(self) -> None:
        tables = [entry.as_json() for entry in self._entries.values()]
        self._files.write_atomically(
            self._paths.partial_tables, orjson.dumps({"run_id": self._run_id, "tables": tables})
        )

    def entries(self, *, finished: bool) -> list[TableEntry]:
        """The entries for the manifest, by their final or unfinished names."""
        if not finished:
            return list(self._entries.values())
        return [
            entry._replace(file=entry.file._replace(path=self._paths.table(entry.table).name))
            for entry in self._entries.values()
        ]

    def __repr__(self) -> str:
        return f"<TableFiles {', '.join(self._entries) or 'without a table'}>"


def _listed(content: bytes, run_id: str) -> Sequence[TableEntry]:
    """The entries that a process of this run listed; none if the list is missing or of another run."""
    try:
        found = parse(content)
        return [table_entry(each) for each in found["tables"].elements()] if found["run_id"].value == run_id else []
    except Malformed:
        return []
