"""Reads a file of lines block by block: runs of whole lines, or compressed members."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from math import inf
from typing import Final, NamedTuple

from collector.storage.compression import Compression

CHUNK_SIZE: Final = 1024 * 1024
"""Bytes per read."""

_COMPRESSED_CHUNK_SIZE: Final = 4096  # compressed bytes per step: they may expand 30,000-fold
_MAX_BLOCK_SIZE: Final = 256 * 1024 * 1024  # lines and members of the collector are a few MB

Pread = Callable[[int, int], bytes]
"""(size, offset) → at most `size` bytes of the file from `offset`; empty at its end."""


class Block(NamedTuple):
    """Bytes `start` to `end` of a file, and their whole lines. A block with a `defect` has no lines.

    `is_truncated` means that the file ends inside this block, which has no other defect.
    """

    start: int
    end: int
    lines: bytes
    defect: str | None = None
    is_truncated: bool = False


def read_blocks(pread: Pread, compression: Compression) -> Iterator[Block]:
    """The blocks from the first byte to the last. Only the last block can have a defect."""
    return _runs(pread) if compression is Compression.PLAIN else _members(pread, compression)


def lines_of(block: Block) -> Iterator[tuple[int, bytes]]:
    """Each line without its line feed, and its offset: `start` plus the decompressed bytes before it in the block."""
    at = block.start
    for line in block.lines.split(b"\n")[:-1]:
        yield at, line
        at += len(line) + 1


def read_chunks(pread: Pread, offset: int = 0, end: float = inf, *, size: int = CHUNK_SIZE) -> Iterator[bytes]:
    """The bytes of a file from `offset` to `end`, or to the file's end, at most `size` at a time."""
    while offset < end and (chunk := pread(int(min(size, end - offset)), offset)):
        offset += len(chunk)
        yield chunk


def digest_of(pread: Pread) -> str:
    """The SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    for chunk in read_chunks(pread):
        digest.update(chunk)
    return digest.hexdigest()


def find_end(pread: Pread, offset: int) -> int:
    """The length of the file, found by reading from `offset` to its end."""
    return offset + sum(map(len, read_chunks(pread, offset)))


def _runs(pread: Pread) -> Iterator[Block]:
    start = length = 0
    rest: list[bytes] = []  # of a line whose end was not read yet
    for chunk in read_chunks(pread):
        whole, line_feed, begun = chunk.rpartition(b"\n")
        length += len(chunk)
        if line_feed:
            lines = b"".join((*rest, whole, line_feed))
            yield Block(start, start + len(lines), lines)
            start, length, rest = start + len(lines), len(begun), [begun] if begun else []
            continue
        rest.append(chunk)
        if length > _MAX_BLOCK_SIZE:
            break
    if length:
        yield Block(start, find_end(pread, start + length), b"", "an incomplete line")


def _members(pread: Pread, compression: Compression) -> Iterator[Block]:
    start = end = 0
    decompressor, parts = compression.decompressor(), list[bytes]()
    decompressed = 0
    for chunk in read_chunks(pread, size=_COMPRESSED_CHUNK_SIZE):
        left = chunk
        end += len(chunk)
        while left:
            try:
                parts.append(decompressor.decompress(left))
            except compression.decompression_errors:
                yield Block(start, find_end(pread, end), b"", f"invalid {compression.value} data")
                return
            decompressed += len(parts[-1])
            if decompressed > _MAX_BLOCK_SIZE:
                yield Block(
                    start, find_end(pread, end), b"", "a compressed member larger than any that the collector writes"
                )
                return
            left = decompressor.unused_data
            if decompressor.eof:
                lines = b"".join(parts)
                if lines and not lines.endswith(b"\n"):
                    yield Block(start, find_end(pread, end), b"", "an incomplete line")
                    return
                yield Block(start, end - len(left), lines)
                start, decompressed = end - len(left), 0
                decompressor, parts = compression.decompressor(), []
    if end > start:
        yield Block(start, end, b"", f"an incomplete {compression.value} member", is_truncated=True)
