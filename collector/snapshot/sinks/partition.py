"""The rules that a finished partition is never written again, and that no run removes a file of another origin."""

from __future__ import annotations

from pathlib import Path

from collector.model.errors import UsageError
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import decode
from collector.snapshot.parts import templates_of
from collector.snapshot.sinks.part_files import foreign_part
from collector.storage.durable_files import Files


def require_unfinished(files: Files, paths: SnapshotPaths) -> None:
    """Raise `UsageError` if this output would change a finished partition.

    The output in parts itself, one file whose manifest is that of a partition, or one with the name of a part. Also
    raises it if the folder has a file with the name of a part that no run left. Raises `OutputError`.
    """
    is_of_one_file = files.exists(paths.manifest) and _described(files, paths.manifest) is None
    if paths.is_partitioned and is_of_one_file and not files.exists(paths.success):
        raise UsageError(
            f"--output {paths.snapshot}: {paths.manifest} is that of a snapshot in one file; choose another --output"
        )
    _reject_finished(paths, _mark_of_finished(files, paths))
    if paths.is_partitioned and (foreign := foreign_part(files, paths.snapshot)):
        raise UsageError(
            f"--output {paths.snapshot}: {foreign} has the name of a part, but no run left it as one, because the "
            "numbers before it are missing; move it, or choose another folder or name"
        )


def require_no_part(files: Files, path: Path) -> None:
    """Raise `UsageError` if a file of this name would be read as a part of a finished partition."""
    _reject_finished(SnapshotPaths(path), _manifest_of_part(files, path))


def _reject_finished(paths: SnapshotPaths, mark: Path | None) -> None:
    if mark is not None:
        raise UsageError(
            f"--output {paths.snapshot}: {mark} exists, so this partition is finished, and a finished partition is "
            "never written again; choose another --output, such as one with {run_id} in the path"
        )


def _mark_of_finished(files: Files, paths: SnapshotPaths) -> Path | None:
    if paths.is_partitioned:
        return next(filter(files.exists, (paths.success, paths.manifest)), None)
    if _described(files, paths.manifest):
        return paths.manifest
    return _manifest_of_part(files, paths.snapshot)


def _manifest_of_part(files: Files, path: Path) -> Path | None:
    """The manifest of the partition whose parts have such names."""
    outputs = [SnapshotPaths(path.with_name(template)) for template in templates_of(path.name)]
    return next((one.manifest for one in outputs if _described(files, one.manifest) == one.snapshot.name), None)


def _described(files: Files, manifest: Path) -> str | None:
    """The name of the output in parts that the manifest describes."""
    try:
        found = decode(files.read(manifest) or b"")
    except Malformed:
        return None
    return found.records_file.path if found.is_partitioned else None
