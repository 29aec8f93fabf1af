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
from collector.snapshot.checked_file import CheckedFile, opened, refuse
from collector.snapshot.claim import Claim, read_claim
from collector.snapshot.errors_file import CheckedErrors, check_errors
from collector.snapshot.layout import Stage
from collector.snapshot.lines import BadLine, counted_in, has_only_texts, read_record


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
    claim, ids = read_claim(path), IdSet()
    with opened(path) as file:
        counted = _check_records(file, claim, ids)
        file.require(claim.manifest.facts, len(ids), "records")
    if len(ids) != claim.records:
        refuse(path, f"{len(ids)} records, but the account has {claim.records}")
    errors = check_errors(claim, ids)
    if len(ids) == claim.unique and ids.digest() != claim.manifest.ids_digest:
        refuse(path, "the ids of records and errors are not those that were asked for")
    if differing := counted.differing(_Counted.claimed(claim, counted.nuls)):
        refuse(path, differing)
    return _verified(claim, errors)


def _verified(claim: Claim, errors: CheckedErrors) -> Verified:
    facts = claim.manifest.facts
    return Verified(
        records=claim.records,
        errors=claim.failed.total(),
        bytes=facts.bytes,
        sha256=facts.sha256,
        status=claim.manifest.status,
        errors_file=errors.path,
        notes=tuple(filter(None, (errors.note, _note_on_run(claim)))),
    )


def _note_on_run(claim: Claim) -> str | None:
    """A fact about a run that did not publish its records, and what to do about it."""
    run = "stopped" if claim.is_stopped else "published nothing, because no id was ok"
    left = f"{claim.not_attempted} ids were not attempted" if claim.unique else "it had no ids yet"
    told = f"{claim.files.records}: its run {run}; {left}"
    if claim.is_of_standard_output:
        return f"{told}; collect again to have all" if claim.is_stopped else None
    match claim.files.stage:
        case Stage.PUBLISHED:
            return None
        case Stage.UNFINISHED:
            return f"{told}; rerun the command that began it to resume it (after 24 hours with --resume always)"
        case Stage.QUARANTINED:
            return f"{told}; it was set aside, and no run resumes it"


class _Counted(NamedTuple):
    """What is in the records."""

    redactions: Counter[str]
    unparsed_timestamps: int
    organization_id: str | None
    nuls: Counter[str]

    @classmethod
    def claimed(cls, claim: Claim, nuls: Counter[str]) -> _Counted:
        """What the manifest says is in them; `nuls` stand for those that an earlier version did not count."""
        found, tally = claim.manifest, claim.manifest.tally
        counted_nuls = tally.nuls if found.counts_nuls else nuls
        return cls(tally.redactions, tally.unparsed_timestamps, found.organization_id, counted_nuls)

    def differing(self, claimed: _Counted) -> str | None:
        """What is not as it was claimed, if anything. Paths are compared where both tell them apart."""
        if str(self) != str(claimed):
            return f"has {self}, but its manifest has {claimed}"
        masked = _differing("masked values", self.redactions, claimed.redactions)
        return masked or _differing("texts with a NUL character", self.nuls, claimed.nuls)

    def __str__(self) -> str:
        whose = f"records of organization {self.organization_id}" if self.organization_id else "no organization"
        masked = self.redactions.total()
        nuls = f", {self.nuls.total()} texts with a NUL character" if self.nuls else ""
        return f"{whose}, {masked} masked values and {self.unparsed_timestamps} invalid timestamps{nuls}"


def _differing(what: str, counted: Counter[str], claimed: Counter[str]) -> str | None:
    paths = counted.keys() | claimed.keys()
    odd = sorted(path for path in paths if counted[path] != claimed[path])
    if not odd or OTHER_PATHS in paths:
        return None
    return f"has {counted[odd[0]]} {what} at {odd[0]}, but its manifest has {claimed[odd[0]]}"


def _check_records(file: CheckedFile, claim: Claim, ids: IdSet) -> _Counted:
    most_unparsed, tally = claim.manifest.tally.unparsed_timestamps, Tally()
    organizations: dict[str, None] = {}
    for where, line in file.lines(claim.files.compression):
        try:
            record = read_record(line)
        except BadLine as flaw:
            refuse(file.path, f"{where}: {flaw}")
        if record["_run_id"] != claim.manifest.run_id:
            refuse(file.path, f"{where}: a record of another run")
        if not has_only_texts(record):
            refuse(file.path, f"{where}: an array that holds something else than text")
        tally.add(counted_in(line, record))
        if tally.unparsed_timestamps > most_unparsed:  # each stayed as the API sent it, and was counted
            refuse(file.path, f"{where}: an invalid timestamp that the manifest does not account for")
        if not ids.add(record["id"]):
            refuse(file.path, f"{where}: {record['id']} is there twice")
        if record["organization_id"] is not None:
            organizations[record["organization_id"]] = None
    return _Counted(tally.redactions, tally.unparsed_timestamps, next(iter(organizations), None), tally.nuls)
