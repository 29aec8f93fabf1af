"""Errors whose status can be read and whose body cannot: every way a body breaks, as data beside `http_pathologies`."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeAlias

from collector.client.transport.body import MAX_WIRE_BYTES
from tests.support.http_pathologies import STATUSES, Row, always
from tests.support.scripted_server import Exchange, Scenario, chunked, forever, gzip_of_zeros, gzipped, raw

Refusing: TypeAlias = Callable[..., Scenario]
"""A status line's end, such as `404 Not Found`, and headers → the scenario."""

_PAGE = b"<html>no</html>"
_CHUNKED = {"Transfer_Encoding": "chunked"}
_BAD_CHUNK = b"zz\r\n" + _PAGE


def _head(status: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _with(body: bytes, *later: bytes, then: Callable[[Exchange], None] | None = None, **fields: str) -> Refusing:
    """The head and `body` in one segment, each of `later` in its own."""
    return lambda status, **headers: raw(_head(status, fields | headers) + body, *later, then=then)


def _chunked(body: bytes, *later: bytes, then: Callable[[Exchange], None] | None = None) -> Refusing:
    return _with(body, *later, then=then, Transfer_Encoding="chunked")


def _packed(body: bytes, coding: str) -> Refusing:
    return _with(body, Content_Length=str(len(body)), Content_Encoding=coding)


UNREADABLE: dict[str, Refusing] = {
    "gzip that is none": _packed(_PAGE, "gzip"),
    "gzip of nothing": _packed(b"", "gzip"),
    "gzip cut": _packed(gzipped(_PAGE)[:-5], "gzip"),
    "gzip with a wrong checksum": _packed(gzipped(_PAGE)[:-8] + bytes(8), "gzip"),
    "deflate cut": _packed(zlib.compress(_PAGE)[:-5], "deflate"),
    "br": _packed(_PAGE, "br"),
    "zstd": _packed(_PAGE, "zstd"),
    "an encoding nobody knows": _packed(_PAGE, "klingon"),
    "four codings": _packed(_PAGE, "gzip, gzip, gzip, gzip"),
    "gzip bomb": _packed(gzip_of_zeros(64 << 20), "gzip"),
    "too long": _with(b" " * (MAX_WIRE_BYTES + 1), Content_Length=str(MAX_WIRE_BYTES + 1)),
    "cut": _with(_PAGE, Content_Length="99", then=Exchange.close),
    "nothing of it": _with(b"", Content_Length="99", then=Exchange.close),
    "reset": _with(_PAGE, b" ", Content_Length="99", then=Exchange.reset),
    "chunk cut": _chunked(b"99\r\n" + _PAGE, then=Exchange.close),
    "last chunk missing": _chunked(chunked(_PAGE, end=False), then=Exchange.close),
    "chunk size garbled": _chunked(_BAD_CHUNK),
    "chunk size garbled, closed": _chunked(_BAD_CHUNK, then=Exchange.close),
    "chunk size garbled, in a later segment": _chunked(chunked(_PAGE, end=False), _BAD_CHUNK),
    "chunk size garbled, behind early hints": lambda status, **headers: raw(
        _head("103 Early Hints", {}) + _head(status, _CHUNKED | headers) + _BAD_CHUNK
    ),
    "chunk size garbled, head in two segments": lambda status, **headers: raw(
        _head(status, _CHUNKED | headers)[:20], _head(status, _CHUNKED | headers)[20:] + _BAD_CHUNK
    ),
}
"""All that needs no time-out."""

ENDLESS: dict[str, Refusing] = {
    "hang": _with(b"", Content_Length="99"),
    "hang in the body": _with(_PAGE, Content_Length="99"),
    "chunks by drops": lambda status, **headers: forever(
        _head(status, _CHUNKED | headers), chunked(b" ", end=False), every=0.02
    ),
}
"""Only patience ends these."""


def _refused_by(refuse: Refusing, row: Row) -> Row:
    return row._replace(serve=always(refuse(f"{row.http_status} Whatever")))


STATUSES_WITHOUT_A_BODY: dict[str, Row] = {
    f"{status}, {name}": _refused_by(refuse, STATUSES[status])
    for name, refuse in UNREADABLE.items()
    for status in ("404", "502")
}
"""What they are with a body, they are without."""
