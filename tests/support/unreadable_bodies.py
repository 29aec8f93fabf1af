"""Error replies with a readable status and an unreadable body, as data in the form of `http_pathologies`."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeAlias

from collector.client.transport.body import MAX_WIRE_BYTES
from tests.support.http_pathologies import STATUSES, Row, always
from tests.support.scripted_server import Exchange, Scenario, chunked, forever, gzip_of_zeros, gzipped, raw

ErrorReply: TypeAlias = Callable[..., Scenario]
"""Maps the end of a status line, such as `404 Not Found`, and headers to a scenario."""

_PAGE = b"<html>no</html>"
_CHUNKED = {"Transfer_Encoding": "chunked"}
_BAD_CHUNK = b"zz\r\n" + _PAGE


def _head(status: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _with(body: bytes, *later: bytes, then: Callable[[Exchange], None] | None = None, **fields: str) -> ErrorReply:
    """Send the head and `body` in one segment, and each of `later` in a further segment."""
    return lambda status, **headers: raw(_head(status, fields | headers) + body, *later, then=then)


def _chunked(body: bytes, *later: bytes, then: Callable[[Exchange], None] | None = None) -> ErrorReply:
    return _with(body, *later, then=then, Transfer_Encoding="chunked")


def _encoded(body: bytes, coding: str) -> ErrorReply:
    return _with(body, Content_Length=str(len(body)), Content_Encoding=coding)


UNREADABLE: dict[str, ErrorReply] = {
    "not gzip": _encoded(_PAGE, "gzip"),
    "empty gzip": _encoded(b"", "gzip"),
    "gzip truncated": _encoded(gzipped(_PAGE)[:-5], "gzip"),
    "gzip with a wrong checksum": _encoded(gzipped(_PAGE)[:-8] + bytes(8), "gzip"),
    "deflate truncated": _encoded(zlib.compress(_PAGE)[:-5], "deflate"),
    "br": _encoded(_PAGE, "br"),
    "zstd": _encoded(_PAGE, "zstd"),
    "an unknown encoding": _encoded(_PAGE, "klingon"),
    "four codings": _encoded(_PAGE, "gzip, gzip, gzip, gzip"),
    "gzip bomb": _encoded(gzip_of_zeros(64 << 20), "gzip"),
    "too long": _with(b" " * (MAX_WIRE_BYTES + 1), Content_Length=str(MAX_WIRE_BYTES + 1)),
    "truncated": _with(_PAGE, Content_Length="99", then=Exchange.close),
    "no byte of it": _with(b"", Content_Length="99", then=Exchange.close),
    "reset": _with(_PAGE, b" ", Content_Length="99", then=Exchange.reset),
    "chunk truncated": _chunked(b"99\r\n" + _PAGE, then=Exchange.close),
    "last chunk missing": _chunked(chunked(_PAGE, end=False), then=Exchange.close),
    "invalid chunk size": _chunked(_BAD_CHUNK),
    "invalid chunk size, closed": _chunked(_BAD_CHUNK, then=Exchange.close),
    "invalid chunk size, in a later segment": _chunked(chunked(_PAGE, end=False), _BAD_CHUNK),
    "invalid chunk size, after early hints": lambda status, **headers: raw(
        _head("103 Early Hints", {}) + _head(status, _CHUNKED | headers) + _BAD_CHUNK
    ),
    "invalid chunk size, head in two segments": lambda status, **headers: raw(
        _head(status, _CHUNKED | headers)[:20], _head(status, _CHUNKED | headers)[20:] + _BAD_CHUNK
    ),
}
"""The replies that end without a timeout."""

ENDLESS: dict[str, ErrorReply] = {
    "hang": _with(b"", Content_Length="99"),
    "hang in the body": _with(_PAGE, Content_Length="99"),
    "chunk by chunk": lambda status, **headers: forever(
        _head(status, _CHUNKED | headers), chunked(b" ", end=False), every=0.02
    ),
}
"""The replies that only a timeout ends."""


def _with_unreadable_body(error_reply: ErrorReply, row: Row) -> Row:
    return row._replace(serve=always(error_reply(f"{row.http_status} Whatever")))


STATUSES_WITHOUT_A_BODY: dict[str, Row] = {
    f"{status}, {name}": _with_unreadable_body(error_reply, STATUSES[status])
    for name, error_reply in UNREADABLE.items()
    for status in ("404", "502")
}
"""Statuses with an unreadable body: the outcome is the same as with a readable one."""
