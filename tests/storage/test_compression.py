"""Compression, chosen by a file's name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.compression import Codec, codec_of, open_decoded, require
from tests.support.zstd_compat import zstd


@pytest.mark.parametrize(
    ("name", "codec", "stripped"),
    [
        ("c.jsonl", Codec.PLAIN, "c.jsonl"),
        ("c.jsonl.gz", Codec.GZIP, "c.jsonl"),
        ("c.jsonl.zst", Codec.ZSTD, "c.jsonl"),
        ("c.jsonl.GZ", Codec.GZIP, "c.jsonl"),
        ("C.JSONL.Zst", Codec.ZSTD, "C.JSONL"),
        ("c.gZ", Codec.GZIP, "c"),
        ("gz", Codec.PLAIN, "gz"),
        ("c.gz.txt", Codec.PLAIN, "c.gz.txt"),
        ("c.gz.gz", Codec.GZIP, "c.gz"),
    ],
)
def test_the_end_of_a_name_says_how_a_file_is_packed(name: str, codec: Codec, stripped: str) -> None:
    assert codec_of(name) is codec
    assert codec.strip(name) == stripped


@pytest.mark.parametrize("codec", Codec)
def test_this_installation_can_do_every_codec(codec: Codec) -> None:
    require(codec)


@given(st.lists(st.binary(), max_size=5))
def test_packed_blocks_one_behind_the_other_are_a_valid_file(blocks: list[bytes]) -> None:
    assert gzip.decompress(b"".join(map(Codec.GZIP.pack, blocks))) == b"".join(blocks)
    packed = b"".join(map(Codec.ZSTD.pack, blocks))
    assert (zstd.decompress(packed) if packed else b"") == b"".join(blocks)
    assert b"".join(map(Codec.PLAIN.pack, blocks)) == b"".join(blocks)


@given(st.binary())
def test_the_same_block_is_packed_to_the_same_bytes(block: bytes) -> None:
    for codec in Codec:
        assert codec.pack(block) == codec.pack(block)


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("blocks", [[b""], [b"one\n"], [b"one\n", b"", b"two\n" * 100_000]])
def test_a_file_of_blocks_is_read_back_whole(codec: Codec, blocks: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / f"c.jsonl{codec.value}"
    path.write_bytes(b"".join(map(codec.pack, blocks)))
    with open_decoded(path) as stream:
        assert stream.read() == b"".join(blocks)


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.ZSTD])
def test_a_file_cut_short_anywhere_is_an_os_error(codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / f"c.jsonl{codec.value}"
    packed = codec.pack(bytes(range(256)) * 4)
    for length in range(1, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(OSError), open_decoded(path) as stream:  # noqa: PT011  # any text will do
            stream.read()


def test_a_garbled_file_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    packed = bytearray(Codec.GZIP.pack(b"one line\n" * 1000))
    for at in range(10, len(packed)):
        garbled = bytearray(packed)
        garbled[at] ^= 0xFF
        path.write_bytes(garbled)
        with pytest.raises(OSError), open_decoded(path) as stream:  # noqa: PT011
            stream.read()
