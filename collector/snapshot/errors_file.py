"""Find the errors file of a snapshot, and compare it with the failures that the manifest counts."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from collector.model.ids import IdSet
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.lines import InvalidLine, read_error
from collector.snapshot.manifest import FileEntry
from collector.snapshot.snapshot_file import open_regular, reject
from collector.storage.compression import compression_of

_REMOVE: Final = "remove or rename it"


class CheckedErrors(NamedTuple):
    """The compared errors file. `path` is None if the run kept none; `note` states what could not be compared."""

    path: Path | None = None
    note: str | None = None


class _Expected(NamedTuple):
    """The number of errors by outcome, and the facts of their file if they are known, which the `source` states."""

    failed: Counter[OutcomeKind]
    entry: FileEntry | None
    source: str


def check_errors_of_stream(path: Path, entry: FileEntry, failed: Counter[OutcomeKind]) -> None:
    """Compare the errors file of a stream with an index. Raises `Damaged` and `InputError`."""
    _check_lines(path, _Expected(failed, entry, "the index"), IdSet())


def check_errors(checked: CheckedManifest, ids: IdSet) -> CheckedErrors:
    """Compare the errors file with the manifest, and add its ids to `ids`. Raises `Damaged` and `InputError`.

    Any file with the errors file's name is compared or rejected.
    """
    if checked.manifest.errors:
        return _check_listed(checked, checked.manifest.errors, ids)
    default_path = checked.files.errors
    if not checked.failed:
        return _require_none(checked, default_path)
    if checked.is_of_stream and not os.path.lexists(default_path):
        count = checked.failed.total()
        return CheckedErrors(
            note=f"{checked.files.manifest}: lists no errors file, so the ids and messages of {count} errors were not "
            "compared; to keep them, collect with --errors FILE"
        )
    _check_lines(default_path, _expected(checked), ids)
    return CheckedErrors(
        default_path,
        f"{default_path}: only its ids and outcomes were compared, because its manifest has no digest of it; "
        "an earlier version wrote that manifest, or a run without --errors",
    )


def _check_listed(checked: CheckedManifest, entry: FileEntry, ids: IdSet) -> CheckedErrors:
    """Check the file that the manifest lists: at any path for a stream, else beside the records by its current name."""
    default_path = checked.files.errors
    listed_path = checked.files.manifest.parent / entry.path if checked.is_of_stream else default_path
    path, *others = [each for each in dict.fromkeys((listed_path, default_path)) if os.path.lexists(each)] or [
        listed_path
    ]
    _check_lines(path, _expected(checked), ids)
    for other in others:
        _require_copy(other, path, entry)
    return CheckedErrors(path)


def _require_copy(other: Path, path: Path, entry: FileEntry) -> None:
    with open_regular(other) as file:
        if not file.matches(entry):
            reject(other, f"differs from {path}, the errors file of this snapshot", _REMOVE)


def _require_none(checked: CheckedManifest, default_path: Path) -> CheckedErrors:
    is_left_empty = checked.is_stopped and _is_empty(default_path)  # the run stopped before it wrote an error
    if os.path.lexists(default_path) and not is_left_empty:
        reject(default_path, "unexpected: the manifest counts no errors and lists no errors file", _REMOVE)
    return CheckedErrors()


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _expected(checked: CheckedManifest) -> _Expected:
    return _Expected(checked.failed, checked.manifest.errors, "the manifest")


def _check_lines(path: Path, expected: _Expected, ids: IdSet) -> None:
    failed: Counter[OutcomeKind] = Counter()
    if not os.path.lexists(path):
        reject(path, f"does not exist, but {expected.source} counts {expected.failed.total()} errors")
    with open_regular(path) as file:
        for where, line in file.lines(compression_of(path.name)):
            try:
                connection_id, kind = read_error(line)
            except InvalidLine as reason:
                reject(path, f"{where}: {reason}")
            if not ids.add(connection_id):
                reject(path, f"{where}: {connection_id} occurs twice, or also has a record")
            failed[kind] += 1
        if expected.entry:
            file.require_match(expected.entry, failed.total(), "errors", expected.source)
    if failed != expected.failed:
        found, counted = _format_counts(failed), _format_counts(expected.failed)
        reject(path, f"contains {found}, but {expected.source} counts {counted}")


def _format_counts(failed: Counter[OutcomeKind]) -> str:
    return ", ".join(f"{failed[kind]} {kind}" for kind in OutcomeKind if failed[kind]) or "no errors"
