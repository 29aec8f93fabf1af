"""Compression, chosen by a file's name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.compression import Compression, compression_of, open_decompressed, require
from tests.support.zstd_compat import zstd


@pytest.mark.parametrize(
    ("name", "compression", "stripped"),
    [
        ("c.jsonl", Compression.PLAIN, "c.jsonl"),
        ("c.jsonl.gz", Compression.GZIP, "c.jsonl"),
        ("c.jsonl.zst", Compression.ZSTD, "c.jsonl"),
        ("c.jsonl.GZ", Compression.GZIP, "c.jsonl"),
        ("C.JSONL.Zst", Compression.ZSTD, "C.JSONL"),
        ("c.gZ", Compression.GZIP, "c"),
        ("gz", Compression.PLAIN, "gz"),
        ("c.gz.txt", Compression.PLAIN, "c.gz.txt"),
        ("c.gz.gz", Compression.GZIP, "c.gz"),
    ],
)
def test_the_end_of_a_name_says_how_a_file_is_packed(name: str, compression: Compression, stripped: str) -> None:
    assert compression_of(name) is compression
    assert compression.strip(name) == stripped


@pytest.mark.parametrize("compression", Compression)
def test_this_installation_can_do_every_codec(compression: Compression) -> None:
    require(compression)


@given(st.lists(st.binary(), max_size=5))
def test_packed_blocks_one_behind_the_other_are_a_valid_file(blocks: list[bytes]) -> None:
    assert gzip.decompress(b"".join(map(Compression.GZIP.compress, blocks))) == b"".join(blocks)
    packed = b"".join(map(Compression.ZSTD.compress, blocks))
    assert (zstd.decompress(packed) if packed else b"") == b"".join(blocks)
    assert b"".join(map(Compression.PLAIN.compress, blocks)) == b"".join(blocks)


@given(st.binary())
def test_the_same_block_is_packed_to_the_same_bytes(block: bytes) -> None:
    for compression in Compression:
        assert compression.compress(block) == compression.compress(block)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("blocks", [[b""], [b"one\n"], [b"one\n", b"", b"two\n" * 100_000]])
def test_a_file_of_blocks_is_read_back_whole(compression: Compression, blocks: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / f"c.jsonl{compression.value}"
    path.write_bytes(b"".join(map(compression.compress, blocks)))
    with open_decompressed(path) as stream:
        assert stream.read() == b"".join(blocks)


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_a_file_cut_short_anywhere_is_an_os_error(compression: Compression, tmp_path: Path) -> None:
    path = tmp_path / f"c.jsonl{compression.value}"
    packed = compression.compress(bytes(range(256)) * 4)
    for length in range(1, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(OSError), open_decompressed(path) as stream:  # noqa: PT011  # any text will do
            stream.read()


def test_a_garbled_file_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    packed = bytearray(Compression.GZIP.compress(b"one line\n" * 1000))
    for at in range(10, len(packed)):
        garbled = bytearray(packed)
        garbled[at] ^= 0xFF
        path.write_bytes(garbled)
        with pytest.raises(OSError), open_decompressed(path) as stream:  # noqa: PT011
            stream.read()
