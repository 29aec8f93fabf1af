"""A file of a snapshot, open for comparison. A mismatch raises `Damaged` with its position in the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, NoReturn

from collector.model.errors import Damaged, InputError
from collector.snapshot.manifest import FileEntry
from collector.storage.blocks import Block, digest_of, lines_of, read_blocks
from collector.storage.compression import Compression

_MAX_PROBLEM_CHARS: Final = 1000
_REMEDY: Final = "restore the file or collect again"


def reject(path: Path, problem: str, remedy: str = _REMEDY) -> NoReturn:
    """Raise `Damaged` for the file at `path`, with the next step. Quotes of its content are truncated to a limit."""
    raise Damaged(f"{path}: {problem[:_MAX_PROBLEM_CHARS]}; {remedy}")


class SnapshotFile(NamedTuple):
    """A regular file, open for reading."""

    path: Path
    file: BinaryIO

    @property
    def size(self) -> int:
        """The size in bytes."""
        return os.fstat(self.file.fileno()).st_size

    def lines(self, compression: Compression) -> Iterator[tuple[str, bytes]]:
        """Each line's position, and the line without its line feed. Raises `Damaged` at an incomplete line."""
        for block in read_blocks(self.pread, compression):
            if block.defect:
                reject(self.path, f"byte {block.start}: {block.defect}")
            for at, line in lines_of(block):
                yield _position(compression, block, at), line

    def require_match(self, entry: FileEntry, count: int, noun: str, source: str = "its manifest") -> None:
        """Raise `Damaged` unless the file, which contains `count` lines, matches `entry`, which the `source` states.

        `noun` names the lines.
        """
        if self.size != entry.bytes:
            at = min(self.size, entry.bytes)
            reject(self.path, f"byte {at}: the file has {self.size} bytes, but {source} states {entry.bytes}")
        if count != entry.records:
            reject(self.path, f"contains {count} {noun}, but {source} states {entry.records}")
        if not self.matches(entry):
            reject(self.path, f"bytes 0 to {self.size}: its SHA-256 digest is not that in {source}")

    def matches(self, entry: FileEntry) -> bool:
        """Does the file have the size and the digest of `entry`?"""
        return self.size == entry.bytes and digest_of(self.pread) == entry.sha256

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`."""
        self.file.seek(offset)
        return self.file.read(size)


@contextmanager
def open_regular(path: Path) -> Iterator[SnapshotFile]:
    """Open the file at `path`. Raises `Damaged` if it is missing and `InputError` if it cannot be read."""
    try:
        with open(path, "rb", opener=_open_without_blocking) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path}: not a regular file; name a snapshot that `collector collect -o` wrote")
            yield SnapshotFile(path, file)
    except FileNotFoundError:
        raise Damaged(f"{path}: does not exist; {_REMEDY}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _open_without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a pipe must not wait for its writer


def _position(compression: Compression, block: Block, at: int) -> str:
    if compression is Compression.PLAIN:
        return f"byte {at}"
    return f"byte {at - block.start} of the decompressed member at byte {block.start}"
