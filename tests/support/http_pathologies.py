"""The valid, unusual and broken replies that a client must cope with, as data.

A row states how a server replies to a request, the result of one attempt by a transport (`transport_contract`), and the
outcome of the id in a complete run (`test_pathologies`). The rows do not depend on either test.

A comment `otherwise:` names another behaviour that was considered.
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
"""Maps the body that the server should send to the scenario that it plays."""


class Row(NamedTuple):
    """A scenario, the result of one attempt, and the outcome of the id after `attempts` attempts.

    `attempt` is the class of the failure, or the status of the reply. `answered`: does a complete head arrive?
    """

    serve: Serving
    attempt: type[AttemptFailed] | int
    outcome: OutcomeKind
    attempts: int
    http_status: int | None = None
    answered: bool = True


def lost(serve: Serving, *, answered: bool = True) -> Row:
    """An incomplete reply; a retry may succeed."""
    return Row(serve, Transient, OutcomeKind.EXHAUSTED, 5, answered=answered)


def timing_out(serve: Serving, *, answered: bool = True) -> Row:
    """As `lost`, but the attempt ends by a timeout."""
    return lost(serve, answered=answered)._replace(attempt=TimedOut)


def undecodable(serve: Serving) -> Row:
    """A reply that cannot be decompressed."""
    return Row(serve, BadPayload, OutcomeKind.BAD_PAYLOAD, 3, 200)


def too_large(serve: Serving) -> Row:
    """A reply above a size cap; a retry cannot help."""
    return Row(serve, TooLarge, OutcomeKind.TOO_LARGE, 1, 200)


def unusable(serve: Serving, status: int = 200) -> Row:
    """A reply that contains no connection."""
    return Row(serve, status, OutcomeKind.BAD_PAYLOAD, 3, status)


def good(serve: Serving) -> Row:
    """A reply with the connection."""
    return Row(serve, 200, OutcomeKind.OK, 1, 200)


def always(scenario: Scenario) -> Serving:
    """The same scenario for every body."""
    return lambda _: scenario


def replying(body: bytes) -> Serving:
    """A valid reply with this body."""
    return always(answer(body))


def with_fields(**fields: bytes) -> Serving:
    """The connection with further fields of raw JSON, which may duplicate existing keys."""
    extra = b"".join(b',"%s":%s' % (name.encode(), value) for name, value in fields.items())
    return lambda due: answer(due.removesuffix(b"}}") + extra + b"}}")


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_TWO_LENGTHS = JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
_MANY_HEADERS = "".join(f"X-{number}: 1\r\n" for number in range(500)).encode()
_EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_BOM = b"\xef\xbb\xbf"


def _in_segments(body: bytes) -> Scenario:
    reply = response(body)
    size = max(9, len(reply) // 20)
    return raw(*(reply[at : at + size] for at in range(0, len(reply), size)))


def _encoded(field: str, *codings: Callable[[bytes], bytes]) -> Serving:
    def serve(due: bytes) -> Scenario:
        for encode in codings:
            due = encode(due)
        return answer(due, Content_Encoding=field)

    return serve


GOOD_REPLIES: dict[str, Row] = {
    "length": good(answer),
    "chunks": good(lambda due: raw(CHUNKED + chunked(due[:9], due[9:]))),
    "no length, closed": good(lambda due: raw(JSON_HEAD + b"\r\n" + due, then=Exchange.close)),
    "HTTP/1.0": good(lambda due: raw(JSON_HEAD.replace(b"1.1", b"1.0") + b"\r\n" + due, then=Exchange.close)),
    "in small segments": good(_in_segments),
    "gzip": good(lambda due: answer(gzipped(due), Content_Encoding="gzip")),
    "GZIP": good(lambda due: answer(gzipped(due), Content_Encoding="GZIP")),
    "gzip in chunks": good(
        lambda due: raw(
            JSON_HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunked(gzipped(due)[:7], gzipped(due)[7:]),
        )
    ),
    **{
        f"Content-Encoding: {field}": good(_encoded(field, *codings))
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
    "Content-Encoding on two lines": good(
        lambda due: answer(gzipped(zlib.compress(due)), Content_Encoding="deflate\r\nContent-Encoding: gzip")
    ),
    "deflate without zlib": good(lambda due: answer(zlib.compress(due, wbits=-15), Content_Encoding="deflate")),
    "gzip in two members": good(lambda due: answer(gzipped(due[:9]) + gzipped(due[9:]), Content_Encoding="gzip")),
    "gzip in a member for each byte": good(
        lambda due: answer(b"".join(gzipped(bytes([each])) for each in due), Content_Encoding="gzip")
    ),
    "gzip with empty members": good(
        lambda due: answer(gzipped(b"") + gzipped(due) + gzipped(b""), Content_Encoding="gzip")
    ),
    "gzip and padding": good(lambda due: answer(gzipped(due) + bytes(512), Content_Encoding="gzip")),
    "gzip and stray output": good(lambda due: answer(gzipped(due) + b"\r\n<!-- -->", Content_Encoding="gzip")),
    "gzip with a name inside": good(
        lambda due: answer(
            gzipped(due)[:3] + b"\x08" + gzipped(due)[4:10] + b"n\0" + gzipped(due)[10:], Content_Encoding="gzip"
        )
    ),
    "identity by name": good(lambda due: answer(due, Content_Encoding="identity")),
    "early hints": good(lambda due: raw(_EARLY_HINTS + response(due))),
    "fifty times 100": good(lambda due: raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + response(due))),
}
"""Replies with the expected body, in every valid framing."""


BROKEN_ANSWERS: dict[str, Row] = {
    "Content-Length truncated": lost(lambda due: raw(response(due, length=len(due) + 10), then=Exchange.close)),
    "Content-Length without body": lost(always(raw(response(b"", length=10), then=Exchange.close))),
    "reset in the body": lost(lambda due: raw(response(due, length=len(due) + 9), b"x", then=Exchange.reset)),
    "chunk truncated": lost(lambda due: raw(CHUNKED + b"%x\r\n" % (len(due) + 10) + due, then=Exchange.close)),
    "last chunk missing": lost(lambda due: raw(CHUNKED + chunked(due, end=False), then=Exchange.close)),
    "invalid chunk size": lost(lambda due: raw(CHUNKED + b"zz\r\n" + due + b"\r\n0\r\n\r\n", then=Exchange.close)),
    "gzip truncated by 8": undecodable(
        lambda due: answer(gzipped(due)[:-8], Content_Encoding="gzip")
    ),  # otherwise: transient
    "gzip truncated by 20": undecodable(
        lambda due: answer(gzipped(due)[:-20], Content_Encoding="gzip")
    ),  # otherwise: transient
    "empty gzip": undecodable(always(answer(b"", Content_Encoding="gzip"))),  # otherwise: transient
    "gzip with a wrong checksum": undecodable(  # otherwise: transient
        lambda due: answer(gzipped(due)[:-8] + b"\0" * 8, Content_Encoding="gzip")
    ),
    "gzip with a corrupt middle": undecodable(  # otherwise: transient
        lambda due: answer(gzipped(due)[:12] + b"\xff" * 8 + gzipped(due)[20:], Content_Encoding="gzip")
    ),
    "not gzip": undecodable(lambda due: answer(due, Content_Encoding="gzip")),  # otherwise: transient
    "br": undecodable(lambda due: answer(due, Content_Encoding="br")),
    "an unknown encoding": undecodable(lambda due: answer(due, Content_Encoding="klingon")),
    "a second member truncated": undecodable(
        lambda due: answer(gzipped(due) + gzipped(due)[:-9], Content_Encoding="gzip")
    ),
    "deflate truncated": undecodable(lambda due: answer(zlib.compress(due)[:-5], Content_Encoding="deflate")),
    "four codings": undecodable(lambda due: answer(due, Content_Encoding="gzip, gzip, gzip, gzip")),
    "the outer of two codings truncated": undecodable(
        lambda due: answer(gzipped(gzipped(due))[:-8], Content_Encoding="gzip, gzip")
    ),
    "too long by its length": too_large(always(answer(b" " * (MAX_WIRE_BYTES + 1)))),
    "a length that is never sent": lost(lambda due: raw(response(b"", length=10**15), due, then=Exchange.close)),
    "endless chunks": too_large(always(forever(CHUNKED, chunked(b" " * 65536, end=False)))),
    "endless, until closed": too_large(always(forever(JSON_HEAD + b"\r\n", b" " * 65536))),
    "gzip bomb in members": too_large(
        lambda _: answer(gzip_of_zeros(MAX_BODY_BYTES // 8) * 9, Content_Encoding="gzip"),
    ),
    "gzip bomb in gzip": too_large(lambda _: answer(gzipped(gzip_of_zeros(300 << 20)), Content_Encoding="gzip, gzip")),
    "deflate bomb": too_large(lambda _: answer(zlib.compress(bytes(MAX_BODY_BYTES + 1)), Content_Encoding="deflate")),
    "gzip bomb": too_large(lambda _: answer(gzip_of_zeros(300 << 20), Content_Encoding="gzip")),
    "unpacks to one byte too many": too_large(
        lambda _: answer(gzip_of_zeros(MAX_BODY_BYTES + 1), Content_Encoding="gzip")
    ),
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
    # otherwise: bad_payload after the retries; the valid body before the extra bytes is discarded
    "extra bytes after the body": lost(lambda due: raw(response(due) + b"HTTP/9 extra", then=Exchange.close)),
    "closed within the head": lost(always(raw(b"HTTP/1.1 200 OK\r\nContent-", then=Exchange.close)), answered=False),
    "closed": lost(always(close), answered=False),
    "reset": lost(always(reset), answered=False),
}
"""Failed attempts, by class."""


async def _early_hints_forever(exchange: Exchange) -> None:
    while True:
        await exchange.write(_EARLY_HINTS)
        await asyncio.sleep(0.02)


async def _partial_reply(exchange: Exchange) -> None:
    await exchange.write(response(b"{", length=999))
    await hang(exchange)


ENDLESS_ANSWERS: dict[str, Row] = {
    "hang": timing_out(always(hang), answered=False),
    "hang in the body": timing_out(always(_partial_reply)),
    "head byte by byte": timing_out(always(forever(JSON_HEAD + b"X: ", b"x", every=0.02)), answered=False),
    "endless 1xx": timing_out(always(_early_hints_forever), answered=False),
    "body byte by byte": timing_out(always(forever(response(b"", length=999), b" ", every=0.02))),
    "chunk by chunk": timing_out(always(forever(CHUNKED, chunked(b" ", end=False), every=0.02))),
}
"""Replies that only a timeout ends."""


def _utf16(due: bytes) -> Scenario:
    return answer(due.decode().encode("utf-16"))


def _truncated(due: bytes) -> Scenario:
    return raw(JSON_HEAD.replace(b"1.1", b"1.0") + b"\r\n" + due[:20], then=Exchange.close)


def _complete_then_closed_later(due: bytes) -> Scenario:
    return raw(JSON_HEAD + b"\r\n" + due + b"\n\n", then=Exchange.close)


_ANOTHER_CONNECTION = json.dumps({"data": {"id": ids(1, 999)[0]}}).encode()

ODD_REPLIES: dict[str, Row] = {
    "html": unusable(always(answer(b"<html>Please sign in</html>", media_type="text/html"))),
    "html labelled json": unusable(replying(b"<html>")),
    "json labelled html": unusable(lambda due: answer(due, media_type="text/html")),
    "no type": good(lambda due: answer(due, media_type="")),
    "text/plain": good(lambda due: answer(due, media_type="text/plain; charset=utf-8")),
    "octet-stream": good(lambda due: answer(due, media_type="application/octet-stream")),
    "no type, no json": unusable(always(answer(b"<html>Please sign in</html>", media_type=""))),
    "+json": good(lambda due: answer(due, media_type="application/vnd.api+json")),
    "empty": unusable(replying(b"")),
    "204": unusable(always(answer(b"", "204 No Content")), 204),
    "206": unusable(lambda due: answer(due, "206 Partial Content"), 206),
    # otherwise: transient; without a length it is indistinguishable from invalid JSON
    "truncated, without a length": unusable(_truncated),
    "complete, and closed later": good(_complete_then_closed_later),
    "byte order mark": good(lambda due: answer(_BOM + due)),
    "utf-16": unusable(_utf16),
    "bad utf-8": unusable(
        lambda due: answer(due.replace(b"Warehouse", b"Ware\xff\xfehouse").replace(b'":', b'\xc3":'))
    ),
    "bogus charset": good(lambda due: answer(due, media_type="application/json; charset=klingon")),
    "another charset": good(lambda due: answer(due, media_type="application/json; charset=utf-16")),
    "NaN": unusable(with_fields(saved=b"NaN")),
    "Infinity": unusable(with_fields(saved=b"-Infinity")),
    "1e999": good(with_fields(saved=b"1e999")),
    "duplicate keys": good(with_fields(type=b'{"id":"first"}')),  # otherwise: --strict-json, which does not exist yet
    "200,000 deep": unusable(with_fields(deep=b"[" * 200_000 + b"]" * 200_000)),
    "200,000 deep, truncated": unusable(replying(b'{"data":' + b"[" * 200_000)),
    "101 deep": unusable(with_fields(deep=b"[" * 100 + b"]" * 100)),
    "5,000 digits": good(with_fields(number=b"7" * 5000)),  # kept as text; Python converts at most 4,300 digits
    "more than 64 bits": good(with_fields(number=b"123456789012345678901234567890")),
    "lone surrogate": good(with_fields(text=b'"\\ud800"')),
    "raw surrogate": good(with_fields(text=b'"\xed\xa0\x80"')),
    "text truncated within a character": good(with_fields(text=b'"cut \xf0\x9f"')),
    "another connection": unusable(replying(_ANOTHER_CONNECTION)),
    "no data": unusable(replying(b"{}")),
    "a list": unusable(replying(b"[]")),
    "null": unusable(replying(b'{"data":null}')),
}
"""Complete replies, named after their defect or peculiarity."""


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
"""Statuses that concern a single id; 401 and 429 concern the run and have separate tests."""


class Redirect(NamedTuple):
    """`location` maps the URLs of this server and of another one to the header's value; None omits the header."""

    location: Callable[[str, str], str | None]
    status: int = 302


