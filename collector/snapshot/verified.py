"""The result of a verification: the figures of a snapshot that matches its manifest, and notes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from collector.snapshot.checked_manifest import CheckedManifest
from collector.snapshot.errors_file import CheckedErrors
from collector.snapshot.layout import SnapshotPaths, Stage
from collector.snapshot.parts import part_pattern
from collector.snapshot.side_table import note_on_table


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


def verified(checked: CheckedManifest, errors: CheckedErrors) -> Verified:
    """The result for a snapshot whose comparison found no difference."""
    records_file = checked.manifest.records_file
    table_notes = (note_on_table(checked, entry) for entry in checked.manifest.tables)
    return Verified(
        records=checked.records,
        errors=checked.failed.total(),
        bytes=records_file.bytes,
        sha256=records_file.sha256,
        status=checked.manifest.status,
        errors_file=errors.path,
        notes=tuple(filter(None, (errors.note, *table_notes, *_notes_on_partition(checked), _note_on_run(checked)))),
    )


def _notes_on_partition(checked: CheckedManifest) -> tuple[str | None, ...]:
    return (_note_on_success(checked), _note_on_surplus(checked)) if checked.manifest.is_partitioned else ()


def _note_on_surplus(checked: CheckedManifest) -> str | None:
    """A note on a file that loaders would read as a part, but that the manifest does not list, and the next step."""
    template = checked.files.records
    pattern, listed = part_pattern(template.name), {each.path for each in checked.manifest.records_files}
    try:
        names = sorted(filter(pattern.fullmatch, os.listdir(template.parent)))
    except OSError:  # a folder that may be searched, and not read
        return None
    surplus = next((name for name in names if name not in listed), None)
    if surplus is None:
        return None
    return (
        f"{template.with_name(surplus)}: has the name of a part, but the manifest does not list it, so loaders may "
        "read records that are not of this partition; move it to another folder"
    )


def _note_on_success(checked: CheckedManifest) -> str | None:
    """A note on a published partition without the file that loaders wait for, and the next step."""
    success = SnapshotPaths(checked.files.records).success
    if success.exists():
        return None
    return f"{success}: does not exist, so loaders may take this partition for unfinished; create it as an empty file"


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
