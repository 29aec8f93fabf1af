"""Decodes HTTP content codings (RFC 9110 section 8.4) as a body arrives, within a size limit. Pure.

Theory of operation. A `Content-Encoding` field lists codings in the order in which the server applied them; decoding
reverses the order. Each coding counts its own output against the limit, so no stage of a stack uses more memory.

- gzip is a series of members (RFC 1952 section 2.2). Bytes after the last member are padding or stray output. They are
  dropped, as browsers do; the decompressed JSON must still be complete.
- deflate is the zlib format (RFC 1950). Some servers send it without the wrapper (RFC 9110 section 8.4.1.2); the first
  two bytes distinguish the two.
- identity means no coding. So do empty list elements, and names of charsets that servers put here by mistake.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final, Protocol

from collector.client.failures import BadPayload, TooLarge

_NO_CODING: Final = frozenset({"", "identity", "none", "binary", "8bit", "utf-8", "utf8", "us-ascii", "ascii"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_MAX_CODINGS: Final = 3
_SLICE: Final = 16_384  # bytes per call: zlib copies the unused rest for each member
_MAGIC: Final = b"\x1f"
_MAX_NAME: Final = 40


class Decoder(Protocol):
    """Decodes one body: feed it every chunk, then close it."""

    def feed(self, chunk: bytes, /) -> bytes:
        """Return the bytes that `chunk` decodes to. Raises `BadPayload`, and `TooLarge` beyond the limit."""

    def close(self) -> None:
        """Raise `BadPayload` unless every coding has reached its end."""


def decoder_of(field: str, cap: int, status: int) -> Decoder | None:
    """Return the decoder for a `Content-Encoding` field, its lines joined by commas; None without a coding.

    Raises `BadPayload` for an unknown coding.
    """
    if field == "gzip":  # the common case; the rest costs a third of decompressing a small body
        return _Gunzip(cap, status)
    names = [name for each in field.split(",") if (name := each.strip().lower()) not in _NO_CODING]
    if len(names) > _MAX_CODINGS:
        raise BadPayload(f"more than {_MAX_CODINGS} content codings", status)
    stages = [_stage_of(name, cap, status) for name in reversed(names)]
    return _Stack(stages) if stages else None


def _stage_of(name: str, cap: int, status: int) -> Decoder:
    if name in _GZIP:
        return _Gunzip(cap, status)
    if name == "deflate":
        return _Inflate(cap, status)
    raise BadPayload(f"unknown Content-Encoding {name[:_MAX_NAME]!r}", status)


class _Stack:
    """Several codings, the outermost first."""

    def __init__(self, stages: Sequence[Decoder]) -> None:
        self._stages = stages

    def feed(self, chunk: bytes) -> bytes:
        for stage in self._stages:
            chunk = stage.feed(chunk)
        return chunk

    def close(self) -> None:
        for stage in self._stages:
            stage.close()


class _Bounded:
    """Counts decompressed bytes, and names the coding in its exceptions."""

    name = ""

    def __init__(self, cap: int, status: int) -> None:
        self._left = cap
        self._status = status

    def _decompress(self, stream: zlib._Decompress, compressed: bytes) -> bytes:
        try:
            body = stream.decompress(compressed, self._left + 1)
        except zlib.error:
            raise BadPayload(f"the body is not valid {self.name}", self._status) from None
        self._left -= len(body)
        if self._left < 0:
            raise TooLarge("the decompressed body exceeds the size limit", self._status)
        return body

    def _truncated(self) -> BadPayload:
        return BadPayload(f"the {self.name} body is truncated", self._status)


class _Gunzip(_Bounded):
    name = "gzip"

    def __init__(self, cap: int, status: int) -> None:
        super().__init__(cap, status)
        self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._is_past_end = False

    def feed(self, chunk: bytes) -> bytes:
        if len(chunk) <= _SLICE and not self._member.eof:
            body = self._decompress(self._member, chunk)
            return body + self._feed_members(rest) if (rest := self._member.unused_data) else body
        return b"".join([self._feed_members(chunk[at : at + _SLICE]) for at in range(0, len(chunk), _SLICE)])

    def _feed_members(self, compressed: bytes) -> bytes:
        """Decode a short piece, which may begin after the end of a member."""
        pieces: list[bytes] = []
        while compressed and not self._is_past_end:
            if self._member.eof:
                compressed = compressed.lstrip(b"\0")
                self._is_past_end = compressed != b"" and not compressed.startswith(_MAGIC)
                if not compressed or self._is_past_end:
                    break
                self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            pieces.append(self._decompress(self._member, compressed))
            compressed = self._member.unused_data
        return b"".join(pieces)

    def close(self) -> None:
        if not self._member.eof:
            raise self._truncated()


class _Inflate(_Bounded):
    name = "deflate"

    def __init__(self, cap: int, status: int) -> None:
        super().__init__(cap, status)
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._stream is None:
            chunk = self._head = self._head + chunk
            if len(chunk) < 2:  # the length of a zlib header
                return b""
            self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS if _is_zlib(chunk) else -zlib.MAX_WBITS)
        return b"" if self._stream.eof else self._decompress(self._stream, chunk)

    def close(self) -> None:
        if self._stream is None or not self._stream.eof:
            raise self._truncated()


def _is_zlib(head: bytes) -> bool:
    """Does it begin with a header of RFC 1950: method 8, and a multiple of 31?"""
    return head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2]) % 31 == 0
