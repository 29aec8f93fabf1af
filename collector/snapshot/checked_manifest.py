"""The claim of a snapshot's manifest, once its parts agree with each other and with the snapshot's name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from collector.model.errors import InputError
from collector.model.ledger import InputCount, Ledger, exit_code_of, status_of
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_file import open_regular, reject
from collector.snapshot.document import Malformed
from collector.snapshot.layout import FileSet, SnapshotPaths, Stage, file_sets
from collector.snapshot.manifest import STREAM_PATH, Manifest, decode

_INPUT_PARTS: Final = ("unique", "duplicates", "invalid", "blank")
_STOPPED: Final = "stopped"
_UNVERIFIABLE: Final = {
    Stage.PUBLISHED: "the snapshot; collect again",
    Stage.UNFINISHED: "the records of a run that is under way or was killed; wait for its end, or rerun the command "
    "that began it to resume it",
    Stage.QUARANTINED: "the records of a run that was killed and set aside; remove them if they are not needed",
}


class CheckedManifest(NamedTuple):
    """What the manifest says, and the files that it says it of."""

    files: FileSet
    manifest: Manifest

    @property
    def is_of_stream(self) -> bool:
        """Were the records written to standard output, or another stream?"""
        return self.manifest.facts.path == STREAM_PATH

    @property
    def is_stopped(self) -> bool:
        """Did the run end before it had asked for everything, or before it could publish?"""
        return self.manifest.status == _STOPPED

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


def read_manifest(path: Path) -> CheckedManifest:
    """The claim about the records under `path`, be they a snapshot or what an unfinished run left.

    Raises `Damaged` for a manifest that is missing, malformed, contradictory or of another snapshot, and `InputError`
    where there are no records or the manifest cannot be read.
    """
    files = _files_of(path)
    checked = CheckedManifest(files, _read(files.manifest))
    _require_consistent(files.manifest, checked.manifest)
    _require_same_names(checked)
    return checked


def _files_of(path: Path) -> FileSet:
    """The set that has a manifest: beside `path`, or beside what it links to."""
    sets = file_sets(path)
    at_target = file_sets(Path(os.path.realpath(path))) if os.path.islink(path) else []
    found = next((each for each in [*sets, *at_target] if os.path.exists(each.manifest)), None)
    if found is None and not os.path.exists(path):
        raise InputError(f"{path}: is not there; {_suggestion(path)}")
    return found or _reject_without_manifest(sets[0])


def _reject_without_manifest(files: FileSet) -> NoReturn:
    reject(files.manifest, f"is not there, so nothing vouches for {_UNVERIFIABLE[files.stage]}")


def _suggestion(path: Path) -> str:
    partial = SnapshotPaths(path).partial
    if os.path.exists(partial):
        return f"its run has not finished; rerun the command that began it to resume it, or verify {partial}"
    return "name a snapshot that `collector collect -o` wrote"


def _read(path: Path) -> Manifest:
    with open_regular(path) as manifest:
        content = manifest.file.read()
    try:
        return decode(content)
    except Malformed as why:
        reject(path, f"{why}, so nothing vouches for the snapshot; restore the manifest or collect again")


def _require_consistent(path: Path, found: Manifest) -> None:
    ledger = Ledger(InputCount(**{key: found.input[key] for key in _INPUT_PARTS}), tally=found.tally)
    if found.input["lines"] != ledger.input.lines or found.input["unique"] != ledger.done:
        reject(path, "its account does not add up")
    status, code = status_of(ledger, finished=True), exit_code_of(ledger)
    if found.status != _STOPPED and (found.status, found.exit_code) != (status, code):
        stated = f"{found.status} with exit code {found.exit_code}"
        reject(path, f"says {stated}, but its account means {status} with exit code {code:d}")


def _require_same_names(checked: CheckedManifest) -> None:
    files, found = checked.files, checked.manifest
    if checked.is_of_stream:
        return
    if found.facts.path != files.listed_records:
        reject(
            files.manifest, f"is of {found.facts.path}, not of {files.listed_records}; verify that under its own name"
        )
    if found.errors and found.errors.path != files.listed_errors:
        reject(files.manifest, f"names {found.errors.path} as its errors file, not {files.listed_errors}")
    if checked.is_stopped and files.stage is Stage.PUBLISHED:
        reject(files.manifest, f"says {_STOPPED}, but a run that stopped publishes no snapshot")
