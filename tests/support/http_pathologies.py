"""Every way to answer, or not to answer, that a client has to live with: reliability.md §3.3 as data.

A row says what a server does with a request, what one attempt is then to a transport (`transport_contract`), and what
becomes of the id in a whole run (`test_pathologies`). It knows nothing of how either is tried.

`otherwise:` marks where the table asks for something else than what the tool does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import warnings
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeAlias

import trustme

from collector.client.failures import AttemptFailed, BadPayload, TimedOut, TooLarge, Transient
from collector.client.transport.body import MAX_BODY_BYTES, MAX_WIRE_BYTES
from collector.model.errors import CollectorError, ConfigError
from collector.model.outcome import OutcomeKind
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    Server,
    answer,
    chunked,
    close,
    forever,
    free_port,
    gzip_of_zeros,
    gzipped,
    hang,
    ids,
    listening,
    raw,
    reset,
    response,
    serving,
)

Serving: TypeAlias = Callable[[bytes], Scenario]
"""The body that is due → what a server does instead of just sending it."""


class Row(NamedTuple):
    """What is done, what an attempt is then, and what becomes of the id after so many attempts.

    `attempt` is the class of its failure, or the status of its reply; `answered` is whether a whole head came.
    """

    serve: Serving
    attempt: type[AttemptFailed] | int
    outcome: OutcomeKind
    attempts: int
    http_status: int | None = None
    answered: bool = True


def lost(serve: Serving, *, answered: bool = True) -> Row:
    """No whole answer, perhaps the next time."""
    return Row(serve, Transient, OutcomeKind.EXHAUSTED, 5, answered=answered)


def late(serve: Serving, *, answered: bool = True) -> Row:
    """As `lost`, and it takes until the time-out."""
    return lost(serve, answered=answered)._replace(attempt=TimedOut)


def garbled(serve: Serving) -> Row:
    """An answer that cannot be unpacked."""
    return Row(serve, BadPayload, OutcomeKind.BAD_PAYLOAD, 3, 200)


def huge(serve: Serving) -> Row:
    """An answer over a cap, the next time too."""
    return Row(serve, TooLarge, OutcomeKind.TOO_LARGE, 1, 200)


def useless(serve: Serving, status: int = 200) -> Row:
    """A reply that holds no connection."""
    return Row(serve, status, OutcomeKind.BAD_PAYLOAD, 3, status)


def fine(serve: Serving) -> Row:
    """The connection."""
    return Row(serve, 200, OutcomeKind.OK, 1, 200)


def always(scenario: Scenario) -> Serving:
    """The same, whatever was due."""
    return lambda _: scenario


def saying(body: bytes) -> Serving:
    """A proper reply with this body."""
    return always(answer(body))


def with_fields(**fields: bytes) -> Serving:
    """The connection with raw JSON for some more of its fields, which may stand there twice then."""
    extra = b"".join(b',"%s":%s' % (name.encode(), value) for name, value in fields.items())
    return lambda due: answer(due.removesuffix(b"}}") + extra + b"}}")


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_TWO_LENGTHS = JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
_MANY_HEADERS = "".join(f"X-{number}: 1\r\n" for number in range(500)).encode()
_EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_BOM = b"\xef\xbb\xbf"


def _in_segments(body: bytes) -> Scenario:
    whole = response(body)
    size = max(9, len(whole) // 20)
    return raw(*(whole[at : at + size] for at in range(0, len(whole), size)))


def _encoded(field: str, *codings: Callable[[bytes], bytes]) -> Serving:
    def serve(due: bytes) -> Scenario:
        for encode in codings:
            due = encode(due)
        return answer(due, Content_Encoding=field)

    return serve


GOOD_REPLIES: dict[str, Row] = {
    "length": fine(answer),
    "chunks": fine(lambda due: raw(CHUNKED + chunked(due[:9], due[9:]))),
    "no length, closed": fine(lambda due: raw(JSON_HEAD + b"\r\n" + due, then=Exchange.close)),
    "HTTP/1.0": fine(lambda due: raw(JSON_HEAD.replace(b"1.1", b"1.0") + b"\r\n" + due, then=Exchange.close)),
    "in small segments": fine(_in_segments),
    "gzip": fine(lambda due: answer(gzipped(due), Content_Encoding="gzip")),
    "GZIP": fine(lambda due: answer(gzipped(due), Content_Encoding="GZIP")),
    "gzip in chunks": fine(
        lambda due: raw(
            JSON_HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunked(gzipped(due)[:7], gzipped(due)[7:]),
        )
    ),
    **{
        f"Content-Encoding: {field}": fine(_encoded(field, *codings))
        for field, *codings in (
            ("x-gzip", gzipped),
            ("X-GZip", gzipped),
            ("gzip, identity", gzipped),
            ("identity,gzip", gzipped),
            (" ,gzip,, ", gzipped),
            ("gzip, gzip", gzipped, gzipped),
            ("deflate", zlib.compress),
            ("Deflate, gzip", zlib.compress, gzipped),
            ("", bytes),
            ("utf-8", bytes),
        )
    },
    "Content-Encoding on two lines": fine(
        lambda due: answer(gzipped(zlib.compress(due)), Content_Encoding="deflate\r\nContent-Encoding: gzip")
    ),
    "deflate without zlib": fine(lambda due: answer(zlib.compress(due, wbits=-15), Content_Encoding="deflate")),
    "gzip in two members": fine(lambda due: answer(gzipped(due[:9]) + gzipped(due[9:]), Content_Encoding="gzip")),
    "gzip in a member for each byte": fine(
        lambda due: answer(b"".join(gzipped(bytes([each])) for each in due), Content_Encoding="gzip")
    ),
    "gzip with members of nothing": fine(
        lambda due: answer(gzipped(b"") + gzipped(due) + gzipped(b""), Content_Encoding="gzip")
    ),
    "gzip and padding": fine(lambda due: answer(gzipped(due) + bytes(512), Content_Encoding="gzip")),
    "gzip and stray output": fine(lambda due: answer(gzipped(due) + b"\r\n<!-- -->", Content_Encoding="gzip")),
    "gzip with a name inside": fine(
        lambda due: answer(
            gzipped(due)[:3] + b"\x08" + gzipped(due)[4:10] + b"n\0" + gzipped(due)[10:], Content_Encoding="gzip"
        )
    ),
    "identity by name": fine(lambda due: answer(due, Content_Encoding="identity")),
    "early hints": fine(lambda due: raw(_EARLY_HINTS + response(due))),
    "fifty times 100": fine(lambda due: raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + response(due))),
}
"""However it is framed: the body that was due."""


BROKEN_ANSWERS: dict[str, Row] = {
    "Content-Length cut": lost(lambda due: raw(response(due, length=len(due) + 10), then=Exchange.close)),
    "Content-Length and nothing of it": lost(always(raw(response(b"", length=10), then=Exchange.close))),
    "reset in the body": lost(lambda due: raw(response(due, length=len(due) + 9), b"x", then=Exchange.reset)),
    "chunk cut": lost(lambda due: raw(CHUNKED + b"%x\r\n" % (len(due) + 10) + due, then=Exchange.close)),
    "last chunk missing": lost(lambda due: raw(CHUNKED + chunked(due, end=False), then=Exchange.close)),
    "chunk size garbled": lost(lambda due: raw(CHUNKED + b"zz\r\n" + due + b"\r\n0\r\n\r\n", then=Exchange.close)),
    "gzip cut by 8": garbled(lambda due: answer(gzipped(due)[:-8], Content_Encoding="gzip")),  # otherwise: transient
    "gzip cut by 20": garbled(lambda due: answer(gzipped(due)[:-20], Content_Encoding="gzip")),  # otherwise: transient
    "gzip of nothing": garbled(always(answer(b"", Content_Encoding="gzip"))),  # otherwise: transient
    "gzip with a wrong checksum": garbled(  # otherwise: transient
        lambda due: answer(gzipped(due)[:-8] + b"\0" * 8, Content_Encoding="gzip")
    ),
    "gzip with a corrupt middle": garbled(  # otherwise: transient
        lambda due: answer(gzipped(due)[:12] + b"\xff" * 8 + gzipped(due)[20:], Content_Encoding="gzip")
    ),
    "gzip that is none": garbled(lambda due: answer(due, Content_Encoding="gzip")),  # otherwise: transient
    "br": garbled(lambda due: answer(due, Content_Encoding="br")),
    "an encoding nobody knows": garbled(lambda due: answer(due, Content_Encoding="klingon")),
    "a second member cut": garbled(lambda due: answer(gzipped(due) + gzipped(due)[:-9], Content_Encoding="gzip")),
    "deflate cut": garbled(lambda due: answer(zlib.compress(due)[:-5], Content_Encoding="deflate")),
    "four codings": garbled(lambda due: answer(due, Content_Encoding="gzip, gzip, gzip, gzip")),
    "the outer of two codings cut": garbled(
        lambda due: answer(gzipped(gzipped(due))[:-8], Content_Encoding="gzip, gzip")
    ),
    "too long by its length": huge(always(answer(b" " * (MAX_WIRE_BYTES + 1)))),
    "a length that is never sent": lost(lambda due: raw(response(b"", length=10**15), due, then=Exchange.close)),
    "endless chunks": huge(always(forever(CHUNKED, chunked(b" " * 65536, end=False)))),
    "endless, until closed": huge(always(forever(JSON_HEAD + b"\r\n", b" " * 65536))),
    "gzip bomb in members": huge(
        lambda _: answer(gzip_of_zeros(MAX_BODY_BYTES // 8) * 9, Content_Encoding="gzip"),
    ),
    "gzip bomb in gzip": huge(lambda _: answer(gzipped(gzip_of_zeros(300 << 20)), Content_Encoding="gzip, gzip")),
    "deflate bomb": huge(lambda _: answer(zlib.compress(bytes(MAX_BODY_BYTES + 1)), Content_Encoding="deflate")),
    "gzip bomb": huge(lambda _: answer(gzip_of_zeros(300 << 20), Content_Encoding="gzip")),
    "unpacks to one byte too many": huge(lambda _: answer(gzip_of_zeros(MAX_BODY_BYTES + 1), Content_Encoding="gzip")),
    "random bytes": lost(always(raw(b"\xff\xfe\x00garbage\r\n\r\n", then=Exchange.close))),
    "SSH banner": lost(always(raw(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", then=Exchange.close))),
    "TLS alert": lost(always(raw(b"\x15\x03\x01\x00\x02\x02\x46", then=Exchange.close))),
    "status of two digits": lost(always(raw(b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}", then=Exchange.close))),
    "two Content-Lengths": lost(always(raw(_TWO_LENGTHS, then=Exchange.close))),
    "Content-Length and chunks": lost(
        lambda due: raw(CHUNKED.replace(b"Tr", b"Content-Length: 2\r\nTr") + chunked(due), then=Exchange.close)
    ),
    "20 kB header": lost(lambda due: answer(due, X_Long="x" * 20_000)),
    "500 headers": lost(lambda due: raw(JSON_HEAD + _MANY_HEADERS + b"Content-Length: %d\r\n\r\n" % len(due) + due)),
    "NUL in a header": lost(always(raw(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}"))),
    # otherwise: bad_payload after the retries; the good body before the extra bytes is lost with them
    "extra bytes after the body": lost(lambda due: raw(response(due) + b"HTTP/9 extra", then=Exchange.close)),
    "closed inside of the head": lost(always(raw(b"HTTP/1.1 200 OK\r\nContent-", then=Exchange.close)), answered=False),
    "closed": lost(always(close), answered=False),
    "reset": lost(always(reset), answered=False),
}
"""One attempt that failed, in its class."""


async def _early_hints_forever(exchange: Exchange) -> None:
    while True:
        await exchange.write(_EARLY_HINTS)
        await asyncio.sleep(0.02)


async def _half_an_answer(exchange: Exchange) -> None:
    await exchange.write(response(b"{", length=999))
    await hang(exchange)


ENDLESS_ANSWERS: dict[str, Row] = {
    "hang": late(always(hang), answered=False),
    "hang in the body": late(always(_half_an_answer)),
    "head by drops": late(always(forever(JSON_HEAD + b"X: ", b"x", every=0.02)), answered=False),
    "endless 1xx": late(always(_early_hints_forever), answered=False),
    "length by drops": late(always(forever(response(b"", length=999), b" ", every=0.02))),
    "chunks by drops": late(always(forever(CHUNKED, chunked(b" ", end=False), every=0.02))),
}
"""Only a time-out ends these."""


def _utf16(due: bytes) -> Scenario:
    return answer(due.decode().encode("utf-16"))


def _cut(due: bytes) -> Scenario:
    return raw(JSON_HEAD.replace(b"1.1", b"1.0") + b"\r\n" + due[:20], then=Exchange.close)


def _whole_before_its_end(due: bytes) -> Scenario:
    return raw(JSON_HEAD + b"\r\n" + due + b"\n\n", then=Exchange.close)


_SOMEBODY_ELSE = json.dumps({"data": {"id": ids(1, 999)[0]}}).encode()

ODD_REPLIES: dict[str, Row] = {
    "html": useless(always(answer(b"<html>Please sign in</html>", media_type="text/html"))),
    "html that says json": useless(saying(b"<html>")),
    "json that says html": useless(lambda due: answer(due, media_type="text/html")),
    "no type": fine(lambda due: answer(due, media_type="")),
    "text/plain": fine(lambda due: answer(due, media_type="text/plain; charset=utf-8")),
    "octet-stream": fine(lambda due: answer(due, media_type="application/octet-stream")),
    "no type, no json": useless(always(answer(b"<html>Please sign in</html>", media_type=""))),
    "+json": fine(lambda due: answer(due, media_type="application/vnd.api+json")),
    "empty": useless(saying(b"")),
    "204": useless(always(answer(b"", "204 No Content")), 204),
    "206": useless(lambda due: answer(due, "206 Partial Content"), 206),
    # otherwise: transient; without a length nothing tells it from a body that is garbled
    "cut, without a length": useless(_cut),
    "whole, and closed later": fine(_whole_before_its_end),
    "byte order mark": fine(lambda due: answer(_BOM + due)),
    "utf-16": useless(_utf16),
    "bad utf-8": useless(lambda due: answer(due.replace(b"Warehouse", b"Ware\xff\xfehouse").replace(b'":', b'\xc3":'))),
    "bogus charset": fine(lambda due: answer(due, media_type="application/json; charset=klingon")),
    "another charset": fine(lambda due: answer(due, media_type="application/json; charset=utf-16")),
    "NaN": useless(with_fields(saved=b"NaN")),
    "Infinity": useless(with_fields(saved=b"-Infinity")),
    "1e999": fine(with_fields(saved=b"1e999")),
    "duplicate keys": fine(with_fields(type=b'{"id":"first"}')),  # otherwise: --strict-json, which does not exist yet
    "200,000 deep": useless(with_fields(deep=b"[" * 200_000 + b"]" * 200_000)),
    "200,000 deep, cut": useless(saying(b'{"data":' + b"[" * 200_000)),
    "101 deep": useless(with_fields(deep=b"[" * 100 + b"]" * 100)),
    "5,000 digits": fine(with_fields(number=b"7" * 5000)),  # kept as text; Python converts 4,300 digits
    "more than 64 bits": fine(with_fields(number=b"123456789012345678901234567890")),
    "lone surrogate": fine(with_fields(text=b'"\\ud800"')),
    "raw surrogate": fine(with_fields(text=b'"\xed\xa0\x80"')),
    "text cut within a character": fine(with_fields(text=b'"cut \xf0\x9f"')),
    "another connection": useless(saying(_SOMEBODY_ELSE)),
    "no data": useless(saying(b"{}")),
    "a list": useless(saying(b"[]")),
    "null": useless(saying(b'{"data":null}')),
}
"""Replies to a transport, whatever they are worth; the name of what is wrong, or odd, with them."""


def _status(status: int, outcome: OutcomeKind, attempts: int) -> Row:
    return Row(always(answer(b"{}", f"{status} Whatever")), status, outcome, attempts, status)


STATUSES: dict[str, Row] = {
    **{str(status): _status(status, OutcomeKind.REJECTED, 1) for status in (400, 405, 406, 413, 418, 422, 451)},
    **{str(status): _status(status, OutcomeKind.EXHAUSTED, 5) for status in (408, 409, 425)},
    **{str(status): _status(status, OutcomeKind.EXHAUSTED, 5) for status in (500, 502, 503, 504, 599, 999)},
    **{str(status): _status(status, OutcomeKind.REJECTED, 1) for status in (501, 505)},
    **{str(status): _status(status, OutcomeKind.NOT_FOUND, 1) for status in (404, 410)},
    "403": _status(403, OutcomeKind.FORBIDDEN, 1),
}
"""Statuses that are the id's own affair; 401 and 429 are everybody's, and have tests of their own."""


class Redirect(NamedTuple):
    """`location` of the server's own address and another's; None: there is no such header."""

    location: Callable[[str, str], str | None]
    status: int = 302


REDIRECTS: dict[str, Redirect] = {
    "another port": Redirect(lambda _, other: f"{other}/api/connections"),
    "another host": Redirect(lambda _, other: other.replace("127.0.0.1", "localhost"), 301),
    "the same path, elsewhere": Redirect(lambda _, other: f"{other}/api/connections/{ids(1)[0]}", 308),
    "no scheme": Redirect(lambda _, other: other.removeprefix("http:"), 307),
    "http": Redirect(lambda *_: "http://polytomic.example/", 303),
    "file": Redirect(lambda *_: "file:///etc/passwd"),
    "a loop": Redirect(lambda own, _: f"{own}/api/connections/{ids(1)[0]}"),
    "a path": Redirect(lambda *_: "/api/elsewhere"),
    "nonsense": Redirect(lambda *_: "http://["),
    "empty": Redirect(lambda *_: ""),
    "nowhere": Redirect(lambda *_: None),
    "choices": Redirect(lambda _, other: other, 300),
}


def redirecting(redirect: Redirect, own: str, other: str) -> Scenario:
    """The answer of one of `REDIRECTS`."""
    location = redirect.location(own, other)
    headers = {} if location is None else {"Location": location}
    return answer(b"", f"{redirect.status} Elsewhere", **headers)


# What goes wrong before there is an answer, with more than one server's help.


@dataclass(frozen=True)
class Place:
    """Where a client is sent, and who else takes part."""

    url: str
    ca_file: str | None = None
    proxy: str | None = None
    servers: list[Server] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Requests that any of them saw."""
        return sum(server.requests for server in self.servers)


