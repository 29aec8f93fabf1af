"""The file system calls that the journal and the snapshot use, as a protocol, so that tests can pass a model.

Every method blocks, and raises OSError as the system does. Only `PosixFileSystem` writes records, errors, manifests and
locks to disk.

If the system or the file system lacks a guarantee, `PosixFileSystem` warns once and makes the next best call, as
restic, borg and RocksDB do. Examples: macOS lacks fdatasync; CIFS, FUSE and 9p may not sync folders; NFS may not lock;
vfat lacks permissions. Only a real failure, such as EIO, is raised.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from collector.storage.ownership import is_owned

_MODE = 0o600
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OPENED = getattr(os, "O_CLOEXEC", 0) | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
# The errors for a call that a file system does not support.
_UNSUPPORTED = frozenset((errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.ENOTTY))
_FOLDER_MODE = 0o700


class FileSystem(Protocol):
    """Operations on paths and open descriptors.

    Written data survives a crash of the machine after the next `fdatasync`; a new, renamed or removed name survives it
    after the next `fsync_dir` of its folder (POSIX, fsync and rename). Killing the process loses neither.
    """

    def open(self, path: Path, flags: int) -> int:
        """A descriptor of a regular file, not inherited by child processes, and not opened through a link.

        `flags` are O_RDONLY, or O_RDWR with any of O_APPEND, O_CREAT and O_TRUNC. A file opened for writing must belong
        to this user and have one name; its mode becomes 0600, whatever its previous mode and the umask.
        """

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        """Append a part of `block`; returns the number of bytes written."""

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`; empty at the end."""

    def size(self, descriptor: int) -> int:
        """The length of the open file."""

    def truncate(self, descriptor: int, length: int) -> None:
        """Truncate the open file to `length`."""

    def fdatasync(self, descriptor: int) -> None:
        """Sync the written data and the length to disk."""

    def lock(self, descriptor: int) -> None:
        """Lock the file until it is closed. Raises BlockingIOError if another process holds the lock."""

    def close(self, descriptor: int) -> None:
        """Close and unlock."""

    def is_at(self, path: Path, descriptor: int) -> bool:
        """Is the open file the one under `path`?"""

    def exists(self, path: Path) -> bool:
        """Does anything exist at `path`, including a dangling link?"""

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, in any order."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file atomically, replacing any existing one."""

    def remove(self, path: Path) -> None:
        """Remove a name. Raises FileNotFoundError if it is missing."""

    def mkdir(self, folder: Path) -> None:
        """Create a folder with mode 0700, whatever the umask.

        Raises FileExistsError if the name is in use.
        """

    def is_open_to_all(self, folder: Path) -> bool:
        """Can any user replace files of other users in `folder`? False if its sticky bit is set."""

    def fsync_dir(self, folder: Path) -> None:
        """Sync the names in `folder` to disk."""


class PosixFileSystem:
    """The real file system. Calls `warn` once for each missing guarantee."""

    def __init__(self, warn: Callable[[str], None] = lambda _: None) -> None:
        self._warn = warn
        self._warned: set[str] = set()

    def _lacks(self, guarantee: str, meaning: str, error: OSError | None = None) -> None:
        if guarantee not in self._warned:
            self._warned.add(guarantee)
            why = f" ({error.strerror})" if error else ""
            self._warn(f"the output's file system cannot {guarantee}{why}: {meaning}")

    def open(self, path: Path, flags: int) -> int:
        flags |= _OPENED
        if not _NO_FOLLOW:
            self._lacks("open files without following links", "another user could redirect what is written")
        try:
            if not _NO_FOLLOW and path.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            descriptor = os.open(path, flags & ~os.O_TRUNC, _MODE)  # truncated only after the ownership check
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.EMLINK} and path.is_symlink():  # EMLINK: FreeBSD
                raise OSError(errno.ELOOP, "is one of the symbolic links that are never followed; remove it") from None
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file")
            if flags & os.O_RDWR:
                self._make_private(descriptor, status)
            if flags & os.O_TRUNC:
                os.ftruncate(descriptor, 0)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        return os.write(descriptor, block)

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        return os.pread(descriptor, size, offset)

    def size(self, descriptor: int) -> int:
        return os.fstat(descriptor).st_size

    def truncate(self, descriptor: int, length: int) -> None:
        os.ftruncate(descriptor, length)

    def fdatasync(self, descriptor: int) -> None:
        for sync in _SYNCS:
            try:
                sync(descriptor)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                refusal = error
            else:
                return
        self._lacks("sync files", "a crash of the machine may lose records that were counted", refusal)

    def lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._lacks("lock files", "never start two runs with the same output", error)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def is_at(self, path: Path, descriptor: int) -> bool:
        try:
            there = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        here = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def names(self, folder: Path) -> list[str]:
        return os.listdir(folder)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        path.unlink()

    def mkdir(self, folder: Path) -> None:
        folder.mkdir(mode=_FOLDER_MODE)
        if stat.S_IMODE(folder.lstat().st_mode) & _FOLDER_MODE != _FOLDER_MODE:  # the umask restricted the owner
            folder.chmod(_FOLDER_MODE)

    def is_open_to_all(self, folder: Path) -> bool:
        mode = folder.stat().st_mode
        return bool(stat.S_ISDIR(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX)

    def fsync_dir(self, folder: Path) -> None:
        try:
            _sync_folder(folder)
        except OSError as error:
            if error.errno not in _UNSUPPORTED | {errno.EACCES, errno.EBADF}:
                raise
            self._lacks("sync folders", "a crash of the machine may undo the last change of names", error)

    def _make_private(self, descriptor: int, status: os.stat_result) -> None:
        """Set mode 0600. Raises the errors of `require_own_file`."""
        require_own_file(status)
        if stat.S_IMODE(status.st_mode) == _MODE:
            return
        try:
            os.fchmod(descriptor, _MODE)
        except OSError as error:
            if error.errno not in _UNSUPPORTED | {errno.EPERM}:
                raise
            self._lacks("keep permissions", "other users may read the output", error)


def require_own_file(status: os.stat_result) -> None:
    """Raises OSError for another user's file, and for a file with a second name (a hard link)."""
    if not is_owned(status):
        raise OSError(errno.EPERM, f"belongs to another user ({status.st_uid}); remove it")
    if status.st_nlink > 1:
        raise OSError(errno.EPERM, "has a second name (a hard link); remove one of them")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _syncs() -> tuple[Callable[[int], object], ...]:
    """The calls that sync an open file, strongest first.

    On macOS fsync does not flush the cache of the disk (fsync(2) there); F_FULLFSYNC does.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    strongest = () if full is None else (lambda descriptor: fcntl.fcntl(descriptor, full),)
    data_only = getattr(os, "fdatasync", None)
    return (*strongest, *(() if data_only is None else (data_only,)), os.fsync)


_SYNCS = _syncs()
