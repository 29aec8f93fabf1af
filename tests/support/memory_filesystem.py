"""A file system in memory that models the losses of a machine crash. Must not know the contents of the files.

A file has the content that programs read (`content`) and, per block, the versions that the disk may still have since
the last sync. A folder has the names on disk and the pending changes of names. A sync resolves the uncertainty;
`crash_states` enumerates every state that it allows.

The model is a disk without ordering (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014: ALICE):

- Blocks, lengths and names reach the disk in any order. A block that was not written has its content of any time since
  the last sync, zeros beyond the file's end at that time, or half of its last change. A length is that of any such
  time, any number of blocks in between, or one within the last block.
- A change of a name is on disk entirely or not at all, and never without the change that it depends on.
- A failed sync marks its unwritten blocks as clean (Rebello et al., "Can Applications Recover from fsync Failures?",
  ATC 2020): they remain readable, and no later sync saves them unless they are written again.

Not modelled: folders (each exists and is a separate file system), links, modes, blocks with data that was never
written. One call at a time.
"""

from __future__ import annotations

import copy
import errno
import itertools
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
_Choice = tuple[int, ...]
"""The chosen option of each uncertainty: 0 is the state at the last sync, the last option is the newest."""

Fault = Callable[[str, int], OSError | None]
"""(name, number of the call) → the error of that call, or None. The number is 0 for a call that changes no state."""


class Crashed(BaseException):
    """The machine has crashed. A BaseException, so that no `except Exception` continues."""


