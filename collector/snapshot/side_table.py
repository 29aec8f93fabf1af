"""Compare the side tables of a snapshot with the entries of its manifest."""

from __future__ import annotations

from collections.abc import Iterator

from collector.model.record import Json
from collector.model.side_tables import TableStatus
from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.lines import InvalidLine, read_row
from collector.snapshot.manifest import TableEntry
from collector.snapshot.snapshot_file import open_regular, reject
from collector.storage.compression import Compression


def verified_rows(checked: CheckedManifest, entry: TableEntry) -> Iterator[dict[str, Json]]:
    """Each row of a listed side table; after the last one, its file is compared with the entry.

    Raises `Damaged` with the first mismatch, and `InputError` for a file that cannot be read.
    """
    path, _ = checked.files.table(entry.table)
    rows = 0
    with open_regular(path) as file:
        for where, line in file.lines(Compression.PLAIN):
            rows += 1
            try:
                row = read_row(line, entry.table, checked.manifest.form)
            except InvalidLine as reason:
                reject(path, f"{where}: {reason}")
            if row["_run_id"] != checked.manifest.run_id:
                reject(path, f"{where}: the row belongs to another run")
            yield row
        file.require_match(entry.file, rows, "rows")


def note_on_table(checked: CheckedManifest, entry: TableEntry) -> str | None:
    """A note on a side table that is not complete."""
    path, _ = checked.files.table(entry.table)
    return None if entry.status is TableStatus.COMPLETE else f"{path}: {entry.status}: {entry.reason}"