Placing: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Place]]
"""A folder for certificates → the place."""


class Road(NamedTuple):
    """What an attempt that goes to a place is, how many requests it counts, and what its message names.

    With `Transient` the id is exhausted; with `ConfigError` the run ends with 2 after one attempt.
    """

    place: Placing
    failure: type[AttemptFailed | CollectorError] = Transient
    sent: int = 0
    names: tuple[str, ...] = ()
    times_out: bool = False


@asynccontextmanager
async def _refused(_: Path) -> AsyncIterator[Place]:
    yield Place(f"http://127.0.0.1:{free_port()}")


@asynccontextmanager
async def _no_such_name(_: Path) -> AsyncIterator[Place]:
    yield Place("https://no-such-host.invalid")


@asynccontextmanager
async def _https_to_http(_: Path) -> AsyncIterator[Place]:
    async with serving(answer(b"{}")) as server:
        yield Place(server.url.replace("http:", "https:"), servers=[server])


@asynccontextmanager
async def _plain_answer_to_tls(_: Path) -> AsyncIterator[Place]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", "400 Bad Request"))
        await reader.read(64)
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with listener:
        yield Place(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")


@asynccontextmanager
async def _http_to_https(_: Path) -> AsyncIterator[Place]:
    certificate = new_authority().issue_cert("127.0.0.1")
    async with serving(answer(b"{}"), tls=context_of(certificate)) as server:
        yield Place(server.url.replace("https:", "http:"), servers=[server])


@asynccontextmanager
async def _dead_proxy(_: Path) -> AsyncIterator[Place]:
    async with serving(answer(b"{}")) as server:
        yield Place(server.url, proxy=f"http://127.0.0.1:{free_port()}", servers=[server])


def _proxy_that_says(status: str) -> Placing:
    @asynccontextmanager
    async def place(_: Path) -> AsyncIterator[Place]:
        async with serving(raw(response(b"", status), then=Exchange.close)) as proxy:
            yield Place("https://api.example", proxy=proxy.url, servers=[proxy])

    return place


def _certified_by(make: Callable[[trustme.CA], trustme.LeafCert], *, is_known: bool = True) -> Placing:
    @asynccontextmanager
    async def place(folder: Path) -> AsyncIterator[Place]:
        authority, bundle = new_authority(), folder / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        async with serving(answer(b"{}"), tls=context_of(make(authority))) as server:
            yield Place(server.url, ca_file=str(bundle) if is_known else None, servers=[server])

    return place


def new_authority() -> trustme.CA:
    """An authority nobody has heard of."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """What a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _expired(authority: trustme.CA) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))


