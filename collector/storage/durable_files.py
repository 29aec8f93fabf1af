"""Whole files: locked, created, read, renamed and removed, each so that the result survives a crash.

Must not know lines. Every method blocks and belongs in a thread. Foreign errors are translated here and in `journal`:
an OSError becomes an `OutputError` that names the path.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from collector.model.errors import OutputError, OutputLocked
from collector.storage.blocks import digest_of, read_chunks
from collector.storage.filesystem import FileSystem

STAGED: Final = ".draft"
"""The end of the name of a staged file."""

_APPENDED: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT


class Files:
    """Durable operations on files."""

    def __init__(self, system: FileSystem, warn: Callable[[str], None] = lambda _: None) -> None:
        self.system = system
        self._warn = warn

    def make_folder(self, path: Path) -> None:
        """Create the parent folders of `path`, durably, and accessible to their owner only.

        Raises `OutputError`. Warns if every user can replace files in the folder, and continues: container volumes and
        CI workspaces often have such permissions, and their users cannot change them.
        """
        with translated(path.parent):
            for folder in (*reversed(path.parent.parents), path.parent):
                try:
                    self.system.mkdir(folder)
                except FileExistsError:
                    continue
                self.system.fsync_dir(folder.parent)
            if self.system.is_open_to_all(path.parent):
                self._warn(
                    f"{path.parent}: every user of this host can replace files in it; verify the snapshot before use, "
                    f"or run chmod +t {path.parent}"
                )

    def open_locked(self, path: Path) -> int:
        """Open `path` for appending, create it if it is missing, and lock it.

        Raises `OutputLocked` if another process holds the lock, and `OutputError`.
        """
        with translated(path):
            while True:
                descriptor = self.system.open(path, _APPENDED)
                try:
                    self.system.lock(descriptor)
                    if self.system.is_at(path, descriptor):
                        return descriptor
                except BlockingIOError:
                    self.system.close(descriptor)
                    raise OutputLocked(f"{path}: another run is writing this output; wait for it to end") from None
                except OSError:
                    self.system.close(descriptor)
                    raise
                self.system.close(descriptor)  # its holder renamed or removed it between the open and the lock

    def is_locked(self, path: Path) -> bool:
        """Does another process hold the lock of this file? Keeps the lock no longer than the call."""
        try:
            descriptor = self.system.open(path, os.O_RDONLY)
        except OSError:  # a running process keeps its lock file
            return False
        try:
            self.system.lock(descriptor)
        except OSError:
            return True
        finally:
            self.system.close(descriptor)
        return False

    def create(self, path: Path) -> int:
        """Open a new, empty file, replacing the contents of an existing one. Raises `OutputError`."""
        with translated(path):
            return self.system.open(path, _APPENDED | os.O_TRUNC)

    def append_to(self, path: Path) -> int:
        """Open `path` for appending, and create it if it is missing. Raises `OutputError`."""
        with translated(path):
            return self.system.open(path, _APPENDED)

    def read(self, path: Path) -> bytes | None:
        """The contents of a small file, or None if it is missing. Raises `OutputError`."""
        with translated(path):
            try:
                with self._reading(path) as descriptor:
                    return b"".join(read_chunks(partial(self.system.pread, descriptor)))
            except FileNotFoundError:
                return None

    def size(self, path: Path) -> int:
        """The length of an existing file. Raises `OutputError`."""
        with translated(path), self._reading(path) as descriptor:
            return self.system.size(descriptor)

    def digest(self, path: Path) -> str:
        """The SHA-256 (hex) of an existing file. Raises `OutputError`."""
        with translated(path), self._reading(path) as descriptor:
            return digest_of(partial(self.system.pread, descriptor))

    def has_content(self, path: Path, size: int, sha256: str) -> bool:
        """Does the file exist with this size and this SHA-256 (hex)? Raises `OutputError`."""
        return self.exists(path) and self.size(path) == size and self.digest(path) == sha256

    def write_atomically(self, path: Path, content: bytes) -> None:
        """Replace `path` atomically: it has the old or the new content, never a part. Raises `OutputError`."""
        self.rename(self.stage(path, content), path)

    def stage(self, path: Path, content: bytes) -> Path:
        """Write `content` to disk beside `path`, so that only a rename remains; returns the staged path.

        Raises `OutputError`, after removing a partial staged file.
        """
        staged = staged_path(path)
        descriptor = self.create(staged)
        with translated(path):
            try:
                left = memoryview(content)
                while left:
                    left = left[self.system.write(descriptor, left) :]
                self.system.fdatasync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    self.system.remove(staged)
                raise
            finally:
                self.system.close(descriptor)
            self.system.fsync_dir(path.parent)
        return staged

    def check_writable(self, path: Path) -> None:
        """Raise `OutputError` now if `write_atomically` could not write `path` later."""
        with translated(path):
            self.system.close(self.create(staged_path(path)))
            self.system.remove(staged_path(path))

    def rename(self, old: Path, new: Path) -> None:
        """Rename, durably. Raises `OutputError`."""
        with translated(new):
            self.system.rename(old, new)
            self.system.fsync_dir(new.parent)

    def remove(self, *paths: Path) -> None:
        """Remove the existing ones of `paths`, in this order, durably. Raises `OutputError`."""
        for path in paths:
            with translated(path):
                try:
                    self.system.remove(path)
                except FileNotFoundError:
                    continue
                self.system.fsync_dir(path.parent)

    @contextmanager
    def _reading(self, path: Path) -> Iterator[int]:
        descriptor = self.system.open(path, os.O_RDONLY)
        try:
            yield descriptor
        finally:
            self.system.close(descriptor)

    def names(self, folder: Path) -> list[str]:
        """The names in an existing folder. Raises `OutputError`."""
        with translated(folder):
            return self.system.names(folder)

    def exists(self, path: Path) -> bool:
        """Does anything exist under this name? Raises `OutputError`."""
        with translated(path):
            return self.system.exists(path)


@contextmanager
def translated(name: Path | str) -> Iterator[None]:
    """Translate an OSError about `name` into `OutputError`."""
    try:
        yield
    except OSError as error:
        raise output_error(name, error) from None


def output_error(name: Path | str, error: OSError) -> OutputError:
    """The `OutputError` for an OSError about `name`."""
    return OutputError(f"{name}: cannot be written: {error.strerror or error}")


def staged_path(path: Path) -> Path:
    """The path of the staged file for `path`."""
    return path.with_name(f"{path.name}{STAGED}")
