"""The errors file of a snapshot: where it is, and whether it holds the failures that the manifest counts."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from collector.model.ids import IdSet
from collector.model.outcome import OutcomeKind
from collector.snapshot.checked_file import open_regular, reject
from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.lines import BadLine, read_error
from collector.snapshot.manifest import FileFacts
from collector.storage.compression import compression_of


class CheckedErrors(NamedTuple):
    """What was compared: `path` is None where no errors file was kept; a `note` says what could not be compared."""

    path: Path | None = None
    note: str | None = None


def check_errors(checked: CheckedManifest, ids: IdSet) -> CheckedErrors:
    """Compare the errors file with the claim, and add its ids to `ids`. Raises `Damaged` and `InputError`.

    Any file under the errors file's name is compared or refused.
    """
    if checked.manifest.errors:
        return _check_listed(checked, checked.manifest.errors, ids)
    default_path = checked.files.errors
    if not checked.failed:
        return _require_none(checked, default_path)
    if checked.is_of_stream and not os.path.lexists(default_path):
        count = checked.failed.total()
        return CheckedErrors(
            note=f"{checked.files.manifest}: names no errors file, so the ids and messages of {count} errors were not "
            "compared; to keep them, name one with --errors when you collect"
        )
    _check_lines(default_path, checked, ids)
    return CheckedErrors(
        default_path,
        f"{default_path}: only its ids and outcomes were compared, because the manifest has no digest of it; an earlier "
        "version wrote it, or a run without --errors",
    )


def _check_listed(checked: CheckedManifest, facts: FileFacts, ids: IdSet) -> CheckedErrors:
    """The manifest names the file: for standard output anywhere, else beside the records, as they are called now."""
    default_path = checked.files.errors
    listed_path = checked.files.manifest.parent / facts.path if checked.is_of_stream else default_path
    path, *others = [each for each in dict.fromkeys((listed_path, default_path)) if os.path.lexists(each)] or [
        listed_path
    ]
    _check_lines(path, checked, ids)
    for other in others:
        _require_copy(other, path, facts)
    return CheckedErrors(path)


def _require_copy(other: Path, path: Path, facts: FileFacts) -> None:
    with open_regular(other) as file:
        if not file.matches(facts):
            reject(other, f"is not the errors file of this snapshot, which is {path}; remove or rename it")


def _require_none(checked: CheckedManifest, default_path: Path) -> CheckedErrors:
    if os.path.lexists(default_path) and not (
        checked.is_stopped and _is_empty(default_path)
    ):  # its first error was not written
        reject(
            default_path, "is not accounted for: the manifest counts no errors and names no file; remove or rename it"
        )
    return CheckedErrors()


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _check_lines(path: Path, checked: CheckedManifest, ids: IdSet) -> None:
    failed: Counter[OutcomeKind] = Counter()
    if not os.path.lexists(path):
        reject(
            path, f"is not there, but the manifest counts {checked.failed.total()} errors; restore it or collect again"
        )
    with open_regular(path) as file:
        for where, line in file.lines(compression_of(path.name)):
            try:
                connection_id, kind = read_error(line)
            except BadLine as reason:
                reject(path, f"{where}: {reason}")
            if not ids.add(connection_id):
                reject(path, f"{where}: {connection_id} is there twice, or has a record as well")
            failed[kind] += 1
        if facts := checked.manifest.errors:
            file.require_match(facts, failed.total(), "errors")
    if failed != checked.failed:
        reject(
            path, f"has {_format_counts(failed)}, but the account in the manifest has {_format_counts(checked.failed)}"
        )


def _format_counts(failed: Counter[OutcomeKind]) -> str:
    return ", ".join(f"{failed[kind]} {kind}" for kind in OutcomeKind if failed[kind]) or "no errors"