class MemoryFileSystem:
    """A `FileSystem` that starts with `files` on disk.

    - `operations` counts the calls that change state, from 1.
    - `crash_before`: the call with this number, and every call after it, raises `Crashed` without an effect.
    - `fault`: a call for which it returns an error raises that error without an effect. Two exceptions: a failed sync
      marks its data as clean, and a failed close still closes.
    - `max_write`: the most bytes that one write accepts.
    """

    def __init__(
        self,
        files: Mapping[Path, bytes] | None = None,
        *,
        block_size: int = 512,
        crash_before: int | None = None,
        fault: Fault | None = None,
        max_write: int | None = None,
    ) -> None:
        self.crash_before = crash_before
        self.fault = fault
        self.max_write = max_write
        self.operations = 0
        self._block_size = block_size
        self._names = {path: _Inode(content, block_size) for path, content in (files or {}).items()}
        self._durable = dict(self._names)
        self._pending: list[_NameChange] = []
        self._open_files: dict[int, _OpenFile] = {}
        self._descriptors = itertools.count(3)

    @property
    def files(self) -> dict[Path, bytes]:
        """Name → readable content, synced or not."""
        return {path: bytes(inode.content) for path, inode in self._names.items()}

    def open(self, path: Path, flags: int) -> int:
        is_new = path not in self._names and bool(flags & os.O_CREAT)
        self._enter("open", mutates=is_new or (path in self._names and bool(flags & os.O_TRUNC)))
        if is_new:
            self._change(_NameChange(_Inode(b"", self._block_size), None, path))
        inode = self._named(path)
        if flags & os.O_TRUNC:
            inode.truncate(0)
        descriptor = next(self._descriptors)
        self._open_files[descriptor] = _OpenFile(inode, flags)
        return descriptor

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        self._enter("write", mutates=True)
        file = self._file(descriptor, read_only=errno.EBADF)
        accepted = bytes(block[: self.max_write])
        start = len(file.inode.content) if file.flags & os.O_APPEND else file.position
        file.inode.write(start, accepted)
        file.position = start + len(accepted)
        return len(accepted)

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self._enter("pread")
        return bytes(self._file(descriptor).inode.content[offset : offset + size])

    def size(self, descriptor: int) -> int:
        self._enter("size")
        return len(self._file(descriptor).inode.content)

    def truncate(self, descriptor: int, length: int) -> None:
        self._enter("truncate", mutates=True)
        self._file(descriptor, read_only=errno.EINVAL).inode.truncate(length)

    def fdatasync(self, descriptor: int) -> None:
        try:
            self._enter("fdatasync", mutates=True)
        except OSError:
            self._file(descriptor).inode.fail_to_sync()
            raise
        self._file(descriptor).inode.sync()

    def lock(self, descriptor: int) -> None:
        self._enter("lock")
        file = self._file(descriptor)
        if any(
            other.is_locked and other.inode is file.inode for other in self._open_files.values() if other is not file
        ):
            raise _os_error(errno.EAGAIN)
        file.is_locked = True

    def close(self, descriptor: int) -> None:
        self._file(descriptor)
        del self._open_files[descriptor]  # even if the close fails (Linux, close(2))
        self._enter("close")

    def is_at(self, path: Path, descriptor: int) -> bool:
        self._enter("is_at")
        return self._names.get(path) is self._file(descriptor).inode

    def exists(self, path: Path) -> bool:
        self._enter("exists")
        return path in self._names

    def names(self, folder: Path) -> list[str]:
        self._enter("names")
        return [path.name for path in self._names if path.parent == folder]

    def rename(self, old: Path, new: Path) -> None:
        self._enter("rename", mutates=old in self._names)
        inode = self._named(old)
        if old.parent != new.parent:
            raise _os_error(errno.EXDEV, old)
        self._change(_NameChange(inode, old, new))

    def remove(self, path: Path) -> None:
        self._enter("remove", mutates=path in self._names)
        self._change(_NameChange(self._named(path), path, None))

    def mkdir(self, folder: Path) -> None:
        self._enter("mkdir")
        raise _os_error(errno.EEXIST, folder)

    def is_open_to_all(self, folder: Path) -> bool:
        return False

    def fsync_dir(self, folder: Path) -> None:
        self._enter("fsync_dir", mutates=True)
        for change in [change for change in self._pending if change.is_in(folder)]:
            change.apply(self._durable)
            self._pending.remove(change)

    def after_kill(self) -> MemoryFileSystem:
        """The state after the process is killed: all writes kept, all files closed and unlocked."""
        after = MemoryFileSystem(block_size=self._block_size)
        after._names, after._durable, after._pending = copy.deepcopy((self._names, self._durable, self._pending))
        return after

    def crash_states(self, cap: int = 2000, seed: int = 0) -> Iterator[MemoryFileSystem]:
        """The states after a crash of the machine at this time: each once, at most `cap` of them.

        Yields all states if there are at most `cap` combinations. Otherwise the order is: everything kept, everything
        lost, each prefix of the changes kept, each single change lost, zeroed, torn or kept, then random combinations
        by `seed`.
        """
        inodes = dict.fromkeys([*self._durable.values(), *(change.inode for change in self._pending)])
        uncertainties = {inode: inode.uncertainty() for inode in inodes if inode.is_uncertain}
        sizes = [size for uncertainty in uncertainties.values() for size in uncertainty.sizes]
        seen: set[int] = set()
        for choice in _choices(sizes, [2] * len(self._pending), cap, seed):
            if len(seen) == cap:
                return
            files = self._found(uncertainties, choice)
            if (state := hash(frozenset(files.items()))) not in seen:
                seen.add(state)
                yield MemoryFileSystem(files, block_size=self._block_size)

    def _found(self, uncertainties: Mapping[_Inode, _Uncertainty], choice: _Choice) -> dict[Path, bytes]:
        left = iter(choice)
        content = {inode: uncertainty.found(left) for inode, uncertainty in uncertainties.items()}
        names = dict(self._durable)
        for change, is_done in zip(self._pending, left, strict=True):
            if is_done:
                change.apply(names)
        return {path: content.get(inode, bytes(inode.content)) for path, inode in names.items()}

    def _enter(self, name: str, *, mutates: bool = False) -> None:
        self.operations += mutates
        if self.crash_before is not None and self.operations >= self.crash_before:
            raise Crashed
        if self.fault and (error := self.fault(name, self.operations if mutates else 0)):
            raise error

    def _change(self, change: _NameChange) -> None:
        change.apply(self._names)
        self._pending.append(change)

    def _named(self, path: Path) -> _Inode:
        if path not in self._names:
            raise _os_error(errno.ENOENT, path)
        return self._names[path]

    def _file(self, descriptor: int, *, read_only: int | None = None) -> _OpenFile:
        """The open file. Raises the error `read_only` if it is not open for writing."""
        if descriptor not in self._open_files:
            raise _os_error(errno.EBADF)
        if read_only and not self._open_files[descriptor].flags & os.O_RDWR:
            raise _os_error(read_only)
        return self._open_files[descriptor]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{path.name}: {len(content)}" for path, content in sorted(self.files.items()))
        return f"<MemoryFileSystem {{{sizes}}} after {self.operations} operations>"


