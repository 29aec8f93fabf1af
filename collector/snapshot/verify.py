"""Is a snapshot still what its manifest says it is? Reads all of it, writes nothing, asks nobody.

What is compared: every line with the schema and the run, each id once; how many records, bytes and which digest; what
was masked, whose records they are; the errors file with the outcomes; the ids of both together with the digest of the
ids that were asked for; and what the manifest concludes from its own account.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import InputError
from collector.model.ids import IdSet
from collector.model.ledger import OTHER_PATHS, Tally
from collector.snapshot.checked_file import CheckedFile, open_regular, reject
from collector.snapshot.checked_manifest import CheckedManifest, read_manifest
from collector.snapshot.errors_file import CheckedErrors, check_errors
from collector.snapshot.layout import Stage
from collector.snapshot.lines import BadLine, has_only_text_lists, read_record, tally_entry_of_line


class Verified(NamedTuple):
    """A snapshot that is what its manifest says.

    `errors_file` was compared too; None where none was kept. `notes` say what could not be compared.
    """

    records: int
    errors: int
    bytes: int
    sha256: str
    status: str
    errors_file: Path | None
    notes: tuple[str, ...]


def verify(path: Path) -> Verified:
    """Compare the snapshot under `path`, packed or not, with the manifest beside it and with the errors file.

    What an unfinished run left under `partial` names, or what was set aside, is compared with its own manifest.

    Raises `Damaged` with the first offence and where it is, and `InputError` for files that cannot be read.
    """
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a snapshot that `collector collect -o` wrote")
    checked, ids = read_manifest(path), IdSet()
    with open_regular(path) as file:
        contents = _check_records(file, checked, ids)
        file.require_match(checked.manifest.facts, len(ids), "records")
    if len(ids) != checked.records:
        reject(path, f"{len(ids)} records, but the account has {checked.records}")
    errors = check_errors(checked, ids)
    if len(ids) == checked.unique and ids.digest() != checked.manifest.ids_digest:
        reject(path, "the ids of records and errors are not those that were asked for")
    if difference := contents.difference(_Contents.expected(checked, contents.nuls)):
        reject(path, difference)
    return _verified(checked, errors)


def _verified(checked: CheckedManifest, errors: CheckedErrors) -> Verified:
    facts = checked.manifest.facts
    return Verified(
        records=checked.records,
        errors=checked.failed.total(),
        bytes=facts.bytes,
        sha256=facts.sha256,
        status=checked.manifest.status,
        errors_file=errors.path,
        notes=tuple(filter(None, (errors.note, _note_on_run(checked)))),
    )


def _note_on_run(checked: CheckedManifest) -> str | None:
    """A fact about a run that did not publish its records, and what to do about it."""
    run = "stopped" if checked.is_stopped else "published nothing, because no id was ok"
    remainder = f"{checked.not_attempted} ids were not attempted" if checked.unique else "it had no ids yet"
    summary = f"{checked.files.records}: its run {run}; {remainder}"
    if checked.is_of_stream:
        return f"{summary}; collect again to have all" if checked.is_stopped else None
    match checked.files.stage:
        case Stage.PUBLISHED:
            return None
        case Stage.UNFINISHED:
            return f"{summary}; rerun the command that began it to resume it (after 24 hours with --resume always)"
        case Stage.QUARANTINED:
            return f"{summary}; it was set aside, and no run resumes it"


class _Contents(NamedTuple):
    """What is in the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]

    @classmethod
    def expected(cls, checked: CheckedManifest, nuls: Counter[str]) -> _Contents:
        """What the manifest says is in them; `nuls` stand for those that an earlier version did not count."""
        found, tally = checked.manifest, checked.manifest.tally
        expected_nuls = tally.nuls if found.counts_nuls else nuls
        return cls(tally.redactions, tally.unparsed_timestamps, found.organization_id, expected_nuls)

    def difference(self, expected: _Contents) -> str | None:
        """What is not as it was claimed, if anything. Paths are compared where both tell them apart."""
        if str(self) != str(expected):
            return f"has {self}, but its manifest has {expected}"
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
            return f"has {contents[path]} {noun} at {path}, but its manifest has {expected[path]}"
    return None


def _check_records(file: CheckedFile, checked: CheckedManifest, ids: IdSet) -> _Contents:
    max_unparsed, tally = checked.manifest.tally.unparsed_timestamps, Tally()
    organizations: dict[str, None] = {}
    for where, line in file.lines(checked.files.compression):
        try:
            record = read_record(line)
        except BadLine as reason:
            reject(file.path, f"{where}: {reason}")
        if record["_run_id"] != checked.manifest.run_id:
            reject(file.path, f"{where}: a record of another run")
        if not has_only_text_lists(record):
            reject(file.path, f"{where}: an array that holds something else than text")
        tally.add(tally_entry_of_line(line, record))
        if tally.unparsed_timestamps > max_unparsed:  # each stayed as the API sent it, and was counted
            reject(file.path, f"{where}: an invalid timestamp that the manifest does not account for")
        if not ids.add(record["id"]):
            reject(file.path, f"{where}: {record['id']} is there twice")
        if record["organization_id"] is not None:
            organizations[record["organization_id"]] = None
    return _Contents(tally.redactions, tally.unparsed_timestamps, next(iter(organizations), None), tally.nuls)
