"""The rule that a finished partition is never written again."""

from __future__ import annotations

from pathlib import Path

from collector.model.errors import UsageError
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import decode
from collector.storage.durable_files import Files


def require_unfinished(files: Files, paths: SnapshotPaths) -> None:
    """Raise `UsageError` if this output would change a finished partition.

    The output in parts itself, or one file whose manifest is that of a partition. Raises `OutputError`.
    """
    mark = _mark_of_finished(files, paths)
    if mark is not None:
        raise UsageError(
            f"--output {paths.snapshot}: {mark} exists, so this partition is finished, and a finished partition is "
            "never written again; collect into another one, with {date} or {run_id} in the path, or remove the folder "
            f"{paths.snapshot.parent}"
        )


def _mark_of_finished(files: Files, paths: SnapshotPaths) -> Path | None:
    if paths.is_partitioned:
        return next(filter(files.exists, (paths.success, paths.manifest)), None)
    return paths.manifest if _describes_parts(files, paths.manifest) else None


def _describes_parts(files: Files, manifest: Path) -> bool:
    try:
        return decode(files.read(manifest) or b"").is_partitioned
    except Malformed:
        return False