class _Inode:
    """The content of a file, and the versions that the disk may still have."""

    def __init__(self, content: bytes, block_size: int) -> None:
        self.content = bytearray(content)
        self._block_size = block_size
        self._lengths: list[int] = []  # since the last sync, oldest first
        self._earlier: dict[int, list[bytes]] = {}  # block number → versions, oldest first
        self._lost_by_failed_sync: set[int] = set()  # numbers of the blocks that no later sync writes

    @property
    def is_uncertain(self) -> bool:
        return bool(self._lengths or self._earlier)

    def write(self, start: int, block: bytes) -> None:
        self._record_change(min(start, len(self.content)), start + len(block))
        self.content.extend(bytes(max(0, start - len(self.content))))
        self.content[start : start + len(block)] = block

    def truncate(self, length: int) -> None:
        self._record_change(*sorted((length, len(self.content))))
        self.content = self.content[:length].ljust(length, b"\0")

    def sync(self) -> None:
        self._lengths.clear()
        self._earlier = {number: self._earlier[number] for number in self._lost_by_failed_sync}

    def fail_to_sync(self) -> None:
        self._lost_by_failed_sync = set(self._earlier)

    def uncertainty(self) -> _Uncertainty:
        blocks = {number: self._options(number, earlier) for number, earlier in self._earlier.items()}
        return _Uncertainty(bytes(self.content), self._block_size, self._possible_lengths(), blocks)

    def _record_change(self, start: int, end: int) -> None:
        """Keep the old content between these offsets."""
        self._lengths.append(len(self.content))
        for number in range(start // self._block_size, math.ceil(end / self._block_size)):
            self._earlier.setdefault(number, []).append(self._block(number))
            self._lost_by_failed_sync.discard(number)

    def _block(self, number: int) -> bytes:
        return bytes(self.content[number * self._block_size : (number + 1) * self._block_size])

    def _options(self, number: int, earlier: Sequence[bytes]) -> list[bytes]:
        newest, size = self._block(number), self._block_size
        half = (len(earlier[-1]) + len(newest)) // 2
        torn = newest.ljust(size, b"\0")[:half] + earlier[-1].ljust(size, b"\0")[half:]
        return _ending_with(newest.ljust(size, b"\0"), [*(old.ljust(size, b"\0") for old in earlier), torn])

    def _possible_lengths(self) -> list[int]:
        newest = len(self.content)
        known = {*self._lengths, newest}
        known.update(range(math.ceil(min(known) / self._block_size) * self._block_size, max(known), self._block_size))
        torn = (max((length for length in known if length < newest), default=newest) + newest) // 2
        return _ending_with(newest, [*self._lengths[:1], *sorted(known), torn])


@dataclass
class _OpenFile:
    """An open file behind a descriptor."""

    inode: _Inode
    flags: int
    position: int = 0
    is_locked: bool = False


class _NameChange(NamedTuple):
    """The creation (without an old name), rename or removal (without a new name) of a file."""

    inode: _Inode
    old: Path | None
    new: Path | None

    def is_in(self, folder: Path) -> bool:
        return folder in {path.parent for path in (self.old, self.new) if path}

    def apply(self, names: dict[Path, _Inode]) -> None:
        """Apply the change to `names`, unless a change that it depends on was lost."""
        is_possible = names.get(self.old) is self.inode if self.old else self.new not in names
        if not is_possible:
            return
        if self.old:
            del names[self.old]
        if self.new:
            names[self.new] = self.inode


class _Uncertainty(NamedTuple):
    """The possible contents of a file after a crash: each length with each option of each block."""

    content: bytes
    block_size: int
    lengths: list[int]
    blocks: dict[int, list[bytes]]

    @property
    def sizes(self) -> list[int]:
        return [len(self.lengths), *map(len, self.blocks.values())]

    def found(self, choice: Iterator[int]) -> bytes:
        """The content of the file by the next choices, of which it consumes one per uncertainty."""
        length = self.lengths[next(choice)]
        found = bytearray(self.content.ljust(max(self.lengths) + self.block_size, b"\0"))
        for number, options in self.blocks.items():
            found[number * self.block_size : (number + 1) * self.block_size] = options[next(choice)]
        return bytes(found[:length])


def _choices(content: Sequence[int], names: Sequence[int], cap: int, seed: int) -> Iterator[_Choice]:
    """The most revealing combinations; then all if there are at most `cap`, otherwise `cap` random ones."""
    sizes = [*content, *names]
    kept, lost = tuple(size - 1 for size in sizes), (0,) * len(sizes)
    yield from (kept, lost)
    yield from _prefixes(kept, lost, len(content))
    for at, size in enumerate(sizes):
        for rest, option in itertools.product((kept, lost), range(size)):
            yield (*rest[:at], option, *rest[at + 1 :])
    if math.prod(sizes) <= cap:
        yield from itertools.product(*map(range, sizes))
        return
    rng = random.Random(seed)
    for _ in range(cap):
        yield tuple(map(rng.randrange, sizes))


def _prefixes(kept: _Choice, lost: _Choice, names: int) -> Iterator[_Choice]:
    """Prefixes of the name changes (from index `names` on) or of the content, with all or none of the rest."""
    for other in (kept, lost):
        for at in range(names, len(kept)):
            yield (*other[:names], *kept[names:at], *lost[at:])
        for at in range(names):
            yield (*kept[:at], *lost[at:names], *other[names:])


def _ending_with(newest: _T, others: Iterable[_T]) -> list[_T]:
    return [*dict.fromkeys(each for each in others if each != newest), newest]


def _os_error(number: int, path: Path | None = None) -> OSError:
    """The kernel's error; OSError selects the class by its number."""
    return OSError(number, os.strerror(number), *([str(path)] if path else []))
