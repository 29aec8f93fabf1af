"""Verify that a snapshot matches its manifest. Reads every byte, writes no file and sends no request.

It compares:

- each line with the schema, the form of records and the run id, and that no id occurs twice;
- the number of records and bytes, and the digest;
- the masked values and the organization;
- the errors file with the counted outcomes;
- the rows, bytes and digest of each side table;
- the ids of records and errors with the digest of the requested ids;
- the manifest's status and exit code with its own account.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import InputError
from collector.model.ids import IdSet
from collector.model.ledger import OTHER_PATHS, Tally
from collector.snapshot.checked_manifest import CheckedManifest, read_manifest
from collector.snapshot.errors_file import CheckedErrors, check_errors
from collector.snapshot.layout import Stage
from collector.snapshot.lines import InvalidLine, has_only_text_lists, read_record, tally_entry_of_line
from collector.snapshot.side_table import check_tables
from collector.snapshot.snapshot_file import SnapshotFile, open_regular, reject


class Verified(NamedTuple):
    """The result for a snapshot that matches its manifest.

    `errors_file` was compared too, or is None if the run kept none. `notes` state what could not be compared.
    """

    records: int
    errors: int
    bytes: int
    sha256: str
    status: str
    errors_file: Path | None
    notes: tuple[str, ...]


def verify(path: Path) -> Verified:
    """Compare the snapshot at `path`, compressed or not, with the manifest, errors file and side tables beside it.

    The `partial` files of an unfinished or quarantined run are compared with their own manifest.

    Raises `Damaged` with the first mismatch and its position, and `InputError` for files that cannot be read.
    """
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a snapshot that `collector collect -o` wrote")
    checked, ids = read_manifest(path), IdSet()
    with open_regular(path) as file:
        contents = _check_records(file, checked, ids)
        file.require_match(checked.manifest.records_file, len(ids), "records")
    if len(ids) != checked.records:
        reject(path, f"contains {len(ids)} records, but the account in its manifest counts {checked.records}")
    errors = check_errors(checked, ids)
    table_notes = check_tables(checked)
    if len(ids) == checked.unique and ids.digest() != checked.manifest.ids_digest:
        reject(path, "the ids of its records and errors are not the requested ids")
    if difference := contents.difference(_Contents.expected(checked, contents.nuls)):
        reject(path, difference)
    return _verified(checked, errors, table_notes)


def _verified(checked: CheckedManifest, errors: CheckedErrors, table_notes: list[str]) -> Verified:
    records_file = checked.manifest.records_file
    return Verified(
        records=checked.records,
        errors=checked.failed.total(),
        bytes=records_file.bytes,
        sha256=records_file.sha256,
        status=checked.manifest.status,
        errors_file=errors.path,
        notes=tuple(filter(None, (errors.note, *table_notes, _note_on_run(checked)))),
    )


def _note_on_run(checked: CheckedManifest) -> str | None:
    """A note on a run that did not publish its records, and the next step."""
    run = "stopped" if checked.is_stopped else "published nothing, because no id was ok"
    remainder = f"{checked.not_attempted} ids were not attempted" if checked.unique else "it had not found any ids"
    summary = f"{checked.files.records}: its run {run}; {remainder}"
    if checked.manifest.from_list and checked.files.stage is Stage.UNFINISHED:
        return (
            f"{checked.files.records}: its run {run} while it read the list; rerun its command to read the list again"
        )
    if checked.is_of_stream:
        return f"{summary}; collect again to get all records" if checked.is_stopped else None
    match checked.files.stage:
        case Stage.PUBLISHED:
            return None
        case Stage.UNFINISHED:
            return f"{summary}; rerun its command to resume it (after 24 hours with --resume always)"
        case Stage.QUARANTINED:
            return f"{summary}; it is quarantined, so no run resumes it"


class _Contents(NamedTuple):
    """Facts about the content of the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]

    @classmethod
    def expected(cls, checked: CheckedManifest, nuls: Counter[str]) -> _Contents:
        """The content that the manifest states. `nuls` replaces the counts that an earlier version did not write."""
        found, tally = checked.manifest, checked.manifest.tally
        expected_nuls = tally.nuls if found.counts_nuls else nuls
        return cls(tally.redactions, tally.unparsed_timestamps, found.organization_id, expected_nuls)

    def difference(self, expected: _Contents) -> str | None:
        """The first difference from `expected`, or None. Paths are compared only where both list every path."""
        if str(self) != str(expected):
            return f"contains {self}, but its manifest states {expected}"
        masked = _first_difference("masked values", self.redactions, expected.redactions)
        return masked or _first_difference("texts with a NUL character", self.nuls, expected.nuls)

    def __str__(self) -> str:
        owner = f"records of organization {self.organization_id}" if self.organization_id else "no organization"
        masked = self.redactions.total()
        nuls = f", {self.nuls.total()} texts with a NUL character" if self.nuls else ""
        return f"{owner}, {masked} masked values and {self.unparsed_timestamps} invalid timestamps{nuls}"


def _first_difference(noun: str, contents: Counter[str], expected: Counter[str]) -> str | None:
    paths = contents.keys() | expected.keys()
    if OTHER_PATHS in paths:
        return None
    for path in sorted(paths):
        if contents[path] != expected[path]:
            return f"contains {contents[path]} {noun} at {path}, but its manifest states {expected[path]}"
    return None


def _check_records(file: SnapshotFile, checked: CheckedManifest, ids: IdSet) -> _Contents:
    max_unparsed, tally = checked.manifest.tally.unparsed_timestamps, Tally()
    organizations: dict[str, None] = {}
    for where, line in file.lines(checked.files.compression):
        try:
            record = read_record(line, checked.manifest.form)
        except InvalidLine as reason:
            reject(file.path, f"{where}: {reason}")
        if record["_run_id"] != checked.manifest.run_id:
            reject(file.path, f"{where}: the record belongs to another run")
        if not has_only_text_lists(record):
            reject(file.path, f"{where}: an array contains a value that is not text")
        tally.add(tally_entry_of_line(line, record))
        if tally.unparsed_timestamps > max_unparsed:  # the manifest counts each invalid timestamp
            reject(file.path, f"{where}: an invalid timestamp that the manifest does not account for")
        if not ids.add(record["id"]):
            reject(file.path, f"{where}: {record['id']} occurs twice")
        if record["organization_id"] is not None:
            organizations[record["organization_id"]] = None
    return _Contents(tally.redactions, tally.unparsed_timestamps, next(iter(organizations), None), tally.nuls)
