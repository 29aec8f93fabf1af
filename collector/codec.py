"""Compression, chosen by a file's name: `.gz`, `.zst`, or none."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from collector.errors import UsageError


class Codec(Enum):
    """How a file's bytes are packed; the value is the suffix that says so."""

    PLAIN = ""
    GZIP = ".gz"
    ZSTD = ".zst"

    def strip(self, name: str) -> str:
        """`name` without this suffix."""
        return name.removesuffix(self.value)

    def pack(self, block: bytes) -> bytes:
        """One whole member or frame; such blocks, one behind the other, are a valid file."""
        if self is Codec.GZIP:
            return gzip.compress(block, compresslevel=6, mtime=0)
        if self is Codec.ZSTD:
            return cast(bytes, _zstd().compress(block))
        return block


def codec_of(name: str) -> Codec:
    """The codec a file's name asks for."""
    return next((codec for codec in (Codec.GZIP, Codec.ZSTD) if name.endswith(codec.value)), Codec.PLAIN)


def require(codec: Codec) -> None:
    """Raise `UsageError` when this installation cannot do `codec`."""
    if codec is Codec.ZSTD:
        _zstd()


@contextmanager
def open_decoded(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked. Raises OSError for what cannot be read, broken packing included."""
    codec = codec_of(path.name)
    broken: tuple[type[Exception], ...] = (zlib.error, EOFError)
    if codec is Codec.ZSTD:
        broken = (*broken, _zstd().ZstdError)
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