REDIRECTS: dict[str, Redirect] = {
    "another port": Redirect(lambda _, other_url: f"{other_url}/api/connections"),
    "another host": Redirect(lambda _, other_url: other_url.replace("127.0.0.1", "localhost"), 301),
    "the same path, elsewhere": Redirect(lambda _, other_url: f"{other_url}/api/connections/{ids(1)[0]}", 308),
    "no scheme": Redirect(lambda _, other_url: other_url.removeprefix("http:"), 307),
    "http": Redirect(lambda *_: "http://polytomic.example/", 303),
    "file": Redirect(lambda *_: "file:///etc/passwd"),
    "a loop": Redirect(lambda own_url, _: f"{own_url}/api/connections/{ids(1)[0]}"),
    "a path": Redirect(lambda *_: "/api/elsewhere"),
    "nonsense": Redirect(lambda *_: "http://["),
    "empty": Redirect(lambda *_: ""),
    "nowhere": Redirect(lambda *_: None),
    "choices": Redirect(lambda _, other_url: other_url, 300),
}


def redirecting(redirect: Redirect, own_url: str, other_url: str) -> Scenario:
    """The reply for one of `REDIRECTS`."""
    location = redirect.location(own_url, other_url)
    headers = {} if location is None else {"Location": location}
    return answer(b"", f"{redirect.status} Elsewhere", **headers)


