"""An append-only file of whole blocks: the only place that writes records, errors and manifests to a disk.

Knows bytes, descriptors and renames; knows nothing of what the bytes say. Every method blocks and belongs in a
thread. Foreign errors are translated here: what the system refuses is an `OutputError` that names the path.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.errors import OutputError, OutputLocked

_MODE = 0o600


class Journal:
    """Appends blocks to a descriptor and knows how many bytes, and with what digest, it wrote.

    `is_ours` says that the file holds nothing but what is written here, so that half a block may be taken back.
    """

    def __init__(self, descriptor: int, name: str, *, is_ours: bool = True) -> None:
        self._descriptor = descriptor
        self._is_ours = is_ours
        self.name = name
        self.bytes = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def append(self, block: bytes) -> None:
        """Write `block` whole. On failure what was written of it is taken back, if the file is ours.

        Raises `OutputError`, and BrokenPipeError when nobody reads the pipe any more.
        """
        left = memoryview(block)
        try:
            while left:
                left = left[self._write(left) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_ours:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self.bytes)
            raise _refused(self.name, error) from None
        self.bytes += len(block)
        self._digest.update(block)

    def _write(self, left: memoryview) -> int:
        try:
            return os.write(self._descriptor, left)
        except BlockingIOError:  # whoever shares our standard output does not want it to block; we do
            select.select([], [self._descriptor], [])
            return 0

    def sync(self) -> None:
        """Have the system put everything on the disk."""
        with translated(self.name):
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        with translated(self.name):
            os.close(self._descriptor)

    def __repr__(self) -> str:
        return f"<Journal {self.name} {self.bytes} bytes>"


def claim(path: Path) -> int:
    """Open `path` for appending, made if it is missing, and hold its lock.

    Raises `OutputLocked` when another process holds it, and `OutputError`.
    """
    with translated(str(path)):
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise OutputLocked(f"{path}: another run is writing this output; wait for it to end") from None
            if _is_still(path, descriptor):
                return descriptor
            os.close(descriptor)  # renamed by its holder between our open and our lock


def create(path: Path) -> Journal:
    """A new, empty file, instead of what is there under that name."""
    with translated(str(path)):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        return Journal(os.open(path, flags, _MODE), str(path))


def put(path: Path, content: bytes) -> None:
    """Make `path` hold `content`: the old one or the new one is there, never a part."""
    rename(draft(path, content), path)


def draft(path: Path, content: bytes) -> Path:
    """Have `content` on the disk beside `path`, so that nothing but a rename is left to do; returns where."""
    beside = draft_of(path)
    journal = create(beside)
    try:
        journal.append(content)
        journal.sync()
    finally:
        journal.close()
    return beside


def rehearse(path: Path) -> None:
    """Raise `OutputError` now if `put` could not write `path` later."""
    create(draft_of(path)).close()
    remove(draft_of(path))


def rename(old: Path, new: Path) -> None:
    """Rename, and make that durable."""
    with translated(str(new)):
        os.replace(old, new)
        directory = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def remove(path: Path) -> None:
    """Delete `path` if it is there."""
    with translated(str(path)):
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make the folders `path` will be in, readable by their owner only."""
    with translated(str(path.parent)):
        for folder in (*reversed(path.parent.parents), path.parent):  # `parents=True` gives the mode to the last only
            folder.mkdir(exist_ok=True, mode=0o700)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what the system refuses about `name` into `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _refused(name, error) from None


def draft_of(path: Path) -> Path:
    """Where a file is made before it gets its name `path`."""
    return path.with_name(f"{path.name}.draft")


def _refused(name: str, error: OSError) -> OutputError:
    return OutputError(f"{name}: cannot be written: {error.strerror or error}")


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
