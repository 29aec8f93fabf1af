"""The manifest of a snapshot, after a check that its parts agree with each other and with the snapshot's name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from collector.model.errors import InputError
from collector.model.ledger import exit_code_of, status_of
from collector.model.outcome import OutcomeKind
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import FileSet, SnapshotPaths, Stage, file_sets
from collector.snapshot.manifest import STREAM_PATH, FileEntry, Manifest, decode, failed_outcomes, ledger_of
from collector.snapshot.snapshot_file import open_regular, reject

_MANIFEST: Final = ".manifest.json"
_STOPPED: Final = "stopped"
_REMEDY: Final = "restore the manifest or collect again"
_UNVERIFIABLE: Final = {
    Stage.PUBLISHED: ("the snapshot cannot be verified", "collect again"),
    Stage.UNFINISHED: (
        "the records cannot be verified: their run is in progress or was killed",
        "wait for its end, or rerun its command to resume it",
    ),
    Stage.QUARANTINED: (
        "the records cannot be verified: their run was killed and quarantined",
        "delete them if they are not needed",
    ),
}
"""The consequence of a missing manifest, and the next step."""


class CheckedManifest(NamedTuple):
    """A consistent manifest, and the files that it describes."""

    files: FileSet
    manifest: Manifest

    @property
    def records_files(self) -> list[tuple[Path, FileEntry]]:
        """The path and the entry of the file of the records, or of each part."""
        if not self.manifest.is_partitioned:
            return [(self.files.records, self.manifest.records_file)]
        return [(self.files.records.with_name(each.path), each) for each in self.manifest.records_files]

    @property
    def is_of_stream(self) -> bool:
        """Were the records written to standard output or another stream?"""
        return self.manifest.records_file.path == STREAM_PATH

    @property
    def is_stopped(self) -> bool:
        """Did the run end before it had requested every id, or before it could publish?"""
        return self.manifest.status == _STOPPED

    @property
    def records(self) -> int:
        """The number of ids that are ok."""
        return self.manifest.tally.outcomes[OutcomeKind.OK]

    @property
    def unique(self) -> int:
        """The number of unique ids of the run."""
        return self.manifest.input["unique"]

    @property
    def not_attempted(self) -> int:
        """The number of ids that the run did not request."""
        return self.manifest.tally.outcomes[OutcomeKind.NOT_ATTEMPTED]

    @property
    def failed(self) -> Counter[OutcomeKind]:
        """The number of requested ids that are not ok, by outcome."""
        return failed_outcomes(self.manifest.tally.outcomes)


def read_manifest(path: Path) -> CheckedManifest:
    """Read and check the manifest of the records at `path`, which belong to a snapshot or an unfinished run.

    Raises `Damaged` for a manifest that is missing, malformed, contradictory or of another snapshot. Raises
    `InputError` if the records are missing or the manifest cannot be read.
    """
    files = _files_of(path)
    checked = CheckedManifest(files, _read(files.manifest))
    _require_consistent(files.manifest, checked.manifest)
    _require_same_names(checked)
    return checked


def partition_of(path: Path) -> Path | None:
    """The path with `{part}` of the partition that `path` names by its folder, its manifest or a part.

    None if it names none, or if its folder has several.
    """
    if os.path.isdir(path):
        found = [each for each in map(_described_partition, path.glob(f"*{_MANIFEST}")) if each is not None]
        return found[0] if len(found) == 1 else None
    if (named := _described_partition(path)) is not None or os.path.lexists(SnapshotPaths(path).manifest):
        return named
    described = (each.records for each in file_sets(path)[1:] if _described_partition(each.manifest) == each.records)
    return next(described, None)


def _described_partition(manifest: Path) -> Path | None:
    try:
        found = decode(manifest.read_bytes()) if manifest.name.endswith(_MANIFEST) else None
    except (Malformed, OSError):
        return None
    return manifest.with_name(found.records_file.path) if found and found.is_partitioned else None


def read_published(paths: SnapshotPaths) -> tuple[bytes, Manifest] | None:
    """Read the manifest of a published snapshot, with its content.

    Returns None if it is missing or invalid, does not fit the snapshot's size, or if its publication is not complete.
    """
    try:
        content = paths.manifest.read_bytes()
        manifest = decode(content)
        sizes = sum(paths.snapshot.with_name(each.path).stat().st_size for each in manifest.records_files)
        is_of_paths = manifest.records_file.path == paths.snapshot.name
        is_whole = is_of_paths and sizes == manifest.records_file.bytes and not paths.header.exists()
    except (Malformed, OSError):
        return None
    return (content, manifest) if is_whole else None


def _files_of(path: Path) -> FileSet:
    """The file set that has a manifest, beside `path` or beside the target of its link."""
    sets = file_sets(path)
    at_target = file_sets(Path(os.path.realpath(path))) if os.path.islink(path) else []
    found = next((each for each in [*sets, *at_target] if os.path.exists(each.manifest)), None)
    if found is None and not os.path.exists(path):
        raise InputError(f"{path}: does not exist; {_suggestion(path)}")
    return found or _reject_without_manifest(sets[0])


def _reject_without_manifest(files: FileSet) -> NoReturn:
    consequence, remedy = _UNVERIFIABLE[files.stage]
    reject(files.manifest, f"does not exist, so {consequence}", remedy)


def _suggestion(path: Path) -> str:
    partial = SnapshotPaths(path).partial
    if os.path.exists(partial):
        return f"its run has not finished; rerun its command to resume it, or verify {partial}"
    return "name a snapshot that `collector collect -o` wrote"


def _read(path: Path) -> Manifest:
    with open_regular(path) as manifest:
        content = manifest.file.read()
    try:
        return decode(content)
    except Malformed as why:
        reject(path, f"{why}, so the snapshot cannot be verified", _REMEDY)


def _require_consistent(path: Path, found: Manifest) -> None:
    ledger = ledger_of(found.input, found.tally, found.tables, fails_by_drift=found.fails_by_drift)
    if found.input["lines"] != ledger.input.lines or found.input["unique"] != ledger.done:
        reject(path, "its account does not add up, so the snapshot cannot be verified", _REMEDY)
    status, code = status_of(ledger, finished=True), exit_code_of(ledger)
    if found.status != _STOPPED and (found.status, found.exit_code) != (status, code):
        stated = f"{found.status} with exit code {found.exit_code}"
        reject(path, f"states {stated}, but its account implies {status} with exit code {code:d}", _REMEDY)


def _require_same_names(checked: CheckedManifest) -> None:
    files, found = checked.files, checked.manifest
    if checked.is_of_stream:
        return
    if found.records_file.path != files.listed_records:
        reject(
            files.manifest,
            f"describes {found.records_file.path}, not {files.listed_records}",
            "verify that file by its own name",
        )
    if found.errors and found.errors.path != files.listed_errors:
        reject(files.manifest, f"lists {found.errors.path} as its errors file, not {files.listed_errors}", _REMEDY)
    for entry in found.tables:
        if entry.file.path != (listed := files.table(entry.table)[1]):
            reject(files.manifest, f"lists {entry.file.path} as its side table {entry.table}, not {listed}", _REMEDY)
    if checked.is_stopped and files.stage is Stage.PUBLISHED:
        reject(files.manifest, f"states {_STOPPED}, but a stopped run does not publish a snapshot", _REMEDY)
