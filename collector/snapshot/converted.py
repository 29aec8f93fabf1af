"""Verify a snapshot in another format than JSON Lines: its digest, its count, its ids, and the files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from collector.model.ids import IdSet, is_canonical
from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.file_format import FileFormat
from collector.snapshot.manifest import FileEntry
from collector.snapshot.reader import compare_rest
from collector.snapshot.snapshot_file import open_regular, reject
from collector.snapshot.verified import Verified, verified


class IdColumn(Protocol):
    """Reads the column `id` of a file."""

    def __call__(self, path: Path, file_format: FileFormat) -> Iterator[str]:
        """Each id, in order. Raises `InputError` for a file that cannot be read, and `UsageError` without a library."""


def verify_converted(checked: CheckedManifest, read_ids: IdColumn) -> Verified:
    """Compare the snapshot with its manifest. Raises `Damaged`, `InputError` and the errors of `read_ids`.

    The digest comes first: a file with it is the one that the run wrote.
    """
    path, ids = checked.files.records, IdSet()
    for file_path, entry in checked.records_files:
        _compare(file_path, entry, ids, read_ids, checked.files.format)
    if len(ids) != checked.records:
        reject(path, f"contains {len(ids)} records, but the account in its manifest counts {checked.records}")
    errors = compare_rest(checked, ids, checked.manifest.tables)
    found = verified(checked, errors)
    note = (
        f"{path}: its size, digest and ids were compared, and not the counts of masked values, NUL characters and "
        "timestamps, which only JSON Lines allow"
    )
    return found._replace(notes=(note, *found.notes))


def _compare(path: Path, entry: FileEntry, ids: IdSet, read_ids: IdColumn, file_format: FileFormat) -> None:
    """Compare one file with its entry, and add its ids to `ids`."""
    before = len(ids)
    with open_regular(path) as file:
        file.require_match(entry, entry.records, "records")
        for one in read_ids(path, file_format):
            if not is_canonical(one):
                reject(path, "a record has an invalid id")
            if not ids.add(one):
                reject(path, f"{one} occurs twice")
    if (count := len(ids) - before) != entry.records:
        reject(path, f"contains {count} records, but its manifest states {entry.records}")
