"""A file of a snapshot, open for comparison: refused, with the place of the offence, where it is not as claimed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, NoReturn

from collector.model.errors import Damaged, InputError
from collector.snapshot.manifest import FileFacts
from collector.storage.blocks import Block, digest_of, lines_of, read_blocks
from collector.storage.compression import Compression

_MAX_PROBLEM_CHARS: Final = 1000  # characters


def reject(path: Path, problem: str) -> NoReturn:
    """Raise `Damaged` for the file under `path`. What a file says is repeated up to a limit."""
    raise Damaged(f"{path}: {problem[:_MAX_PROBLEM_CHARS]}")


class CheckedFile(NamedTuple):
    """A regular file, open for reading."""

    path: Path
    file: BinaryIO

    @property
    def size(self) -> int:
        """In bytes."""
        return os.fstat(self.file.fileno()).st_size

    def lines(self, compression: Compression) -> Iterator[tuple[str, bytes]]:
        """Each line without its line feed, and where it is. Raises `Damaged` where a line is not whole."""
        for block in read_blocks(self.pread, compression):
            if block.flaw:
                reject(self.path, f"byte {block.start}: {block.flaw}")
            for at, line in lines_of(block):
                yield _position(compression, block, at), line

    def require_match(self, facts: FileFacts, count: int, noun: str) -> None:
        """Raise `Damaged` unless the file, which holds `count` of `noun`, is the one that `facts` describe."""
        if self.size != facts.bytes:
            at = min(self.size, facts.bytes)
            reject(self.path, f"byte {at}: it has {self.size} bytes, but its manifest says {facts.bytes}")
        if count != facts.records:
            reject(self.path, f"{count} {noun}, but its manifest says {facts.records}")
        if not self.matches(facts):
            reject(self.path, f"somewhere in bytes 0 to {self.size}: its SHA-256 is not that of its manifest")

    def matches(self, facts: FileFacts) -> bool:
        """Has the file the size and the digest that `facts` say?"""
        return self.size == facts.bytes and digest_of(self.pread) == facts.sha256

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`."""
        self.file.seek(offset)
        return self.file.read(size)


@contextmanager
def open_regular(path: Path) -> Iterator[CheckedFile]:
    """The file under `path`. Raises `Damaged` for a missing one and `InputError` for one that cannot be read."""
    try:
        with open(path, "rb", opener=_open_without_blocking) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path}: is no file; name a snapshot that `collector collect -o` wrote")
            yield CheckedFile(path, file)
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _open_without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe is not waited for


def _position(compression: Compression, block: Block, at: int) -> str:
    if compression is Compression.PLAIN:
        return f"byte {at}"
    return f"byte {at - block.start} of what is unpacked from byte {block.start}"
