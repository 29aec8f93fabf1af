"""A file system for rehearsals: reads the real files, and keeps every change in memory.

A change fails as on the real one if permissions, an owner or a missing folder forbid it; a full disk is not foreseen. A
lock is probed for an instant and never kept. Not for several threads at a time.
"""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from collector.storage.filesystem import PosixFileSystem, require_own_file


@dataclass(slots=True)
class _Content:
    """The first `kept` bytes of the real file `base`, then the `added` ones."""

    base: Path | None = None
    kept: int = 0
    added: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        return self.kept + len(self.added)

    def truncate(self, length: int) -> None:
        del self.added[max(0, length - self.kept) :]
        self.kept = min(self.kept, length)


class _Opened(NamedTuple):
    content: _Content
    base: int | None  # a descriptor of the real file


class OverlayFileSystem:
    """Implements `FileSystem` without a change of any file."""

    def __init__(self) -> None:
        self._real = PosixFileSystem()
        self._names: dict[Path, _Content | None] = {}  # the changed ones; None: removed
        self._folders: set[Path] = set()  # the new ones
        self._opened: dict[int, _Opened] = {}
        self._numbers = itertools.count()

    def open(self, path: Path, flags: int) -> int:
        if not flags & os.O_RDWR:
            return self._open(self._content(path))
        if flags & os.O_CREAT and not self.exists(path):
            self._require_writable_folder(path.parent)
            content = _Content()
        else:
            content = self._content(path)
            _require_writable_file(content)
        if flags & os.O_TRUNC:
            content.truncate(0)
        self._names[path] = content
        return self._open(content)

    def _open(self, content: _Content) -> int:
        base = None if content.base is None else self._real.open(content.base, os.O_RDONLY)
        descriptor = next(self._numbers)
        self._opened[descriptor] = _Opened(content, base)
        return descriptor

    def _content(self, path: Path) -> _Content:
        content = self._names[path] if path in self._names else self._real_content(path)
        if content is None:
            raise _error(errno.ENOENT)
        return content

    def _real_content(self, path: Path) -> _Content:
        descriptor = self._real.open(path, os.O_RDONLY)
        try:
            return _Content(path, self._real.size(descriptor))
        finally:
            self._real.close(descriptor)

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        self._opened[descriptor].content.added += block
        return len(block)

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        content, base = self._opened[descriptor]
        kept = b""
        if base is not None and offset < content.kept:
            kept = self._real.pread(base, min(size, content.kept - offset), offset)
        start = max(0, offset - content.kept)
        return kept + content.added[start : start + size - len(kept)]

    def size(self, descriptor: int) -> int:
        return self._opened[descriptor].content.size

    def truncate(self, descriptor: int, length: int) -> None:
        self._opened[descriptor].content.truncate(length)

    def fdatasync(self, descriptor: int) -> None:
        pass

    def lock(self, descriptor: int) -> None:
        base = self._opened[descriptor].content.base
        if base is None:
            return
        probe = self._real.open(base, os.O_RDONLY)
        try:
            self._real.lock(probe)
        finally:
            self._real.close(probe)

    def close(self, descriptor: int) -> None:
        base = self._opened.pop(descriptor).base
        if base is not None:
            self._real.close(base)

    def is_at(self, path: Path, descriptor: int) -> bool:
        return self._names.get(path) is self._opened[descriptor].content

    def exists(self, path: Path) -> bool:
        return self._names[path] is not None if path in self._names else self._real.exists(path)

    def rename(self, old: Path, new: Path) -> None:
        self._require_writable_folder(old.parent)
        self._require_writable_folder(new.parent)
        content = self._content(old)
        self._names |= {old: None, new: content}

    def names(self, folder: Path) -> list[str]:
        real = [] if folder in self._folders else self._real.names(folder)
        changed = {path.name: content for path, content in self._names.items() if path.parent == folder}
        kept = [name for name in real if name not in changed]
        return [*kept, *(name for name, content in changed.items() if content is not None)]

    def remove(self, path: Path) -> None:
        self._require_writable_folder(path.parent)
        if not self.exists(path):
            raise _error(errno.ENOENT)
        self._names[path] = None

    def mkdir(self, folder: Path) -> None:
        if folder in self._folders or self._real.exists(folder):
            raise _error(errno.EEXIST)
        self._require_writable_folder(folder.parent)
        self._folders.add(folder)

    def is_open_to_all(self, folder: Path) -> bool:
        return folder not in self._folders and self._real.is_open_to_all(folder)

    def fsync_dir(self, folder: Path) -> None:
        pass

    def _require_writable_folder(self, folder: Path) -> None:
        if folder in self._folders:
            return
        if not folder.is_dir():
            raise _error(errno.ENOTDIR if folder.exists() else errno.ENOENT)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _error(errno.EACCES)


def _require_writable_file(content: _Content) -> None:
    if content.base is None:
        return
    if not os.access(content.base, os.R_OK | os.W_OK):
        raise _error(errno.EACCES)
    require_own_file(content.base.lstat())


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
