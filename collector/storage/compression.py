"""Compression, chosen by a file's name: `.gz`, `.zst`, or none."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from collector.model.errors import UsageError


class Unpacker(Protocol):
    """One member or frame on its way: `eof` when it was whole, and `unused_data` behind it."""

    eof: bool
    unused_data: bytes

    def decompress(self, packed: bytes, /) -> bytes:
        """The next part of it."""


class Codec(Enum):
    """How a file's bytes are packed; the value is the suffix that says so."""

    PLAIN = ""
    GZIP = ".gz"
    ZSTD = ".zst"

    def strip(self, name: str) -> str:
        """`name` without this suffix, in whatever case it is."""
        return name[: -len(self.value)] if self.value and name.lower().endswith(self.value) else name

    def pack(self, block: bytes) -> bytes:
        """One whole member or frame; such blocks, one behind the other, are a valid file."""
        if self is Codec.GZIP:
            return gzip.compress(block, compresslevel=6, mtime=0)
        if self is Codec.ZSTD:
            zstd = _zstd()
            return cast(bytes, zstd.compress(block, options={zstd.CompressionParameter.checksum_flag: 1}))
        return block

    @property
    def broken(self) -> tuple[type[Exception], ...]:
        """What is raised for bytes that are not so packed."""
        return (zlib.error, EOFError, *([_zstd().ZstdError] if self is Codec.ZSTD else []))

    def unpacker(self) -> Unpacker:
        """What unpacks one member or frame."""
        return cast(Unpacker, zlib.decompressobj(wbits=31) if self is Codec.GZIP else _zstd().ZstdDecompressor())


def codec_of(name: str) -> Codec:
    """The codec a file's name asks for; `.GZ` is `.gz`."""
    lowered = name.lower()
    return next((codec for codec in (Codec.GZIP, Codec.ZSTD) if lowered.endswith(codec.value)), Codec.PLAIN)


def require(codec: Codec) -> None:
    """Raise `UsageError` when this installation cannot do `codec`."""
    if codec is Codec.ZSTD:
        _zstd()


@contextmanager
def open_decoded(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked. Raises OSError for what cannot be read, broken packing included."""
    codec = codec_of(path.name)
    broken = codec.broken
    try:
        with _open(codec, path) as stream:
            yield stream
    except broken as error:
        raise OSError(f"broken {codec.value} packing ({error})") from None


def _open(codec: Codec, path: Path) -> IO[bytes]:
    if codec is Codec.GZIP:
        return cast(IO[bytes], gzip.open(path))
    return cast(IO[bytes], _zstd().open(path)) if codec is Codec.ZSTD else path.open("rb")


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):  # the standard library has it since Python 3.14
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError(".zst needs the zstd extra: pip install 'polytomic-collector[zstd]'")
