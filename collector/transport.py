"""One attempt on the wire, by aiohttp, with what aiohttp does behind one's back switched off or counted.

Above this module nobody has heard of aiohttp: its exceptions are translated here, once, `from None`, so that no
traceback carries its request objects (and the key in them) on. What it guards against, all seen with aiohttp 3.14:

- it re-sends an idempotent request once by itself when a connection drops. There is no public switch, but it does
  so only for its own exceptions, so a client middleware, which sees every pass, translates them before it can;
- its parse errors pose as `ClientResponseError(status=400)`: a status is read off a real response only;
- `read()` has no cap, and a gzip stream cut short passes for a whole one: bodies are bounded and unpacked here;
- a connection that said something while nobody asked is used again, and what it said is taken for the next reply;
- cookies, `~/.netrc`, proxies of the environment and redirects could carry the key elsewhere: all are off;
- a proxy's password stands in its exceptions when it stands in the proxy's address: it travels as a header instead.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import time
import zlib
from asyncio import CancelledError
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

import anyio
from yarl import URL

from collector import address, tls
from collector.account import RequestCount
from collector.deadline import Deadlines
from collector.errors import AttemptFailed, BadPayload, ConfigError, TimedOut, TooLarge, Transient
from collector.model import Reply, Request
from collector.secret import Revealed

# aiohttp makes TLS contexts of its own when it is imported, and these open the file for session keys there and then.
_session_keys = os.environ.pop("SSLKEYLOGFILE", None)
import aiohttp  # noqa: E402

if _session_keys is not None:
    os.environ["SSLKEYLOGFILE"] = _session_keys

MAX_WIRE_BYTES: Final = 2 * 1024 * 1024
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Largest body of one reply, as it travels and unpacked."""

_TICK = 0.25  # seconds, the precision of time-outs
_LONGEST_STREAM = 20
_KEEP_ALIVE = 15.0  # seconds, below the idle time of common servers, so that we close first


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds one attempt may take: to connect, until its answer begins, and in all."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0


