"""Content codings of HTTP (RFC 9110 section 8.4), undone as a body arrives, never beyond a cap. Pure.

Theory of operation. A `Content-Encoding` field lists codings in the order a server applied them; they are undone in
reverse. Each coding counts its own output against the cap, so that no stage of a stack takes more memory.

- gzip is a series of members (RFC 1952 section 2.2). Bytes behind the last member are padding or stray output of a
  server: they are dropped, as browsers do, and the JSON that was unpacked must still be whole.
- deflate is the zlib format (RFC 1950). Some servers send it without the wrapper (RFC 9110 section 8.4.1.2): the first
  two bytes tell.
- identity means no coding. So do empty list elements, and names of charsets that servers put here by mistake.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final, Protocol

from collector.errors import BadPayload, TooLarge

_NO_CODING: Final = frozenset({"", "identity", "none", "binary", "8bit", "utf-8", "utf8", "us-ascii", "ascii"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_MOST_CODINGS: Final = 3
_SLICE: Final = 16_384  # bytes unpacked at once: zlib copies what is left of them for each member
_MAGIC: Final = b"\x1f"
_LONGEST_NAME: Final = 40


class Decoder:
    """Undoes the codings of one body. Give it every chunk, then close it."""

    def __init__(self, stages: Iterable[_Stage]) -> None:
        self._stages = tuple(stages)

    def feed(self, chunk: bytes) -> bytes:
        """The decoded bytes that `chunk` completes. Raises `BadPayload`, and `TooLarge` over the cap."""
        for stage in self._stages:
            chunk = stage.feed(chunk)
        return chunk

    def close(self) -> None:
        """Raise `BadPayload` unless every coding has reached its end."""
        for stage in self._stages:
            stage.close()


def decoder_of(field: str, cap: int, status: int) -> Decoder | None:
    """The decoder for a `Content-Encoding` field, lines joined by commas; None where there is nothing to undo.

    Raises `BadPayload` for an unknown coding.
    """
    names = [name for each in field.split(",") if (name := each.strip().lower()) not in _NO_CODING]
    if len(names) > _MOST_CODINGS:
        raise BadPayload(f"more than {_MOST_CODINGS} content codings", status)
    stages = [_stage_of(name, cap, status) for name in reversed(names)]
    return Decoder(stages) if stages else None


def _stage_of(name: str, cap: int, status: int) -> _Stage:
    if name in _GZIP:
        return _Gunzip(cap, status)
    if name == "deflate":
        return _Inflate(cap, status)
    raise BadPayload(f"unknown Content-Encoding {name[:_LONGEST_NAME]!r}", status)


class _Stage(Protocol):
    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> None: ...


class _Bounded:
    """Counts what is unpacked, and names the coding in what it raises."""

    def __init__(self, name: str, cap: int, status: int) -> None:
        self._name = name
        self._left = cap
        self._status = status

    def unpack(self, stream: zlib._Decompress, packed: bytes) -> bytes:
        try:
            body = stream.decompress(packed, self._left + 1)
        except zlib.error:
            raise BadPayload(f"the body is not the {self._name} it says it is", self._status) from None
        self._left -= len(body)
        if self._left < 0:
            raise TooLarge("the body unpacks to more than the cap", self._status)
        return body

    def cut(self) -> BadPayload:
        return BadPayload(f"the {self._name} body ends too early", self._status)


class _Gunzip:
    def __init__(self, cap: int, status: int) -> None:
        self._bounded = _Bounded("gzip", cap, status)
        self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._is_over = False

    def feed(self, chunk: bytes) -> bytes:
        if len(chunk) <= _SLICE:
            return self._unpacked(chunk)
        return b"".join([self._unpacked(chunk[at : at + _SLICE]) for at in range(0, len(chunk), _SLICE)])

    def _unpacked(self, packed: bytes) -> bytes:
        body = b""
        while packed and not self._is_over:
            if self._member.eof:
                packed = packed.lstrip(b"\0")
                if packed and not packed.startswith(_MAGIC):
                    self._is_over = True
                if not packed or self._is_over:
                    break
                self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            body += self._bounded.unpack(self._member, packed)
            packed = self._member.unused_data
        return body

    def close(self) -> None:
        if not self._member.eof:
            raise self._bounded.cut()


class _Inflate:
    def __init__(self, cap: int, status: int) -> None:
        self._bounded = _Bounded("deflate", cap, status)
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._stream is None:
            chunk = self._head = self._head + chunk
            if len(chunk) < 2:  # a header of zlib
                return b""
            self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS if _is_zlib(chunk) else -zlib.MAX_WBITS)
        return b"" if self._stream.eof else self._bounded.unpack(self._stream, chunk)

    def close(self) -> None:
        if self._stream is None or not self._stream.eof:
            raise self._bounded.cut()


def _is_zlib(head: bytes) -> bool:
    """Does it begin with a header of RFC 1950: method 8, and a multiple of 31?"""
    return head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2]) % 31 == 0
