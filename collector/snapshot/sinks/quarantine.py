"""Quarantine: rename the files of an unfinished run that is not resumed. They are never deleted or overwritten."""

from __future__ import annotations

from itertools import chain, count

from collector.snapshot.layout import SnapshotPaths, quarantined_path
from collector.storage.durable_files import Files


def quarantine(files: Files, paths: SnapshotPaths, run_id: str) -> str:
    """Rename all files of the run, and return the new name of its records. Raises `OutputError`.

    After a crash, the next start continues the quarantine under the same suffix as long as the records have their old
    name. So the records are renamed last. The run header, which identifies the run, is copied before and removed after
    them.
    """
    header = files.read(paths.header)
    suffix = _suffix(files, paths, run_id, header)
    if header is not None:
        files.write_atomically(quarantined_path(paths.header, suffix), header)
    companions = (path for path in paths.unfinished if path not in {paths.partial, paths.header})
    for path in (*companions, paths.partial):
        if files.exists(path):
            files.rename(path, quarantined_path(path, suffix))
    files.remove(paths.header)
    return str(quarantined_path(paths.partial, suffix))


def _suffix(files: Files, paths: SnapshotPaths, run_id: str, header: bytes | None) -> str:
    """`run_id`, with a number if necessary, so that no quarantined file is overwritten."""
    for suffix in chain([run_id], (f"{run_id}.{number}" for number in count(2))):
        is_begun = header is not None and files.read(quarantined_path(paths.header, suffix)) == header
        existing = [path for path in paths.unfinished if files.exists(quarantined_path(path, suffix))]
        if not existing or (is_begun and paths.partial not in existing):
            return suffix
    raise RuntimeError("unreachable: count() never ends")