def _not_yet_valid(authority: trustme.CA) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority.issue_cert("127.0.0.1", not_before=now + timedelta(days=1), not_after=now + timedelta(days=9))


@asynccontextmanager
async def _tls_of_yesterday(folder: Path) -> AsyncIterator[Place]:
    authority, bundle = new_authority(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = context_of(_right(authority))
    context.set_ciphers("ALL:@SECLEVEL=0")  # or this end would refuse it already
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = Server("")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As OpenSSL's own servers do: asyncio's would hang up without the alert that says why."""
        server.opened += 1
        received, due = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = context.wrap_bio(received, due, server_side=True)
        received.write(await reader.read(65536))
        with suppress(ssl.SSLError):
            handshake.do_handshake()
        writer.write(due.read())
        server.heads += filter(None, [await reader.read(65536)])

    async with listening(refuse) as port:
        server.url = f"https://127.0.0.1:{port}"
        yield Place(server.url, ca_file=str(bundle), servers=[server])


@asynccontextmanager
async def _self_signed(folder: Path) -> AsyncIterator[Place]:
    """The certificate of an authority, used as a server's own."""
    authority, pem = new_authority(), folder / "self.pem"
    pem.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async with serving(answer(b"{}"), tls=context) as server:
        yield Place(server.url, servers=[server])


def _right(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1")


def _uncertified(place: Placing, *names: str) -> Road:
    """The run ends, and it is told whose certificate it is, what is wrong with it and what to do."""
    return Road(place, ConfigError, names=("the certificate of 127.0.0.1", *names))


ROADS: dict[str, Road] = {
    "refused": Road(_refused),
    "a name that does not resolve": Road(_no_such_name),
    # A plain server waits for the end of what it takes for a request, so only a time-out ends the handshake;
    # an attempt that is ended then is counted as perhaps sent.
    "https to a plain port": Road(_https_to_http, TimedOut, sent=1, times_out=True),
    "a plain answer to a TLS handshake": Road(_plain_answer_to_tls),
    "http to a TLS port": Road(_http_to_https, sent=1),
    "a dead proxy": Road(_dead_proxy),
    "a proxy without a way": Road(_proxy_that_says("502 Bad Gateway")),
    "a proxy that is busy": Road(_proxy_that_says("503 Service Unavailable")),
    "a proxy that makes no tunnel": Road(_proxy_that_says("200 OK")),
    "a proxy that wants credentials": Road(
        _proxy_that_says("407 Proxy Authentication Required"), ConfigError, names=("proxy",)
    ),
    "an expired certificate": _uncertified(_certified_by(_expired), "expired", "clock"),
    "a certificate of tomorrow": _uncertified(_certified_by(_not_yet_valid), "not yet valid", "clock"),
    "a certificate of another host": _uncertified(
        _certified_by(lambda authority: authority.issue_cert("other.example")), "mismatch", "--base-url"
    ),
    "a certificate of another authority": _uncertified(
        _certified_by(lambda _: _right(new_authority())), "unable to get local issuer", "ca_file"
    ),
    "an authority of one's own, not named": _uncertified(
        _certified_by(_right, is_known=False), "unable to get local issuer", "ca_file"
    ),
    "a certificate signed by itself": _uncertified(_self_signed, "self-signed", "ca_file"),
    "no TLS newer than 1.1": Road(_tls_of_yesterday, ConfigError, names=("127.0.0.1", "TLS 1.2")),
}
