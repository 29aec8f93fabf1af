"""An unfinished run that none continues is set aside: kept under names of its own, never deleted, never overwritten."""

from __future__ import annotations

from itertools import chain, count

from collector.files import Files
from collector.names import SnapshotNames


def set_aside(files: Files, names: SnapshotNames, run_id: str) -> str:
    """Rename all that the run left; returns the new name of its records. Raises `OutputError`.

    The records come last but for the head, so that what a crash cuts short is seen, and gone on with under these names.
    """
    suffix = _unused(files, names, run_id)
    for path in (names.partial_errors, names.partial_manifest, names.checkpoint, names.partial, names.head):
        if files.exists(path):
            files.rename(path, path.with_name(f"{path.name}.{suffix}"))
    return f"{names.partial}.{suffix}"


def _unused(files: Files, names: SnapshotNames, suffix: str) -> str:
    """`suffix`, or with a number, so that nothing set aside before is overwritten."""
    numbered = (f"{suffix}.{number}" for number in count(2))
    return next(
        each
        for each in chain([suffix], numbered)
        if not files.exists(names.partial.with_name(f"{names.partial.name}.{each}"))
    )
