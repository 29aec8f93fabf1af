"""Compare the side tables of a snapshot with the entries of its manifest."""

from __future__ import annotations

from pathlib import Path

from collector.model.side_tables import TableStatus
from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.lines import InvalidLine, read_row
from collector.snapshot.manifest import Manifest, TableEntry
from collector.snapshot.snapshot_file import open_regular, reject
from collector.storage.compression import Compression


def check_tables(checked: CheckedManifest) -> list[str]:
    """Compare each listed side table, and return notes on those that are not complete.

    Raises `Damaged` with the first mismatch, and `InputError` for a file that cannot be read.
    """
    notes = []
    for entry in checked.manifest.tables:
        path, _ = checked.files.table(entry.table)
        _check_rows(path, entry, checked.manifest)
        if entry.status is not TableStatus.COMPLETE:
            notes.append(f"{path}: {entry.status}: {entry.reason}")
    return notes


def _check_rows(path: Path, entry: TableEntry, manifest: Manifest) -> None:
    rows = 0
    with open_regular(path) as file:
        for where, line in file.lines(Compression.PLAIN):
            rows += 1
            try:
                row = read_row(line, entry.table, manifest.form)
            except InvalidLine as reason:
                reject(path, f"{where}: {reason}")
            if row["_run_id"] != manifest.run_id:
                reject(path, f"{where}: the row belongs to another run")
        file.require_match(entry.file, rows, "rows")
