"""A file of lines, read as the stretches it was written in."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.blocks import Stretch, chunks, end_of, lines_of, stretches
from collector.storage.compression import Codec
from tests.support.scripted_server import gzip_of_zeros

CHUNK = 1024 * 1024
PACKED = [Codec.GZIP, Codec.ZSTD]
BLOCKS = [b"one\ntwo\n", b"three\n", b"", b"four\n\nfive\n"]
EVERYTHING = 1 << 40


class File:
    """A file that gives at most `most` bytes at once, as a disk may."""

    def __init__(self, content: bytes, most: int = EVERYTHING) -> None:
        self.content = content
        self.most = most

    def pread(self, size: int, offset: int) -> bytes:
        assert size > 0
        assert offset >= 0
        return self.content[offset : offset + min(size, self.most)]


lines = st.binary(max_size=20).map(lambda content: content.replace(b"\n", b"") + b"\n")
blocks = st.lists(lines, max_size=4).map(b"".join)
reads = st.sampled_from([1, 2, 3, 10, 50, EVERYTHING])


def read(content: bytes, codec: Codec, most: int = EVERYTHING) -> list[Stretch]:
    """The stretches of a file, which follow each other from its first byte to its last; only the last has a flaw."""
    found = list(stretches(File(content, most).pread, codec))
    borders = [0, *(stretch.end for stretch in found)]
    assert [stretch.start for stretch in found] == borders[:-1]
    assert borders[-1] == len(content)
    assert all(stretch.start < stretch.end for stretch in found)
    assert not any(stretch.flaw for stretch in found[:-1])
    assert all(stretch.lines == b"" for stretch in found if stretch.flaw)
    assert all(stretch.lines.endswith(b"\n") for stretch in found if stretch.lines)
    return found


def lines_in(found: list[Stretch]) -> bytes:
    return b"".join(stretch.lines for stretch in found)


def flaw_of(found: list[Stretch]) -> str | None:
    return found[-1].flaw if found else None


def noise(size: int, seed: int = 0) -> bytes:
    """Lines that do not pack well."""
    digits = random.Random(seed).randbytes(size // 2).hex().encode()
    return b"".join(digits[at : at + 4095] + b"\n" for at in range(0, len(digits), 4095))


@given(st.lists(blocks, max_size=5), st.sampled_from(Codec), reads)
def test_what_was_written_is_read_back_however_little_the_system_reads_at_once(
    written: list[bytes], codec: Codec, most: int
) -> None:
    found = read(b"".join(map(codec.pack, written)), codec, most)
    assert lines_in(found) == b"".join(written)
    assert flaw_of(found) is None


@given(st.lists(blocks, max_size=5), st.sampled_from(PACKED), reads)
def test_a_packed_member_is_a_stretch(written: list[bytes], codec: Codec, most: int) -> None:
    members = list(map(codec.pack, written))
    found = read(b"".join(members), codec, most)
    assert [stretch.lines for stretch in found] == written
    assert [stretch.end for stretch in found] == list(accumulate(map(len, members)))


@pytest.mark.parametrize("codec", Codec)
def test_an_empty_file_has_no_stretch(codec: Codec) -> None:
    assert read(b"", codec) == []


@pytest.mark.parametrize("codec", PACKED)
def test_an_empty_member_is_a_stretch_without_lines(codec: Codec) -> None:
    packed = codec.pack(b"")
    assert read(packed, codec) == [Stretch(0, len(packed), b"")]


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("most", [100_003, EVERYTHING])
def test_a_file_of_several_chunks_is_read_back_with_what_straddles_them(codec: Codec, most: int) -> None:
    written = [noise(size, seed=size) for size in (1_900_000, 10, 2_500_000, 1_300_000)]
    content = b"".join(map(codec.pack, written))
    assert len(content) > 2 * CHUNK
    found = read(content, codec, most)
    assert lines_in(found) == b"".join(written)
    assert flaw_of(found) is None


@pytest.mark.parametrize("codec", Codec)
def test_a_line_of_several_chunks_is_one_line(codec: Codec) -> None:
    long = noise(3 * CHUNK).replace(b"\n", b"") + b"\n"
    found = read(b"".join(map(codec.pack, (b"before\n", long, b"behind\n"))), codec)
    assert lines_in(found) == b"before\n" + long + b"behind\n"
    assert [line for stretch in found for _, line in lines_of(stretch)] == [b"before", long[:-1], b"behind"]


@pytest.mark.parametrize("codec", Codec)
def test_very_many_tiny_members_are_read_back(codec: Codec) -> None:
    written = [b"%d\n" % number for number in range(5000)]
    assert lines_in(read(b"".join(map(codec.pack, written)), codec)) == b"".join(written)


@pytest.mark.parametrize("codec", Codec)
def test_a_file_that_ends_with_a_chunk_is_whole(codec: Codec) -> None:
    if codec is Codec.PLAIN:
        written = [b"x" * (CHUNK - 1) + b"\n", b"x" * (CHUNK - 1) + b"\n"]
        assert lines_in(read(b"".join(written), codec)) == b"".join(written)
    member = codec.pack(b"one\n")
    found = read(member * 3, codec, most=len(member))
    assert lines_in(found) == b"one\n" * 3
    assert flaw_of(found) is None


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("most", [1, EVERYTHING])
def test_of_a_file_torn_anywhere_all_that_is_whole_is_read_and_the_rest_is_one_flaw(codec: Codec, most: int) -> None:
    whole = b"".join(BLOCKS)
    units = whole.splitlines(keepends=True) if codec is Codec.PLAIN else BLOCKS
    ends = [0, *accumulate(len(codec.pack(unit)) for unit in units)]
    content = b"".join(map(codec.pack, units))
    for length in range(len(content) + 1):
        found = read(content[:length], codec, most)
        count = sum(1 for end in ends[1:] if end <= length)
        assert lines_in(found) == b"".join(units[:count])
        assert (flaw_of(found) is None) == (length in ends)
        if length not in ends:
            assert found[-1].start == ends[count]


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("tail", [b"\0", b"\0" * 5000, b"\x1f", b"\x28\xb5", b"{", b"\xff" * (2 * CHUNK)])
def test_garbage_behind_what_is_whole_is_one_flaw_to_the_end_of_the_file(codec: Codec, tail: bytes) -> None:
    content = b"".join(map(codec.pack, BLOCKS))
    found = read(content + tail, codec)
    assert lines_in(found) == b"".join(BLOCKS)
    assert (found[-1].start, found[-1].end) == (len(content), len(content) + len(tail))
    assert flaw_of(found)


@pytest.mark.parametrize("codec", PACKED)
def test_zeros_in_the_middle_of_a_member_are_a_flaw_whatever_stands_behind_it(codec: Codec) -> None:
    first, second = codec.pack(noise(2000)), codec.pack(noise(2000, seed=1))
    torn = second[:100] + bytes(500) + second[600:]
    found = read(first + torn + first, codec)
    assert lines_in(found) == noise(2000)
    assert found[-1].start == len(first)


@pytest.mark.parametrize("codec", PACKED)
def test_no_changed_byte_changes_a_line(codec: Codec) -> None:
    written = [noise(60), noise(60, seed=1), noise(60, seed=2)]
    members = list(map(codec.pack, written))
    ends = list(accumulate(map(len, members)))
    content = b"".join(members)
    for at in range(len(content)):
        for change in (0x01, 0x04, 0x80, 0xFF):
            damaged = content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]
            found = read(damaged, codec)
            before = b"".join(block for block, end in zip(written, ends, strict=True) if end <= at)
            assert lines_in(found).startswith(before)
            assert b"".join(written).startswith(lines_in(found))
            assert flaw_of(found) or lines_in(found) == b"".join(written)


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("behind", [b"", b"three\n", b"no end either", noise(3 * CHUNK)])
def test_a_member_that_does_not_end_with_a_line_is_a_flaw_and_the_last_stretch(codec: Codec, behind: bytes) -> None:
    content = codec.pack(b"one\n")
    found = read(content + codec.pack(b"two\nthr") + (codec.pack(behind) if behind else b""), codec)
    assert lines_in(found) == b"one\n"
    assert (found[-1].start, found[-1].flaw) == (len(content), "a line without its end")


def test_a_plain_file_that_does_not_end_with_a_line_has_a_flaw_at_its_last() -> None:
    assert read(b"one\ntwo", Codec.PLAIN) == [Stretch(0, 4, b"one\n"), Stretch(4, 7, b"", "a line without its end")]


@pytest.mark.parametrize("codec", PACKED)
def test_the_flaw_names_the_codec(codec: Codec) -> None:
    packed = codec.pack(b"one\n")
    assert flaw_of(read(packed[:-1], codec)) == f"a {codec.value} member without its end"
    assert flaw_of(read(b"garbage" * 10, codec)) == f"broken {codec.value} packing"


@given(st.lists(lines, max_size=20).map(b"".join), reads)
def test_lines_of_a_plain_file_are_where_it_says(content: bytes, most: int) -> None:
    found = [each for stretch in read(content, Codec.PLAIN, most) for each in lines_of(stretch)]
    assert all(content[at : at + len(line) + 1] == line + b"\n" for at, line in found)
    assert b"".join(line + b"\n" for _, line in found) == content
    assert all(at + len(line) + 1 == following for (at, line), (following, _) in pairwise(found))


def test_lines_of_a_packed_member_are_numbered_as_if_it_were_not() -> None:
    assert list(lines_of(Stretch(100, 120, b"one\n\ntwo\n"))) == [(100, b"one"), (104, b""), (105, b"two")]


def test_a_stretch_without_lines_has_none() -> None:
    assert list(lines_of(Stretch(0, 7, b"", "a flaw"))) == []


@given(st.binary(max_size=100), st.integers(0, 120), reads)
def test_chunks_are_the_bytes_from_an_offset_to_the_end(content: bytes, offset: int, most: int) -> None:
    file = File(content, most)
    assert b"".join(chunks(file.pread, offset)) == content[offset:]
    assert end_of(file.pread, min(offset, len(content))) == len(content)


@pytest.mark.soak
def test_a_large_member_behind_another_is_none_too_large() -> None:
    member = Codec.ZSTD.pack(b"\n" * (100 * CHUNK))
    found = stretches(File(member * 3).pread, Codec.ZSTD)
    assert [(stretch.flaw, len(stretch.lines)) for stretch in found] == [(None, 100 * CHUNK)] * 3


@pytest.mark.soak
def test_a_member_that_is_none_of_the_collectors_is_not_unpacked_to_its_end() -> None:
    before = Codec.GZIP.pack(b"one\n")
    content = before + gzip_of_zeros(300 * CHUNK) + before
    found = read(content, Codec.GZIP, most=4096)
    assert found == [
        Stretch(0, len(before), b"one\n"),
        Stretch(len(before), len(content), b"", "a packed member that is none of the collector's"),
    ]
