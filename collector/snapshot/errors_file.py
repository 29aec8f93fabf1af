"""The errors file of a snapshot: where it is, and whether it holds the failures that the manifest counts."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from collector.model.ids import IdSet
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_file import opened, refuse
from collector.snapshot.claim import Claim
from collector.snapshot.lines import BadLine, read_error
from collector.snapshot.manifest import FileFacts
from collector.storage.compression import compression_of


class CheckedErrors(NamedTuple):
    """What was compared: `path` is None where no errors file was kept; a `note` says what could not be compared."""

    path: Path | None = None
    note: str | None = None


def check_errors(claim: Claim, ids: IdSet) -> CheckedErrors:
    """Compare the errors file with the claim, and add its ids to `ids`. Raises `Damaged` and `InputError`.

    Any file under the errors file's name is compared or refused.
    """
    if claim.manifest.errors:
        return _check_named(claim, claim.manifest.errors, ids)
    beside = claim.files.errors
    if not claim.failed:
        return _require_none(claim, beside)
    if claim.is_of_standard_output and not os.path.lexists(beside):
        count = claim.failed.total()
        return CheckedErrors(
            note=f"{claim.files.manifest}: names no errors file, so the ids and messages of {count} errors were not "
            "compared; to keep them, name one with --errors when you collect"
        )
    _check_lines(beside, claim, ids)
    return CheckedErrors(
        beside,
        f"{beside}: only its ids and outcomes were compared, because the manifest has no digest of it; an earlier "
        "version wrote it, or a run without --errors",
    )


def _check_named(claim: Claim, facts: FileFacts, ids: IdSet) -> CheckedErrors:
    """The manifest names the file: for standard output anywhere, else beside the records, as they are called now."""
    beside = claim.files.errors
    named = claim.files.manifest.parent / facts.path if claim.is_of_standard_output else beside
    path, *others = [each for each in dict.fromkeys((named, beside)) if os.path.lexists(each)] or [named]
    _check_lines(path, claim, ids)
    for other in others:
        _require_copy(other, path, facts)
    return CheckedErrors(path)


def _require_copy(other: Path, path: Path, facts: FileFacts) -> None:
    with opened(other) as file:
        if not file.has_bytes_of(facts):
            refuse(other, f"is not the errors file of this snapshot, which is {path}; remove or rename it")


def _require_none(claim: Claim, beside: Path) -> CheckedErrors:
    if os.path.lexists(beside) and not (claim.is_stopped and _is_empty(beside)):  # its first error was not written
        refuse(beside, "is not accounted for: the manifest counts no errors and names no file; remove or rename it")
    return CheckedErrors()


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _check_lines(path: Path, claim: Claim, ids: IdSet) -> None:
    failed: Counter[OutcomeKind] = Counter()
    if not os.path.lexists(path):
        refuse(
            path, f"is not there, but the manifest counts {claim.failed.total()} errors; restore it or collect again"
        )
    with opened(path) as file:
        for where, line in file.lines(compression_of(path.name)):
            try:
                one, kind = read_error(line)
            except BadLine as flaw:
                refuse(path, f"{where}: {flaw}")
            if not ids.add(one):
                refuse(path, f"{where}: {one} is there twice, or has a record as well")
            failed[kind] += 1
        if facts := claim.manifest.errors:
            file.require(facts, failed.total(), "errors")
    if failed != claim.failed:
        refuse(path, f"has {_told(failed)}, but the account in the manifest has {_told(claim.failed)}")


def _told(failed: Counter[OutcomeKind]) -> str:
    return ", ".join(f"{failed[kind]} {kind}" for kind in OutcomeKind if failed[kind]) or "no errors"
