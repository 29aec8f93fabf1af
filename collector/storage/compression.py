"""Compression, chosen by a file's name: `.gz`, `.zst`, or none."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

from collector.model.errors import UsageError


class Decompressor(Protocol):
    """Decompresses one member or frame: `eof` once it is complete, with `unused_data` after it."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes:
        """The next decompressed part."""


class Compression(Enum):
    """The compression of a file; the value is its suffix."""

    PLAIN = ""
    GZIP = ".gz"
    ZSTD = ".zst"

    def strip(self, name: str) -> str:
        """`name` without this suffix, in upper or lower case."""
        return name[: -len(self.value)] if self.value and name.lower().endswith(self.value) else name

    def compress(self, block: bytes) -> bytes:
        """One complete member or frame. A sequence of them is a valid file."""
        if self is Compression.GZIP:
            return gzip.compress(block, compresslevel=6, mtime=0)
        if self is Compression.ZSTD:
            zstd = _zstd()
            return cast(bytes, zstd.compress(block, options={zstd.CompressionParameter.checksum_flag: 1}))
        return block

    @property
    def decompression_errors(self) -> tuple[type[Exception], ...]:
        """The exceptions for invalid compressed data."""
        return (zlib.error, EOFError, *([_zstd().ZstdError] if self is Compression.ZSTD else []))

    def decompressor(self) -> Decompressor:
        """A decompressor for one member or frame."""
        return cast(
            Decompressor, zlib.decompressobj(wbits=31) if self is Compression.GZIP else _zstd().ZstdDecompressor()
        )


_MAGIC: Final = {b"\x1f\x8b": Compression.GZIP, b"\x28\xb5\x2f\xfd": Compression.ZSTD}  # RFC 1952 and RFC 8878


def compression_of(name: str) -> Compression:
    """The compression that a file's suffix names, in upper or lower case."""
    lowered = name.lower()
    return next(
        (compression for compression in (Compression.GZIP, Compression.ZSTD) if lowered.endswith(compression.value)),
        Compression.PLAIN,
    )


def compression_in(start: bytes) -> Compression:
    """The compression of data that begins with these bytes, at least four unless the data is shorter."""
    return next((compression for magic, compression in _MAGIC.items() if start.startswith(magic)), Compression.PLAIN)


def require_available(compression: Compression) -> None:
    """Raise `UsageError` if this installation does not support `compression`."""
    if compression is Compression.ZSTD:
        _zstd()


@contextmanager
def open_decompressed(path: Path) -> Iterator[IO[bytes]]:
    """The file's decompressed bytes. Raises OSError if it is unreadable or its compressed data is invalid."""
    with path.open("rb") as stream, decompressed(stream, compression_of(path.name)) as plain:
        yield plain


@contextmanager
def decompressed(stream: IO[bytes], compression: Compression) -> Iterator[IO[bytes]]:
    """The decompressed bytes of a stream, which stays open. Raises OSError if they are invalid."""
    errors = compression.decompression_errors
    try:
        if compression is Compression.PLAIN:
            yield stream
        else:
            with _open(compression, stream) as plain:
                yield plain
    except errors as error:
        raise OSError(f"invalid {compression.value} data ({error})") from None


def _open(compression: Compression, stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(stream) if compression is Compression.GZIP else _zstd().open(stream))


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):  # in the standard library since Python 3.14
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError(".zst needs the zstd extra: pip install 'polytomic-collector[zstd]'")
