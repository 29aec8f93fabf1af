"""What the manifest of a snapshot claims, once its parts agree with each other and with the snapshot's name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.errors import InputError
from collector.model.ledger import Account, InputCount, exit_code_of, status_of
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_file import opened, refuse
from collector.snapshot.layout import SnapshotNames
from collector.snapshot.manifest import BadManifest, Manifest, decode

_PARTS: Final = ("unique", "duplicates", "invalid", "blank")
_STANDARD_OUTPUT: Final = "-"  # what was written there has no name yet


class Claim(NamedTuple):
    """What the manifest says, and the names beside it."""

    names: SnapshotNames
    manifest: Manifest

    @property
    def is_of_standard_output(self) -> bool:
        """Were the records written to standard output, and saved by somebody else?"""
        return self.manifest.facts.path == _STANDARD_OUTPUT

    @property
    def records(self) -> int:
        """How many ids are ok."""
        return self.manifest.tally.outcomes[OutcomeKind.OK]

    @property
    def unique(self) -> int:
        """How many ids the run was to ask for."""
        return self.manifest.input["unique"]

    @property
    def not_attempted(self) -> int:
        """How many of them it did not ask for."""
        return self.manifest.tally.outcomes[OutcomeKind.NOT_ATTEMPTED]

    @property
    def failed(self) -> Counter[OutcomeKind]:
        """How many ids were asked for and are not ok, by their outcome."""
        failed = Counter(self.manifest.tally.outcomes)
        del failed[OutcomeKind.OK], failed[OutcomeKind.NOT_ATTEMPTED]
        return +failed


def read_claim(path: Path) -> Claim:
    """The claim about the snapshot under `path`.

    Raises `Damaged` for a manifest that is missing, malformed, contradictory or of another snapshot, and `InputError`
    where there is no snapshot or the manifest cannot be read.
    """
    names = SnapshotNames(path)
    if not os.path.exists(names.manifest):
        if not os.path.exists(path):
            raise InputError(f"{path}: is not there; name a snapshot that `collector collect -o` wrote")
        refuse(names.manifest, "is not there, so nothing vouches for the snapshot; collect again")
    claim = Claim(names, _read(names.manifest))
    _require_agreement(names.manifest, claim.manifest)
    _require_names(claim)
    return claim


def _read(path: Path) -> Manifest:
    with opened(path) as manifest:
        content = manifest.file.read()
    try:
        return decode(content)
    except BadManifest as why:
        refuse(path, f"{why}; so nothing vouches for the snapshot; restore the manifest or collect again")


def _require_agreement(path: Path, found: Manifest) -> None:
    account = Account(InputCount(**{key: found.input[key] for key in _PARTS}), tally=found.tally)
    if found.input["lines"] != account.input.lines or found.input["unique"] != account.done:
        refuse(path, "its account does not add up")
    status, code = status_of(account, finished=True), exit_code_of(account)
    if found.status != "stopped" and (found.status, found.exit_code) != (status, code):
        said = f"{found.status} with exit code {found.exit_code}"
        refuse(path, f"says {said}, but its account means {status} with exit code {code:d}")


def _require_names(claim: Claim) -> None:
    names, found = claim.names, claim.manifest
    if claim.is_of_standard_output:
        return
    if found.facts.path != names.snapshot.name:
        offence = f"is of {found.facts.path}, not of {names.snapshot.name}; verify that under its own name"
        refuse(names.manifest, offence)
    if found.errors and found.errors.path != names.errors.name:
        refuse(names.manifest, f"names {found.errors.path} as its errors file, not {names.errors.name}")