class Transport:
    """Sends requests to one API while it is `opened`; safe to use from many tasks.

    Every attempt given to a connection is counted in `count`. With `only_here` whatever the host's name resolves to
    must be this host: what goes there is not encrypted.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        connections: int,
        timeouts: Timeouts,
        count: RequestCount,
        ca_file: str | None = None,
        proxy: str | None = None,
        only_here: bool = False,
    ) -> None:
        self._base_url = URL(base_url, encoded=True)
        all_headers = {"Accept": "application/json", "Accept-Encoding": "gzip, identity", **headers}
        # A session's headers are sent to its proxy too (CONNECT), the key among them; a request's own are not.
        self._session_headers = all_headers if proxy is None else None
        self._own_headers = None if proxy is None else all_headers
        self._proxy, self._proxy_headers = _proxy(proxy)
        if base_url.startswith("http:") and self._own_headers is not None:  # there is no CONNECT for it then
            self._own_headers |= self._proxy_headers
        self._only_here = only_here
        self._connections = connections
        self._timeouts = timeouts
        self._deadlines = Deadlines(min(_TICK, timeouts.read / 4, timeouts.total / 4), time.monotonic, anyio.sleep)
        self._count = count
        is_encrypted = any(each.startswith("https:") for each in (base_url, self._proxy or ""))
        self._ssl = tls.context_of(ca_file) if is_encrypted else True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Keep the connections for as long as the context lasts."""
        session = aiohttp.ClientSession(
            connector=_Connector(
                limit=self._connections,
                ssl=self._ssl,
                keepalive_timeout=_KEEP_ALIVE,
                resolver=_OnlyHere() if self._only_here else None,
            ),
            headers=self._session_headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(self._one_pass,),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            proxy=self._proxy,
        )
        async with session as self._session, anyio.create_task_group() as watch:
            watch.start_soon(self._deadlines.watch)
            yield self
            watch.cancel_scope.cancel()

    async def send(self, request: Request) -> Reply:
        """One attempt, whole: the reply of any status with its body unpacked.

        Raises `TimedOut` after the time-outs or `request.within`, `Transient` when there is no whole reply for another
        reason, `BadPayload` when its packing is broken, `TooLarge` over `MAX_WIRE_BYTES` or `MAX_BODY_BYTES`, and
        `ConfigError` for a certificate that does not verify.
        """
        total = min(self._timeouts.total, request.within)
        until_answer = min(self._timeouts.read, total)
        task = self._deadlines.start(until_answer)
        try:
            response = await self._session.get(
                url_of(self._base_url, request),
                headers=self._own_headers,
                proxy_headers=self._proxy_headers or None,
                allow_redirects=False,
            )
            try:
                self._deadlines.extend(task, total - until_answer)
                self._count.by_status[response.status] += 1
                return Reply(response.status, response.headers, await _body(response))
            except BaseException:
                response.close()  # a reply that was read to its end has given its connection back
                raise
        except _FOREIGN as error:
            raise _broken(error) from None
        except CancelledError:
            if self._deadlines.is_due(task):
                raise TimedOut("no whole answer in time") from None
            raise
        finally:
            self._deadlines.stop(task)

    @asynccontextmanager
    async def stream(self, request: Request, *, cap: int) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """One attempt whose body, unpacked up to `cap` bytes, is read as it comes; the reply's own is empty.

        It may take as long as it goes on, up to `_LONGEST_STREAM` times the time-out of one attempt. Raises what `send`
        does, also while the body is read.
        """
        timeout = aiohttp.ClientTimeout(
            total=_LONGEST_STREAM * self._timeouts.total,
            sock_connect=self._timeouts.connect,
            sock_read=self._timeouts.read,
        )
        try:
            async with self._session.get(
                url_of(self._base_url, request),
                headers=self._own_headers,
                proxy_headers=self._proxy_headers or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                self._count.by_status[response.status] += 1
                yield Reply(response.status, response.headers, b""), _chunks(response, cap, cap)
        except _FOREIGN as error:
            raise _broken(error) from None

    async def _one_pass(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """aiohttp's every pass over the wire comes through here, so here it is counted and may not be repeated."""
        self._count.sent += 1
        self._count.unanswered += 1  # until an answer shows otherwise; a cancelled attempt never gets there
        try:
            response = await handler(request)
        except _NOT_CONNECTED as error:
            self._count.sent -= 1
            self._count.unanswered -= 1
            raise _connect_failure(error) from None
        except aiohttp.ClientResponseError as error:
            self._count.unanswered -= 1
            raise _broken(error) from None
        except _FOREIGN as error:
            raise _broken(error) from None
        self._count.unanswered -= 1
        return response


def url_of(base_url: URL, request: Request) -> URL:
    """Where a request goes: its target behind the path of the base URL, neither of them changed."""
    path, _, query = request.target.partition("?")
    url = base_url.with_path(base_url.raw_path.rstrip("/") + path, encoded=True)  # the host is not parsed again
    return URL(f"{url}?{query}", encoded=True) if query else url


class _Connector(aiohttp.TCPConnector):
    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


class _Elsewhere(OSError):
    """A name that should mean this host means another."""


class _OnlyHere(aiohttp.ThreadedResolver):
    """Resolves names of this host: `localhost`, and what ends in it, is what files and name servers make of it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await super().resolve(host, port, family)
        if not all(address.is_loopback(each["host"]) for each in found):
            raise _Elsewhere
        return found


_FOREIGN = (aiohttp.ClientError, OSError)  # OSError covers TimeoutError, which `sock_connect` and `sock_read` end with

_NOT_CONNECTED = (
    aiohttp.ClientConnectorError,  # name resolution, TLS and the proxy's connection among them
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)

_TOLD = (
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorDNSError, "the server's name does not resolve"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientPayloadError, "the body was cut short or is garbled"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
)


def _told(error: Exception) -> str:
    for kind, text in _TOLD:
        if isinstance(error, kind):
            return text
    below = getattr(error, "os_error", error)
    if isinstance(below, ssl.SSLError):
        return tls.told(below)
    reason = getattr(below, "strerror", None) or type(below).__name__
    return f"{'cannot connect' if isinstance(error, _NOT_CONNECTED) else 'the connection broke'}: {reason}"


def _connect_failure(error: Exception) -> AttemptFailed | ConfigError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = tls.told_of_certificate(error.certificate_error)
        return ConfigError(f"the certificate of {error.host} does not verify {why}")
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == 407:
        return ConfigError(
            "the proxy wants other credentials (HTTP 407); put its user and password into the address that "
            "COLLECTOR_PROXY or [api] proxy holds"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, _Elsewhere):
            return ConfigError(
                f"{error.host} does not mean this host here, and the key would travel unencrypted; use https, or say "
                "--allow-http if you must"
            )
        if isinstance(error.os_error, ssl.SSLError) and tls.is_too_old(error.os_error):
            return ConfigError(
                f"{error.host} speaks no TLS that is safe ({error.os_error.reason}); its operator has to allow TLS 1.2 "
                "or newer"
            )
    return _broken(error)


def _broken(error: Exception) -> Transient:
    return (TimedOut if isinstance(error, TimeoutError) else Transient)(_told(error))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if response.content.is_eof() and "Content-Encoding" not in response.headers:
        return response.content.read_nowait()  # it came with its head, so it is small, and there is nothing to wait for
    return b"".join([chunk async for chunk in _chunks(response, MAX_WIRE_BYTES, MAX_BODY_BYTES)])


async def _chunks(response: aiohttp.ClientResponse, wire_cap: int, body_cap: int) -> AsyncIterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BadPayload(f"unknown Content-Encoding {encoding!r}", response.status)
    unpack = _Gunzip(body_cap, response.status) if encoding == "gzip" else None
    travelled = 0
    async for chunk in response.content.iter_any():
        travelled += len(chunk)
        if travelled > wire_cap:
            raise TooLarge(f"the body is over {wire_cap} bytes", response.status)
        yield unpack.feed(chunk) if unpack else chunk
    if unpack:
        unpack.close()


class _Gunzip:
    """Unpacks one gzip stream, never more than `cap` bytes of it, and demands its end."""

    def __init__(self, cap: int, status: int) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._left = cap
        self._status = status

    def feed(self, chunk: bytes) -> bytes:
        try:
            body = self._inflate.decompress(chunk, self._left + 1)
        except zlib.error:
            raise BadPayload("the body is not the gzip it says it is", self._status) from None
        self._left -= len(body)
        if self._left < 0:
            raise TooLarge("the body unpacks to more than the cap", self._status)
        return body

    def close(self) -> None:
        if not self._inflate.eof:
            raise BadPayload("the gzip body ends too early", self._status)


def _proxy(text: str | None) -> tuple[str | None, dict[str, str]]:
    """Its address without user and password, and the header that these travel in."""
    if text is None:
        return None, {}
    found = address.proxy(text)
    credentials = base64.b64encode(unquote(found.user).encode()).decode()
    return found.origin, {"Proxy-Authorization": Revealed(f"Basic {credentials}")} if found.user else {}
