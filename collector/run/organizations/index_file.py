"""The index of a run of several organizations, on the disk: locked, marked as unfinished, and written last.

    open ─ continued, mark ─ … ─ write ─ close    the index is written; the mark goes if all had their turn
                             └ (kill)             the mark and the older index stay

The mark is a run header. A process that finds one continues that run under its run id and its date, and keeps the
organizations that it has completed. Each organization resumes its own unfinished files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from collector.model.errors import Damaged, OutputError
from collector.run.output_template import OutputTemplate
from collector.run.settings import Output
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.snapshot.sinks.target import require_usable_file
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem

INDEX_NAME: Final = "organizations.manifest.json"
"""The name of the index unless `--manifest` names it."""


def index_path(output: Output, *, run_id: str, now: float, is_stream: bool) -> Path | None:
    """The path of the index: `manifest` filled in, else in the deepest folder of `path` without a placeholder.

    None for a stream without `manifest`. Raises `UsageError` for an unknown placeholder, and `UsageError` or
    `OutputError` for a path that cannot be written.
    """
    if output.manifest is not None:
        path = Path(OutputTemplate(output.manifest, "--manifest").fill(run_id=run_id, now=now))
        require_usable_file("--manifest", path)
        return path
    if is_stream:
        return None
    folder = Path(output.path).parent
    while "{" in str(folder):
        folder = folder.parent
    path = folder / INDEX_NAME
    require_usable_file("--output", path)
    return path


class IndexFile:
    """The index at `path`, and the files beside it while its run is unfinished. Every method blocks."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        stem = path.name.removesuffix(".json").removesuffix(".manifest")
        self.path = path
        self._header = path.with_name(f"{stem}.partial.run.json")
        self._lock_path = path.with_name(f"{stem}.partial.lock")
        self._files = Files(PosixFileSystem(warn), warn)
        self._lock: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All paths that the index uses."""
        return self.path, self._header, self._lock_path

    @property
    def lock(self) -> Path:
        """The path of its lock file."""
        return self._lock_path

    def open(self) -> None:
        """Lock the index. Raises `OutputError` and `OutputLocked`."""
        self._files.make_folder(self.path)
        self._lock = self._files.open_locked(self._lock_path)
        self._files.check_writable(self.path)

    def continued(self, header: RunHeader, policy: Resume) -> RunHeader | None:
        """The header of the interrupted run that a run with `header` continues; None if it begins anew."""
        unfinished = resume.decode(self._files.read(self._header) or b"") if policy is not Resume.NEVER else None
        try:
            return header.check_resumable(unfinished, fresh=policy is Resume.AUTO)
        except Damaged:
            return None

    def mark(self, header: RunHeader) -> None:
        """Mark the run with this header as unfinished. Raises `OutputError`."""
        self._files.write_atomically(self._header, header.encode())

    def write(self, content: bytes, *, is_finished: bool) -> None:
        """Replace the index. A run that is not finished stays marked. Raises `OutputError`."""
        self._files.write_atomically(self.path, content)
        if is_finished:
            self._files.remove(self._header)

    def close(self) -> None:
        """Release the lock."""
        if self._lock is None:
            return
        with contextlib.suppress(OutputError):
            self._files.remove(self._lock_path)
        with contextlib.suppress(OSError):
            self._files.system.close(self._lock)
        self._lock = None
