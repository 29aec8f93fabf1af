"""An unfinished run that none continues is set aside: kept under names of its own, never deleted, never overwritten."""

from __future__ import annotations

from itertools import chain, count

from collector.snapshot.layout import SnapshotPaths, quarantined_path
from collector.storage.durable_files import Files


def quarantine(files: Files, names: SnapshotPaths, run_id: str) -> str:
    """Rename all that the run left; returns the new name of its records. Raises `OutputError`.

    As long as the records have their name a crash is gone on from under the same names: so they come last, and the
    head, which says whose they are, is copied before and removed behind them.
    """
    header = files.read(names.header)
    suffix = _suffix(files, names, run_id, header)
    if header is not None:
        files.put(quarantined_path(names.header, suffix), header)
    for path in (names.partial_errors, names.partial_manifest, names.checkpoint, names.partial):
        if files.exists(path):
            files.rename(path, quarantined_path(path, suffix))
    files.remove(names.header)
    return str(quarantined_path(names.partial, suffix))


def _suffix(files: Files, names: SnapshotPaths, run_id: str, header: bytes | None) -> str:
    """`run_id`, or with a number, so that nothing set aside before is overwritten."""
    for suffix in chain([run_id], (f"{run_id}.{number}" for number in count(2))):
        is_begun = header is not None and files.read(quarantined_path(names.header, suffix)) == header
        taken = [path for path in names.unfinished if files.exists(quarantined_path(path, suffix))]
        if not taken or (is_begun and names.partial not in taken):
            return suffix
    raise RuntimeError("numbers do not end")