# Failures before a reply, some with more than one server.


@dataclass(frozen=True)
class Target:
    """The settings of a client, and the servers that take part."""

    url: str
    ca_file: str | None = None
    proxy: str | None = None
    servers: list[Server] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """The number of requests that the servers received."""
        return sum(server.requests for server in self.servers)


OpenTarget: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Target]]
"""Maps a folder for certificates to a target."""


class NetworkPath(NamedTuple):
    """A failing path to a server: the failure of an attempt, the number of counted requests, and words of the message.

    With `Transient` the id is exhausted. With `ConfigError` the run ends with 2 after one attempt.
    """

    open_target: OpenTarget
    failure: type[AttemptFailed | CollectorError] = Transient
    sent: int = 0
    names: tuple[str, ...] = ()
    times_out: bool = False


@asynccontextmanager
async def _refused(_: Path) -> AsyncIterator[Target]:
    yield Target(f"http://127.0.0.1:{free_port()}")


@asynccontextmanager
async def _no_such_name(_: Path) -> AsyncIterator[Target]:
    yield Target("https://no-such-host.invalid")


@asynccontextmanager
async def _https_to_http(_: Path) -> AsyncIterator[Target]:
    async with serving(answer(b"{}")) as server:
        yield Target(server.url.replace("http:", "https:"), servers=[server])


