"""A write-back file system: it keeps unsynced data in memory, and loses it when the power fails.

    python -m tests.support.write_back_fuse BACKING MOUNT SEED [CALL:NUMBER]

BACKING is the disk: a folder with the synced data, which is all that remains after a power failure. The blocks and the
length of a file reach the disk when the file is synced. Its name reaches the disk when the folder is synced. POSIX
promises no more. The power fails

- when the process is killed: all unsynced data is lost;
- when a line arrives on stdin, or before the call of that name and number (`rename:3`): a part of the unsynced data,
  chosen by the seed, is on disk. That is some blocks, a length between the old and the new, and some changes of names,
  each with those that it depends on; sometimes none of it, sometimes all.

It unmounts when its stdin ends. The kernel handles locks, because this module implements no calls for them. Not
modelled: folders, links, times, owners, and versions of blocks between two syncs. A file whose name was removed can be
read and written, but its length cannot be read or set (ESTALE; libfuse looks it up by name).
"""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import mfusepy

BLOCK = 4096
_ROOT = 1


class _File:
    """The content that programs read, and a descriptor of the file on disk; `unsynced` are the blocks that differ."""

    def __init__(self, number: int, disk: int) -> None:
        self.number = number
        self.disk = disk
        self.mode = os.fstat(disk).st_mode
        self.content = bytearray(os.pread(disk, os.fstat(disk).st_size, 0))
        self.unsynced: set[int] = set()

    def write(self, block: bytes, offset: int) -> None:
        self.extend(offset)
        self.content[offset : offset + len(block)] = block
        self.unsynced.update(range(offset // BLOCK, (offset + len(block) - 1) // BLOCK + 1))

    def extend(self, length: int) -> None:
        if (old := len(self.content)) < length:
            self.write(bytes(length - old), old)

    def truncate(self, length: int) -> None:
        self.extend(length)
        del self.content[length:]

    def sync(self) -> None:
        self._write(self.unsynced, len(self.content))
        self.unsynced.clear()

    def sync_partially(self, rng: random.Random, share: float) -> None:
        """Write some of the blocks to disk, and a length between the old and the new."""
        lengths = sorted([os.fstat(self.disk).st_size, len(self.content)])
        length = len(self.content) if rng.random() < share else rng.randint(*lengths)
        self._write({block for block in sorted(self.unsynced) if rng.random() < share}, length)

    def _write(self, blocks: set[int], length: int) -> None:
        for start in (block * BLOCK for block in blocks):
            os.pwrite(self.disk, self.content[start : start + BLOCK].ljust(BLOCK, b"\0"), start)
        os.ftruncate(self.disk, length)


class _Change(NamedTuple):
    """A creation (`old` is None), removal (`new` is None) or change of a name."""

    file: _File
    old: str | None
    new: str | None


class _Folder:
    """The names of the files: as programs see them, and on disk."""

    def __init__(self, backing: Path) -> None:
        self._backing = backing
        self._descriptor = os.open(backing, os.O_RDONLY | os.O_DIRECTORY)
        self._numbers = count(_ROOT + 1)
        self.names = {each.name: self._file(os.open(each, os.O_RDWR)) for each in backing.iterdir()}
        self.on_disk = dict(self.names)
        self._unsynced: list[_Change] = []

    def _file(self, descriptor: int) -> _File:
        return _File(next(self._numbers), descriptor)

    def create(self, name: str, mode: int) -> _File:
        """A new file, which does not have a name on disk yet."""
        file = self._file(os.open(self._backing, os.O_RDWR | os.O_TMPFILE, stat.S_IMODE(mode)))
        self.change(_Change(file, None, name))
        return file

    def change(self, change: _Change) -> None:
        _rename(self.names, change)
        self._unsynced.append(change)

    def sync(self) -> None:
        for change in self._unsynced:
            self._write(change)
        self._unsynced.clear()

    def sync_partially(self, rng: random.Random, share: float) -> None:
        """Apply some of the changes on disk: the first ones, as in a file system with a log, or any."""
        changes = self._unsynced[: rng.randint(0, len(self._unsynced))] if rng.random() < 0.3 else self._unsynced
        for change in changes:
            if changes is not self._unsynced or rng.random() < share:
                self._write(change)

    def _write(self, change: _Change) -> None:
        file, old, new = change
        if self.on_disk.get(old) is not file if old else new in self.on_disk:
            return  # the change it depends on is not on disk
        _rename(self.on_disk, change)
        here = {"src_dir_fd": self._descriptor, "dst_dir_fd": self._descriptor}
        if old is None and new:
            os.link(f"/proc/self/fd/{file.disk}", new, **here, follow_symlinks=True)
        elif old and new:
            os.replace(old, new, **here)
        elif old:
            os.unlink(old, dir_fd=self._descriptor)


def _rename(names: dict[str, _File], change: _Change) -> None:
    if change.old:
        del names[change.old]
    if change.new:
        names[change.new] = change.file


class _Power:
    """The power supply. It fails before a chosen call or at any time between two calls, and ends the process."""

    def __init__(self, folder: _Folder, rng: random.Random, fail_before: str) -> None:
        self._folder = folder
        self._rng = rng
        self._call, _, number = fail_before.partition(":")
        self._calls_left = int(number or 0)
        self._lock = threading.Lock()

    @contextmanager
    def on(self, call: str) -> Iterator[None]:
        """Keep the power on until this call ends, unless it is the chosen one."""
        with self._lock:
            self._calls_left -= call == self._call
            if self._call and not self._calls_left:
                self._fail()
            yield

    def off(self) -> None:
        with self._lock:
            self._fail()

    def _fail(self) -> None:
        if share := self._rng.choice([0.0, 0.3, 0.5, 0.7, 1.0]):
            self._folder.sync_partially(self._rng, share)
            for file in self._folder.on_disk.values():
                file.sync_partially(self._rng, share)
        os._exit(0)


class WriteBackFileSystem:
    """The FUSE operations. A path is `/` or `/name`, or None for an open file without a name; `fh` is its handle."""

    use_ns = True

    def __init__(self, folder: _Folder, power: _Power) -> None:
        self._folder = folder
        self._power = power
        self._opened: dict[int, _File] = {}
        self._handles = count(1)

    def init(self, _path: str) -> None:
        print("mounted", flush=True)

    def getattr(self, path: str | None, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2, "st_ino": _ROOT}
        file = self._opened[fh] if fh else self._named(path)
        return {"st_mode": file.mode, "st_nlink": 1, "st_ino": file.number, "st_size": len(file.content)}

    def readdir(self, _path: str, _fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        for name in (".", ".."):
            yield name, {"st_mode": stat.S_IFDIR, "st_ino": _ROOT}, 0
        for name, file in self._folder.names.items():
            yield name, {"st_mode": file.mode, "st_ino": file.number}, 0

    def create(self, path: str, mode: int, _flags: int) -> int:  # the kernel has checked that the name is free
        with self._power.on("create"):
            return self._open(self._folder.create(path[1:], mode))

    def open(self, path: str, flags: int) -> int:
        with self._power.on("open"):
            file = self._named(path)
            if flags & os.O_TRUNC:
                file.truncate(0)
            return self._open(file)

    def read(self, _path: str | None, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._opened[fh].content[offset : offset + size])

    def write(self, _path: str | None, block: bytes, offset: int, fh: int) -> int:
        with self._power.on("write"):
            self._opened[fh].write(block, offset)
            return len(block)

    def truncate(self, path: str | None, length: int) -> None:
        with self._power.on("truncate"):
            self._named(path).truncate(length)

    def fsync(self, _path: str | None, _datasync: int, fh: int) -> None:
        with self._power.on("fsync"):
            self._opened[fh].sync()

    def fsyncdir(self, _path: str, _datasync: int, _fh: int) -> None:
        with self._power.on("fsyncdir"):
            self._folder.sync()

    def rename(self, old: str, new: str) -> None:
        with self._power.on("rename"):
            self._folder.change(_Change(self._named(old), old[1:], new[1:]))

    def unlink(self, path: str) -> None:
        with self._power.on("unlink"):
            self._folder.change(_Change(self._named(path), path[1:], None))

    def release(self, _path: str | None, fh: int) -> None:
        del self._opened[fh]

    def _open(self, file: _File) -> int:
        handle = next(self._handles)
        self._opened[handle] = file
        return handle

    def _named(self, path: str | None) -> _File:
        if path is None or path[1:] not in self._folder.names:
            raise OSError(errno.ENOENT, path)
        return self._folder.names[path[1:]]


def main(backing: str, mount: str, seed: str, fail_before: str = "") -> None:
    """Mount, and serve until it is unmounted or the power fails."""
    folder = _Folder(Path(backing))
    power = _Power(folder, random.Random(int(seed)), fail_before)

    def wait_for_input() -> None:
        if sys.stdin.readline():
            power.off()
        subprocess.run(["umount", "-l", mount], check=False)
        os._exit(0)

    threading.Thread(target=wait_for_input, daemon=True).start()
    options = {"foreground": True, "nothreads": True, "use_ino": True, "hard_remove": True}
    mfusepy.FUSE(WriteBackFileSystem(folder, power), mount, fsname="write-back", **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
