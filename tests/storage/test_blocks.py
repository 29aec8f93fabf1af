"""A file of lines, read block by block."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.blocks import Block, find_end, lines_of, read_blocks, read_chunks
from collector.storage.compression import Compression
from tests.support.scripted_server import gzip_of_zeros

CHUNK_SIZE = 1024 * 1024
COMPRESSED = [Compression.GZIP, Compression.ZSTD]
BLOCKS = [b"one\ntwo\n", b"three\n", b"", b"four\n\nfive\n"]
UNLIMITED = 1 << 40


class File:
    """A file that returns at most `max_read` bytes per read, as a system may."""

    def __init__(self, content: bytes, max_read: int = UNLIMITED) -> None:
        self.content = content
        self.max_read = max_read

    def pread(self, size: int, offset: int) -> bytes:
        assert size > 0
        assert offset >= 0
        return self.content[offset : offset + min(size, self.max_read)]


lines = st.binary(max_size=20).map(lambda content: content.replace(b"\n", b"") + b"\n")
blocks = st.lists(lines, max_size=4).map(b"".join)
reads = st.sampled_from([1, 2, 3, 10, 50, UNLIMITED])


def read(content: bytes, compression: Compression, max_read: int = UNLIMITED) -> list[Block]:
    """The blocks of a file, after checking that they cover it without gaps and that only the last has a defect."""
    found = list(read_blocks(File(content, max_read).pread, compression))
    boundaries = [0, *(block.end for block in found)]
    assert [block.start for block in found] == boundaries[:-1]
    assert boundaries[-1] == len(content)
    assert all(block.start < block.end for block in found)
    assert not any(block.defect for block in found[:-1])
    assert all(block.lines == b"" for block in found if block.defect)
    assert all(block.lines.endswith(b"\n") for block in found if block.lines)
    return found


def lines_in(found: list[Block]) -> bytes:
    return b"".join(block.lines for block in found)


def defect_of(found: list[Block]) -> str | None:
    return found[-1].defect if found else None


def noise(size: int, seed: int = 0) -> bytes:
    """Lines that hardly compress."""
    digits = random.Random(seed).randbytes(size // 2).hex().encode()
    return b"".join(digits[at : at + 4095] + b"\n" for at in range(0, len(digits), 4095))


@given(st.lists(blocks, max_size=5), st.sampled_from(Compression), reads)
def test_written_blocks_are_read_back_for_any_read_size(
    written: list[bytes], compression: Compression, max_read: int
) -> None:
    found = read(b"".join(map(compression.compress, written)), compression, max_read)
    assert lines_in(found) == b"".join(written)
    assert defect_of(found) is None


@given(st.lists(blocks, max_size=5), st.sampled_from(COMPRESSED), reads)
def test_a_compressed_member_is_one_block(written: list[bytes], compression: Compression, max_read: int) -> None:
    members = list(map(compression.compress, written))
    found = read(b"".join(members), compression, max_read)
    assert [block.lines for block in found] == written
    assert [block.end for block in found] == list(accumulate(map(len, members)))


@pytest.mark.parametrize("compression", Compression)
def test_an_empty_file_has_no_blocks(compression: Compression) -> None:
    assert read(b"", compression) == []


@pytest.mark.parametrize("compression", COMPRESSED)
def test_an_empty_member_is_a_block_without_lines(compression: Compression) -> None:
    compressed = compression.compress(b"")
    assert read(compressed, compression) == [Block(0, len(compressed), b"")]


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("max_read", [100_003, UNLIMITED])
def test_lines_and_members_that_straddle_chunks_are_read_back(compression: Compression, max_read: int) -> None:
    written = [noise(size, seed=size) for size in (1_900_000, 10, 2_500_000, 1_300_000)]
    content = b"".join(map(compression.compress, written))
    assert len(content) > 2 * CHUNK_SIZE
    found = read(content, compression, max_read)
    assert lines_in(found) == b"".join(written)
    assert defect_of(found) is None


@pytest.mark.parametrize("compression", Compression)
def test_a_line_longer_than_a_chunk_is_one_line(compression: Compression) -> None:
    long = noise(3 * CHUNK_SIZE).replace(b"\n", b"") + b"\n"
    found = read(b"".join(map(compression.compress, (b"before\n", long, b"behind\n"))), compression)
    assert lines_in(found) == b"before\n" + long + b"behind\n"
    assert [line for block in found for _, line in lines_of(block)] == [b"before", long[:-1], b"behind"]


@pytest.mark.parametrize("compression", Compression)
def test_thousands_of_tiny_members_are_read_back(compression: Compression) -> None:
    written = [b"%d\n" % number for number in range(5000)]
    assert lines_in(read(b"".join(map(compression.compress, written)), compression)) == b"".join(written)


@pytest.mark.parametrize("compression", Compression)
def test_a_file_that_ends_at_a_chunk_boundary_is_complete(compression: Compression) -> None:
    if compression is Compression.PLAIN:
        written = [b"x" * (CHUNK_SIZE - 1) + b"\n", b"x" * (CHUNK_SIZE - 1) + b"\n"]
        assert lines_in(read(b"".join(written), compression)) == b"".join(written)
    member = compression.compress(b"one\n")
    found = read(member * 3, compression, max_read=len(member))
    assert lines_in(found) == b"one\n" * 3
    assert defect_of(found) is None


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("max_read", [1, UNLIMITED])
def test_a_file_truncated_anywhere_gives_its_whole_blocks_and_one_defect(
    compression: Compression, max_read: int
) -> None:
    whole = b"".join(BLOCKS)
    units = whole.splitlines(keepends=True) if compression is Compression.PLAIN else BLOCKS
    ends = [0, *accumulate(len(compression.compress(unit)) for unit in units)]
    content = b"".join(map(compression.compress, units))
    for length in range(len(content) + 1):
        found = read(content[:length], compression, max_read)
        count = sum(1 for end in ends[1:] if end <= length)
        assert lines_in(found) == b"".join(units[:count])
        assert (defect_of(found) is None) == (length in ends)
        if length not in ends:
            assert found[-1].start == ends[count]


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("tail", [b"\0", b"\0" * 5000, b"\x1f", b"\x28\xb5", b"{", b"\xff" * (2 * CHUNK_SIZE)])
def test_garbage_after_whole_blocks_is_one_defect_up_to_the_end_of_the_file(
    compression: Compression, tail: bytes
) -> None:
    content = b"".join(map(compression.compress, BLOCKS))
    found = read(content + tail, compression)
    assert lines_in(found) == b"".join(BLOCKS)
    assert (found[-1].start, found[-1].end) == (len(content), len(content) + len(tail))
    assert defect_of(found)


@pytest.mark.parametrize("compression", COMPRESSED)
def test_zeros_inside_a_member_are_a_defect_even_before_a_valid_member(compression: Compression) -> None:
    first, second = compression.compress(noise(2000)), compression.compress(noise(2000, seed=1))
    torn = second[:100] + bytes(500) + second[600:]
    found = read(first + torn + first, compression)
    assert lines_in(found) == noise(2000)
    assert found[-1].start == len(first)


@pytest.mark.parametrize("compression", COMPRESSED)
def test_a_changed_byte_never_changes_a_line(compression: Compression) -> None:
    written = [noise(60), noise(60, seed=1), noise(60, seed=2)]
    members = list(map(compression.compress, written))
    ends = list(accumulate(map(len, members)))
    content = b"".join(members)
    for at in range(len(content)):
        for change in (0x01, 0x04, 0x80, 0xFF):
            corrupted = content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]
            found = read(corrupted, compression)
            prefix = b"".join(block for block, end in zip(written, ends, strict=True) if end <= at)
            assert lines_in(found).startswith(prefix)
            assert b"".join(written).startswith(lines_in(found))
            assert defect_of(found) or lines_in(found) == b"".join(written)


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("behind", [b"", b"three\n", b"an incomplete line", noise(3 * CHUNK_SIZE)])
def test_a_member_that_ends_inside_a_line_is_a_defect_and_the_last_block(
    compression: Compression, behind: bytes
) -> None:
    content = compression.compress(b"one\n")
    found = read(
        content + compression.compress(b"two\nthr") + (compression.compress(behind) if behind else b""), compression
    )
    assert lines_in(found) == b"one\n"
    assert (found[-1].start, found[-1].defect) == (len(content), "an incomplete line")


def test_an_uncompressed_file_that_ends_inside_a_line_has_a_defect_there() -> None:
    assert read(b"one\ntwo", Compression.PLAIN) == [Block(0, 4, b"one\n"), Block(4, 7, b"", "an incomplete line")]


@pytest.mark.parametrize("compression", COMPRESSED)
def test_the_defect_names_the_compression(compression: Compression) -> None:
    compressed = compression.compress(b"one\n")
    assert defect_of(read(compressed[:-1], compression)) == f"an incomplete {compression.value} member"
    assert defect_of(read(b"garbage" * 10, compression)) == f"invalid {compression.value} data"


@given(st.lists(lines, max_size=20).map(b"".join), reads)
def test_the_offsets_of_lines_in_an_uncompressed_file_are_exact(content: bytes, max_read: int) -> None:
    found = [each for block in read(content, Compression.PLAIN, max_read) for each in lines_of(block)]
    assert all(content[at : at + len(line) + 1] == line + b"\n" for at, line in found)
    assert b"".join(line + b"\n" for _, line in found) == content
    assert all(at + len(line) + 1 == following for (at, line), (following, _) in pairwise(found))


def test_offsets_in_a_compressed_member_count_decompressed_bytes_from_its_start() -> None:
    assert list(lines_of(Block(100, 120, b"one\n\ntwo\n"))) == [(100, b"one"), (104, b""), (105, b"two")]


def test_a_block_with_a_defect_yields_no_lines() -> None:
    assert list(lines_of(Block(0, 7, b"", "a defect"))) == []


@given(st.binary(max_size=100), st.integers(0, 120), reads)
def test_chunks_contain_the_bytes_from_an_offset_to_the_end(content: bytes, offset: int, max_read: int) -> None:
    file = File(content, max_read)
    assert b"".join(read_chunks(file.pread, offset)) == content[offset:]
    assert find_end(file.pread, min(offset, len(content))) == len(content)


@pytest.mark.soak
def test_the_size_limit_applies_to_each_member_separately() -> None:
    member = Compression.ZSTD.compress(b"\n" * (100 * CHUNK_SIZE))
    found = read_blocks(File(member * 3).pread, Compression.ZSTD)
    assert [(block.defect, len(block.lines)) for block in found] == [(None, 100 * CHUNK_SIZE)] * 3


@pytest.mark.soak
def test_decompression_stops_at_the_size_limit() -> None:
    prefix = Compression.GZIP.compress(b"one\n")
    content = prefix + gzip_of_zeros(300 * CHUNK_SIZE) + prefix
    found = read(content, Compression.GZIP, max_read=4096)
    assert found == [
        Block(0, len(prefix), b"one\n"),
        Block(len(prefix), len(content), b"", "a compressed member larger than any that the collector writes"),
    ]