@asynccontextmanager
async def _plaintext_reply_to_tls(_: Path) -> AsyncIterator[Target]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", "400 Bad Request"))
        await reader.read(64)
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with listener:
        yield Target(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")


@asynccontextmanager
async def _http_to_https(_: Path) -> AsyncIterator[Target]:
    certificate = new_authority().issue_cert("127.0.0.1")
    async with serving(answer(b"{}"), tls=context_of(certificate)) as server:
        yield Target(server.url.replace("https:", "http:"), servers=[server])


@asynccontextmanager
async def _dead_proxy(_: Path) -> AsyncIterator[Target]:
    async with serving(answer(b"{}")) as server:
        yield Target(server.url, proxy=f"http://127.0.0.1:{free_port()}", servers=[server])


def _proxy_replying(status: str) -> OpenTarget:
    @asynccontextmanager
    async def open_target(_: Path) -> AsyncIterator[Target]:
        async with serving(raw(response(b"", status), then=Exchange.close)) as proxy:
            yield Target("https://api.example", proxy=proxy.url, servers=[proxy])

    return open_target


def _with_certificate(make: Callable[[trustme.CA], trustme.LeafCert], *, is_known: bool = True) -> OpenTarget:
    @asynccontextmanager
    async def open_target(folder: Path) -> AsyncIterator[Target]:
        authority, bundle = new_authority(), folder / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        async with serving(answer(b"{}"), tls=context_of(make(authority))) as server:
            yield Target(server.url, ca_file=str(bundle) if is_known else None, servers=[server])

    return open_target


def new_authority() -> trustme.CA:
    """A new, unknown certificate authority."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """An SSL context for a server with this certificate."""
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
async def _only_tls_1_1(folder: Path) -> AsyncIterator[Target]:
    authority, bundle = new_authority(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = context_of(_valid(authority))
    context.set_ciphers("ALL:@SECLEVEL=0")  # otherwise the server itself would reject TLS 1.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = Server("")

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reject as OpenSSL's servers do; asyncio would disconnect without the alert that gives the reason."""
        server.opened += 1
        received, due = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = context.wrap_bio(received, due, server_side=True)
        received.write(await reader.read(65536))
        with suppress(ssl.SSLError):
            handshake.do_handshake()
        writer.write(due.read())
        server.heads += filter(None, [await reader.read(65536)])

    async with listening(reject) as port:
        server.url = f"https://127.0.0.1:{port}"
        yield Target(server.url, ca_file=str(bundle), servers=[server])


@asynccontextmanager
async def _self_signed(folder: Path) -> AsyncIterator[Target]:
    """A server whose certificate is that of an authority, signed by itself."""
    authority, pem = new_authority(), folder / "self.pem"
    pem.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async with serving(answer(b"{}"), tls=context) as server:
        yield Target(server.url, servers=[server])


def _valid(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1")


def _untrusted(open_target: OpenTarget, *names: str) -> NetworkPath:
    """A path that ends the run; the message names the host, the defect of its certificate and the remedy."""
    return NetworkPath(open_target, ConfigError, names=("the certificate of 127.0.0.1", *names))


NETWORK_PATHS: dict[str, NetworkPath] = {
    "refused": NetworkPath(_refused),
    "a name that does not resolve": NetworkPath(_no_such_name),
    # A plaintext server waits for the end of a request, so only a timeout ends the handshake. The attempt counts as
    # possibly sent.
    "https to a plaintext port": NetworkPath(_https_to_http, TimedOut, sent=1, times_out=True),
    "a plaintext reply to a TLS handshake": NetworkPath(_plaintext_reply_to_tls),
    "http to a TLS port": NetworkPath(_http_to_https, sent=1),
    "a dead proxy": NetworkPath(_dead_proxy),
    "a proxy without a route": NetworkPath(_proxy_replying("502 Bad Gateway")),
    "a proxy that is busy": NetworkPath(_proxy_replying("503 Service Unavailable")),
    "a proxy that opens no tunnel": NetworkPath(_proxy_replying("200 OK")),
    "a proxy that requires credentials": NetworkPath(
        _proxy_replying("407 Proxy Authentication Required"), ConfigError, names=("proxy",)
    ),
    "an expired certificate": _untrusted(_with_certificate(_expired), "expired", "clock"),
    "a certificate not yet valid": _untrusted(_with_certificate(_not_yet_valid), "not yet valid", "clock"),
    "a certificate of another host": _untrusted(
        _with_certificate(lambda authority: authority.issue_cert("other.example")), "mismatch", "--base-url"
    ),
    "a certificate of another authority": _untrusted(
        _with_certificate(lambda _: _valid(new_authority())), "unable to get local issuer", "ca_file"
    ),
    "a private authority without a CA file": _untrusted(
        _with_certificate(_valid, is_known=False), "unable to get local issuer", "ca_file"
    ),
    "a self-signed certificate": _untrusted(_self_signed, "self-signed", "ca_file"),
    "no TLS newer than 1.1": NetworkPath(_only_tls_1_1, ConfigError, names=("127.0.0.1", "TLS 1.2")),
}
