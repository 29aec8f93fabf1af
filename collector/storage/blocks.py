"""Reads a file of lines block by block: runs of whole lines, or compressed members."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from math import inf
from typing import Final, NamedTuple

from collector.storage.compression import Compression

CHUNK: Final = 1024 * 1024
"""Bytes per read."""

_PIECE: Final = 4096  # compressed bytes per step: they may expand 30,000-fold
_MAX_BLOCK: Final = 256 * 1024 * 1024  # a line or a member is a few MB; the collector writes nothing longer

Pread = Callable[[int, int], bytes]
"""(size, offset) → at most `size` bytes of the file from `offset`; empty at its end."""


class Block(NamedTuple):
    """Bytes `start` to `end` of a file and their whole lines; without lines if there is a `flaw`.

    `is_truncated` means that the only flaw is the early end of the file.
    """

    start: int
    end: int
    lines: bytes
    flaw: str | None = None
    is_truncated: bool = False


def read_blocks(pread: Pread, compression: Compression) -> Iterator[Block]:
    """The blocks from the first byte to the last. Only the last block can have a flaw."""
    return _runs(pread) if compression is Compression.PLAIN else _members(pread, compression)


def lines_of(block: Block) -> Iterator[tuple[int, bytes]]:
    """Each line without its line feed, and its offset in the file; if compressed, as if decompressed in place."""
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
    digest = hashlib.sha256()
    for chunk in chunks(pread):
        digest.update(chunk)
    return digest.hexdigest()


def end_of(pread: Pread, offset: int) -> int:
    """The end of the file, found by reading from `offset`."""
    return offset + sum(map(len, chunks(pread, offset)))


def _runs(pread: Pread) -> Iterator[Block]:
    start = length = 0
    rest: list[bytes] = []  # of a line whose end was not read yet
    for chunk in chunks(pread):
        whole, feed, begun = chunk.rpartition(b"\n")
        length += len(chunk)
        if feed:
            lines = b"".join((*rest, whole, feed))
            yield Block(start, start + len(lines), lines)
            start, length, rest = start + len(lines), len(begun), [begun] if begun else []
            continue
        rest.append(chunk)
        if length > _MAX_BLOCK:
            break
    if length:
        yield Block(start, end_of(pread, start + length), b"", "a line without its end")


def _members(pread: Pread, compression: Compression) -> Iterator[Block]:
    start = end = 0
    decompressor, parts = compression.decompressor(), list[bytes]()
    decompressed = 0
    for piece in chunks(pread, size=_PIECE):
        left = piece
        end += len(piece)
        while left:
            try:
                parts.append(decompressor.decompress(left))
            except compression.broken:
                yield Block(start, end_of(pread, end), b"", f"invalid {compression.value} data")
                return
            decompressed += len(parts[-1])
            if decompressed > _MAX_BLOCK:
                yield Block(
                    start, end_of(pread, end), b"", "a compressed member larger than any that the collector writes"
                )
                return
            left = decompressor.unused_data
            if decompressor.eof:
                lines = b"".join(parts)
                if lines and not lines.endswith(b"\n"):
                    yield Block(start, end_of(pread, end), b"", "a line without its end")
                    return
                yield Block(start, end - len(left), lines)
                start, decompressed = end - len(left), 0
                decompressor, parts = compression.decompressor(), []
    if end > start:
        yield Block(start, end, b"", f"a {compression.value} member without its end", is_truncated=True)
