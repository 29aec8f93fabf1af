"""A file of lines, read as the stretches it was written in: runs of whole lines, or packed members."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from math import inf
from typing import Final, NamedTuple

from collector.storage.compression import Compression

CHUNK: Final = 1024 * 1024
"""Bytes that are read at a time."""

_PIECE: Final = 4096  # of what is packed: it may unpack to 30,000 times as much
_LONGEST: Final = 256 * 1024 * 1024  # a line or a member is a few MB; whatever is longer is none of ours

Pread = Callable[[int, int], bytes]
"""(size, offset) → at most so many bytes of the file from there, none at its end."""


class Block(NamedTuple):
    """Bytes `start` to `end` of a file, and the whole lines in them; or, with a `flaw`, that there are none.

    `is_truncated` says that the flaw is nothing but that the file ends too early.
    """

    start: int
    end: int
    lines: bytes
    flaw: str | None = None
    is_truncated: bool = False


def read_blocks(pread: Pread, compression: Compression) -> Iterator[Block]:
    """The file from its first byte to its last. At most the last stretch has a flaw."""
    return _runs(pread) if compression is Compression.PLAIN else _members(pread, compression)


def lines_of(block: Block) -> Iterator[tuple[int, bytes]]:
    """Each line without its line feed, and where it is: in the file, or, when packed, as if it were not."""
    at = block.start
    for line in block.lines.split(b"\n")[:-1]:
        yield at, line
        at += len(line) + 1


def chunks(pread: Pread, offset: int = 0, end: float = inf, *, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a file from `offset` to `end`, or to its own end, at most `size` at a time."""
    while offset < end and (chunk := pread(int(min(size, end - offset)), offset)):
        offset += len(chunk)
        yield chunk


def digest_of(pread: Pread) -> str:
    """The SHA-256 (hex) of a file."""
    whole = hashlib.sha256()
    for chunk in chunks(pread):
        whole.update(chunk)
    return whole.hexdigest()


def end_of(pread: Pread, offset: int) -> int:
    """Where the file ends, for who has read it up to `offset`."""
    return offset + sum(map(len, chunks(pread, offset)))


def _runs(pread: Pread) -> Iterator[Block]:
    start = length = 0
    rest: list[bytes] = []  # of a line whose end is yet to come
    for chunk in chunks(pread):
        whole, feed, begun = chunk.rpartition(b"\n")
        length += len(chunk)
        if feed:
            lines = b"".join((*rest, whole, feed))
            yield Block(start, start + len(lines), lines)
            start, length, rest = start + len(lines), len(begun), [begun] if begun else []
            continue
        rest.append(chunk)
        if length > _LONGEST:
            break
    if length:
        yield Block(start, end_of(pread, start + length), b"", "a line without its end")


def _members(pread: Pread, compression: Compression) -> Iterator[Block]:
    start = end = 0
    decompressor, parts = compression.decompressor(), list[bytes]()
    unpacked = 0
    for piece in chunks(pread, size=_PIECE):
        left = piece
        end += len(piece)
        while left:
            try:
                parts.append(decompressor.decompress(left))
            except compression.broken:
                yield Block(start, end_of(pread, end), b"", f"broken {compression.value} packing")
                return
            unpacked += len(parts[-1])
            if unpacked > _LONGEST:
                yield Block(start, end_of(pread, end), b"", "a packed member that is none of the collector's")
                return
            left = decompressor.unused_data
            if decompressor.eof:
                lines = b"".join(parts)
                if lines and not lines.endswith(b"\n"):
                    yield Block(start, end_of(pread, end), b"", "a line without its end")
                    return
                yield Block(start, end - len(left), lines)
                start, unpacked = end - len(left), 0
                decompressor, parts = compression.decompressor(), []
    if end > start:
        yield Block(start, end, b"", f"a {compression.value} member without its end", is_truncated=True)
