"""A new version of a file, written beside it under its staged name. It replaces the file whole, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.model.errors import OutputError
from collector.storage.durable_files import Files, staged_path, translated


class StagedFile:
    """The open staged file. After a failed write, further blocks are discarded and `sync` raises."""

    def __init__(self, files: Files, path: Path, descriptor: int) -> None:
        self._files = files
        self._path = path
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._failure: OutputError | None = None
        self.bytes = 0
        self.is_kept = False

    @property
    def sha256(self) -> str:
        """The SHA-256 (hex) of the bytes so far."""
        return self._digest.hexdigest()

    def write(self, block: bytes | memoryview) -> int:
        """Append a whole block; returns its length. Raises `OutputError`, once."""
        left = memoryview(block).cast("B")
        size = len(left)
        if self._failure:
            return size
        try:
            with translated(self._path):
                self._digest.update(left)
                while left:
                    left = left[self._files.system.write(self._descriptor, left) :]
        except OutputError as failure:
            self._failure = failure
            raise
        self.bytes += size
        return size

    def sync(self) -> None:
        """Write the content and the staged name to disk, so that only a rename remains. Raises `OutputError`."""
        if self._failure:
            raise self._failure
        with translated(self._path):
            self._files.system.fdatasync(self._descriptor)
            self._files.system.fsync_dir(self._path.parent)

    def keep(self) -> None:
        """Sync, and keep the staged file after the context, for a later rename. Raises `OutputError`."""
        self.sync()
        self.is_kept = True

    def publish(self) -> None:
        """Replace the file, durably. Raises `OutputError`."""
        self.sync()
        self._files.rename(staged_path(self._path), self._path)
        self.is_kept = True


@contextmanager
def staged_file(files: Files, path: Path) -> Iterator[StagedFile]:
    """Begin a new version of `path`. It is discarded at the end of the context, unless it was published or kept.

    Raises `OutputError`, and `OutputLocked` if another process is writing a new version.
    """
    descriptor = files.open_locked(staged_path(path))
    staged = StagedFile(files, path, descriptor)
    try:
        with translated(path):
            files.system.truncate(descriptor, 0)
        yield staged
    finally:
        try:
            if not staged.is_kept:
                files.remove(staged_path(path))
        finally:
            files.system.close(descriptor)
