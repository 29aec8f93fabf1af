"""Read a snapshot, and verify it on the way. Reads every byte, writes no file and sends no request.

The records and rows arrive one by one, each compared with the manifest. The facts about the whole are compared by
`SnapshotReader.finish`: until it returns, the snapshot may still turn out to be damaged.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import InputError
from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.record import Json, Record
from collector.snapshot.checked_manifest import CheckedManifest, partition_of, read_manifest
from collector.snapshot.contents import Contents
from collector.snapshot.errors_file import CheckedErrors, check_errors
from collector.snapshot.layout import Stage
from collector.snapshot.lines import InvalidLine, has_only_text_lists, read_record, tally_entry_of_line
from collector.snapshot.manifest import Manifest, TableEntry
from collector.snapshot.side_table import verified_rows
from collector.snapshot.snapshot_file import SnapshotFile, open_regular, reject
from collector.snapshot.verified import Verified, verified


class StoredRecord(NamedTuple):
    """A record, and its line without the line feed. Its configuration is an object, also where the line has text."""

    line: bytes
    record: Record


class SnapshotReader:
    """An open snapshot: first its records, then the rows of its side tables, then the comparison of the whole."""

    def __init__(self, checked: CheckedManifest) -> None:
        self._checked = checked
        self._ids = IdSet()
        self._tally = Tally()
        self._organizations: dict[str, None] = {}
        self._unread_tables = {entry.table: entry for entry in checked.manifest.tables}
        self._records = self._verified_records()

    @property
    def manifest(self) -> Manifest:
        """The manifest, whose parts agree with each other."""
        return self._checked.manifest

    @property
    def is_finished(self) -> bool:
        """Did the run request every id, and publish the records?"""
        return self._checked.files.stage is Stage.PUBLISHED and not self._checked.is_stopped

    def records(self) -> Iterator[StoredRecord]:
        """Each record, once. Raises `Damaged` at the first line or file that does not match, and `InputError`."""
        return self._records

    def rows(self, table: str) -> Iterator[dict[str, Json]]:
        """Each row of a side table that the manifest lists, once. Raises `Damaged` and `InputError`, and `KeyError`."""
        return verified_rows(self._checked, self._unread_tables.pop(table))

    def finish(self) -> Verified:
        """Compare what was not read, and the facts about the whole. Raises `Damaged` and `InputError`."""
        for _ in self._records:
            pass
        path, checked = self._checked.files.records, self._checked
        if len(self._ids) != checked.records:
            reject(path, f"contains {len(self._ids)} records, but the account in its manifest counts {checked.records}")
        errors = compare_rest(checked, self._ids, self._unread_tables.values())
        contents = self._contents()
        if difference := contents.difference(contents.stated_by(checked.manifest)):
            reject(path, difference)
        return verified(checked, errors)

    def _verified_records(self) -> Generator[StoredRecord, None, None]:
        """The records of all files; each file is compared with its entry after its last record."""
        for path, entry in self._checked.records_files:
            before = len(self._ids)
            with open_regular(path) as file:
                yield from self._records_of(file)
                file.require_match(entry, len(self._ids) - before, "records")

    def close(self) -> None:
        """Close the file that is being read."""
        self._records.close()

    def _records_of(self, file: SnapshotFile) -> Generator[StoredRecord, None, None]:
        manifest, path = self._checked.manifest, file.path
        for where, line in file.lines(self._checked.files.compression):
            try:
                record = read_record(line, manifest.form)
            except InvalidLine as reason:
                reject(path, f"{where}: {reason}")
            if record["_run_id"] != manifest.run_id:
                reject(path, f"{where}: the record belongs to another run")
            if not has_only_text_lists(record):
                reject(path, f"{where}: an array contains a value that is not text")
            self._tally.add_written(tally_entry_of_line(line, record))
            if self._tally.unparsed_timestamps > manifest.tally.unparsed_timestamps:
                reject(path, f"{where}: an invalid timestamp that the manifest does not account for")
            if not self._ids.add(record["id"]):
                reject(path, f"{where}: {record['id']} occurs twice")
            if record["organization_id"] is not None:
                self._organizations[record["organization_id"]] = None
            yield StoredRecord(line, record)

    def _contents(self) -> Contents:
        tally = self._tally
        organization_id = next(iter(self._organizations), None)
        return Contents(tally.redactions, tally.unparsed_timestamps, organization_id, tally.nuls, tally.shape)


def read_manifest_of_file(path: Path) -> CheckedManifest:
    """Read the manifest of the records at `path`, as `read_manifest` does. Raises `InputError` for a folder too.

    A partition may be named by its folder, its manifest or any part.
    """
    partition = partition_of(path)
    if partition is None and os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a snapshot that `collector collect -o` wrote")
    return read_manifest(partition or path)


def compare_rest(checked: CheckedManifest, ids: IdSet, tables: Iterable[TableEntry]) -> CheckedErrors:
    """Compare the errors file, side tables and the digest of all ids; `ids` are those of the records, and are extended.

    Raises `Damaged` and `InputError`.
    """
    errors = check_errors(checked, ids)
    for entry in tables:
        for _ in verified_rows(checked, entry):
            pass
    if len(ids) == checked.unique and ids.digest() != checked.manifest.ids_digest:
        reject(checked.files.records, "the ids of its records and errors are not the requested ids")
    return errors


@contextmanager
def open_any(path: Path) -> Iterator[SnapshotReader]:
    """Open the snapshot at `path`, compressed or not, or the `partial` files of an unfinished or quarantined run.

    Raises `Damaged` for a manifest that is missing, malformed or of another snapshot, and `InputError` for files that
    cannot be read.
    """
    checked = read_manifest_of_file(path)
    if checked.files.format.is_converted:
        raise InputError(
            f"{path}: a {checked.files.format} snapshot, and this command reads JSON Lines; collect with "
            "-o FILE.jsonl, and export the other format from it"
        )
    with closing(SnapshotReader(checked)) as reader:
        yield reader


@contextmanager
def open_snapshot(path: Path) -> Iterator[SnapshotReader]:
    """Open the finished snapshot at `path`, compressed or not.

    Raises as `open_any` does, and `InputError` for the records of a run that is unfinished, quarantined or stopped.
    """
    with open_any(path) as reader:
        if not reader.is_finished:
            raise InputError(
                f"{path}: its run did not finish, so records are missing; rerun its command to resume it, or name a "
                "finished snapshot"
            )
        yield reader
