"""The errors file of a snapshot: where it is, and whether it holds the failures that the manifest counts."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from collector.model.ids import IdSet
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_file import opened, refuse
from collector.snapshot.claim import Claim
from collector.snapshot.lines import BadLine, read_error
from collector.snapshot.manifest import FileFacts
from collector.storage.compression import codec_of


def check_errors(claim: Claim, ids: IdSet) -> int:
    """Compare the errors file with the claim; returns how many errors it has, and adds their ids to `ids`.

    Raises `Damaged` and `InputError`.
    """
    path = _place(claim)
    failed = _check_lines(path, claim.manifest.errors, ids)
    if failed != claim.failed:
        refuse(path, f"{failed.total()} errors, but the account has {claim.failed.total()}, or others")
    return failed.total()


def _place(claim: Claim) -> Path:
    """Beside the snapshot, or where the manifest of what went to standard output says."""
    beside, facts = claim.names.errors, claim.manifest.errors
    named = claim.names.manifest.parent / facts.path if facts else beside
    is_moved = not os.path.lexists(named) and os.path.lexists(beside)
    return beside if is_moved else named


def _check_lines(path: Path, facts: FileFacts | None, ids: IdSet) -> Counter[OutcomeKind]:
    """Count the errors; `facts` are those of the manifest, None where it names no errors file."""
    failed: Counter[OutcomeKind] = Counter()
    if facts is None and not os.path.lexists(path):
        return failed
    with opened(path) as file:
        for where, line in file.lines(codec_of(path.name)):
            try:
                one, kind = read_error(line)
            except BadLine as flaw:
                refuse(path, f"{where}: {flaw}")
            if not ids.add(one):
                refuse(path, f"{where}: {one} is there twice, or has a record as well")
            failed[kind] += 1
        if facts is not None:
            file.require(facts, failed.total(), "errors")
    return failed
