"""Compression, chosen by the suffix of a file's name."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.compression import (
    Compression,
    compression_in,
    compression_of,
    decompressed,
    open_decompressed,
    require_available,
)
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
def test_the_suffix_of_a_name_determines_the_compression(name: str, compression: Compression, stripped: str) -> None:
    assert compression_of(name) is compression
    assert compression.strip(name) == stripped


@given(st.binary(), st.sampled_from(Compression))
def test_the_first_bytes_tell_the_compression_of_a_stream(block: bytes, compression: Compression) -> None:
    if compression is Compression.PLAIN:
        block = b"t" + block
    stream = io.BytesIO(compression.compress(block))
    assert compression_in(stream.getvalue()[:4]) is compression
    with decompressed(stream, compression) as plain:
        assert plain.read() == block
    assert not stream.closed


@pytest.mark.parametrize("compression", Compression)
def test_this_installation_supports_every_compression(compression: Compression) -> None:
    require_available(compression)


@given(st.lists(st.binary(), max_size=5))
def test_a_sequence_of_compressed_blocks_is_a_valid_file(blocks: list[bytes]) -> None:
    assert gzip.decompress(b"".join(map(Compression.GZIP.compress, blocks))) == b"".join(blocks)
    compressed = b"".join(map(Compression.ZSTD.compress, blocks))
    assert (zstd.decompress(compressed) if compressed else b"") == b"".join(blocks)
    assert b"".join(map(Compression.PLAIN.compress, blocks)) == b"".join(blocks)


@given(st.binary())
def test_compression_is_deterministic(block: bytes) -> None:
    for compression in Compression:
        assert compression.compress(block) == compression.compress(block)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("blocks", [[b""], [b"one\n"], [b"one\n", b"", b"two\n" * 100_000]])
def test_a_file_of_blocks_is_decompressed_completely(
    compression: Compression, blocks: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / f"c.jsonl{compression.value}"
    path.write_bytes(b"".join(map(compression.compress, blocks)))
    with open_decompressed(path) as stream:
        assert stream.read() == b"".join(blocks)


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_a_file_truncated_anywhere_raises_os_error(compression: Compression, tmp_path: Path) -> None:
    path = tmp_path / f"c.jsonl{compression.value}"
    compressed = compression.compress(bytes(range(256)) * 4)
    for length in range(1, len(compressed)):
        path.write_bytes(compressed[:length])
        with pytest.raises(OSError), open_decompressed(path) as stream:  # noqa: PT011  # the text varies
            stream.read()


def test_a_corrupt_file_raises_os_error(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    compressed = bytearray(Compression.GZIP.compress(b"one line\n" * 1000))
    for at in range(10, len(compressed)):
        corrupted = bytearray(compressed)
        corrupted[at] ^= 0xFF
        path.write_bytes(corrupted)
        with pytest.raises(OSError), open_decompressed(path) as stream:  # noqa: PT011
            stream.read()
