"""An unfinished run that none continues is set aside: kept under names of its own, never deleted, never overwritten."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path

from collector.files import Files
from collector.names import SnapshotNames


def set_aside(files: Files, names: SnapshotNames, run_id: str) -> str:
    """Rename all that the run left; returns the new name of its records. Raises `OutputError`.

    As long as the records have their name a crash is gone on from under the same names: so they come last, and the
    head, which says whose they are, is copied before and removed behind them.
    """
    suffix = _unused(files, names, run_id)

    def aside(path: Path) -> Path:
        return path.with_name(f"{path.name}.{suffix}")

    if (head := files.read(names.head)) is not None:
        files.put(aside(names.head), head)
    for path in (names.partial_errors, names.partial_manifest, names.checkpoint, names.partial):
        if files.exists(path):
            files.rename(path, aside(path))
    files.remove(names.head)
    return str(aside(names.partial))


def _unused(files: Files, names: SnapshotNames, suffix: str) -> str:
    """`suffix`, or with a number, so that nothing set aside before is overwritten."""
    numbered = (f"{suffix}.{number}" for number in count(2))
    return next(
        each
        for each in chain([suffix], numbered)
        if not files.exists(names.partial.with_name(f"{names.partial.name}.{each}"))
    )
