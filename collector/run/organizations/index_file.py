"""The index of a run of several organizations, on the disk: locked, marked as unfinished, and written last.

    open ─ find_interrupted, mark ─ … ─ write ─ close    the index is written; the mark goes if all had their turn
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
    path = _fixed_folder(Path(output.path)) / INDEX_NAME
    require_usable_file("--output", path)
    return path


def index_of(
    output: Output, warn: Callable[[str], None], *, run_id: str, now: float, is_stream: bool
) -> IndexFile | None:
    """The index at `index_path`, whose errors it raises; None without one."""
    path = index_path(output, run_id=run_id, now=now, is_stream=is_stream)
    return IndexFile(path, warn, output.manifest) if path else None


class IndexFile:
    """The index at `path`, and the files beside it while its run is unfinished. Every method blocks."""

    def __init__(self, path: Path, warn: Callable[[str], None], template: str | None = None) -> None:
        """`template` is the path before its placeholders were filled in, for names that every run finds again."""
        folder, stem = _mark_of(Path(template or path))
        self.path = path
        self._warn = warn
        self._header = folder / f"{stem}.partial.run.json"
        self._lock_path = folder / f"{stem}.partial.lock"
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
        for path in (self.path, self._lock_path):
            self._files.make_folder(path)
        self._lock = self._files.open_locked(self._lock_path)
        self._files.check_writable(self.path)

    @property
    def is_locked(self) -> bool:
        """Does another run hold the lock?"""
        return self._files.is_locked(self._lock_path)

    def find_interrupted(self, header: RunHeader, policy: Resume) -> RunHeader | None:
        """The header of the interrupted run that a run with `header` continues; None if it begins anew.

        Warns of an interrupted run that it does not continue. Raises `Damaged` for it if the policy is to always
        resume.
        """
        content = self._files.read(self._header)
        if content is None or policy is Resume.NEVER:
            return None
        unfinished = resume.decode(content)
        try:
            if unfinished is not None and unfinished.ids_digest != header.ids_digest:
                raise Damaged("it has other organizations, connections, side tables or paths")
            return header.check_resumable(unfinished, fresh=policy is Resume.AUTO)
        except Damaged as reason:
            run = f"the interrupted run {unfinished.run_id}" if unfinished else "an interrupted run"
            if policy is Resume.ALWAYS:
                raise Damaged(f"{self._header}: {run} cannot be continued: {reason}; use --resume auto") from None
            self._warn(f"{run} is not continued: {reason}; the organizations that it has completed are collected again")
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


def _fixed_folder(path: Path) -> Path:
    """The deepest folder of a path without a placeholder."""
    return next(folder for folder in path.parents if "{" not in str(folder))


def _mark_of(path: Path) -> tuple[Path, str]:
    """The folder and the stem of the names beside an index, which do not depend on the values of placeholders."""
    folder = _fixed_folder(path)
    name = "-".join(path.relative_to(folder).parts).replace("{", "").replace("}", "")
    return folder, name.removesuffix(".json").removesuffix(".manifest")
