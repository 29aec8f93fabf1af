"""Sends one attempt with aiohttp, and disables or counts aiohttp's implicit behaviour.

No other module knows aiohttp. Its exceptions are translated here, once, `from None`, so that no traceback carries its
request objects, which contain the key. This module guards against the following, all observed with aiohttp 3.14:

- aiohttp re-sends an idempotent request once when the connection drops. No public option disables this, but it happens
  only for aiohttp's own exceptions. A client middleware, which sees every pass, translates them first;
- its parser loses the status if a head arrives together with a broken body: errors are passed to it in two pieces;
- its parse errors look like `ClientResponseError(status=400)`: the status is read only from a real response;
- `read()` is unbounded and accepts a truncated gzip stream: bodies are bounded and decompressed here;
- it reuses a connection on which the server sent unrequested data, and takes that data for the next reply;
- cookies, `~/.netrc`, proxies from the environment and redirects could send the key elsewhere: all are disabled;
- its exceptions show a password in the proxy's address: the password is sent as a header instead.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from asyncio import CancelledError
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, cast
from urllib.parse import unquote

import anyio
from yarl import URL

from collector.client import address
from collector.client.failures import AttemptFailed, TimedOut, Transient
from collector.client.messages import Reply, Request
from collector.client.transport import tls
from collector.client.transport.body import chunks_of, read_body
from collector.client.transport.deadlines import Deadlines
from collector.model.clock import Clock
from collector.model.errors import ConfigError
from collector.model.ledger import RequestCount
from collector.model.secret import Revealed

# aiohttp creates TLS contexts on import, and these immediately open the file for session keys.
_session_keys = os.environ.pop("SSLKEYLOGFILE", None)
import aiohttp  # noqa: E402
from aiohttp.client_proto import ResponseHandler  # noqa: E402
from aiohttp.http_exceptions import HttpProcessingError  # noqa: E402

if _session_keys is not None:
    os.environ["SSLKEYLOGFILE"] = _session_keys

_OK, _HTTP, _END_OF_HEAD = b"HTTP/1.1 200 ", b"HTTP/", b"\r\n\r\n"

_TICK = 0.25  # seconds; the precision of timeouts
_STREAM_TIMEOUT_FACTOR = 20
_endpoint: ContextVar[str] = ContextVar("endpoint")  # of the task's request; aiohttp's middleware sees only its URL
_ERROR_BODY_TIMEOUT = 1.0  # seconds for an error's body; a throttled or rejected reply must be known soon
_MAX_ERROR_BODY_BYTES = 256 * 1024
_KEEP_ALIVE = 15.0  # seconds; shorter than common servers' idle timeouts, so that the client closes first


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts of one attempt in seconds: to connect, until the reply begins, and in total."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0


class Transport:
    """Sends requests to one API while it is `opened`; safe to use from many tasks.

    `count` counts every attempt given to a connection. With `require_loopback` the host's name must resolve to this
    host, because the traffic is not encrypted.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        connections: int,
        timeouts: Timeouts,
        count: RequestCount,
        clock: Clock,
        ca_file: str | None = None,
        proxy: str | None = None,
        require_loopback: bool = False,
    ) -> None:
        self._base_url = URL(base_url, encoded=True)
        all_headers = {"Accept": "application/json", "Accept-Encoding": "gzip, identity", **headers}
        # A session's headers, including the key, are also sent to its proxy (CONNECT); a request's headers are not.
        self._session_headers = all_headers if proxy is None else None
        self._request_headers = None if proxy is None else all_headers
        self._proxy, self._proxy_headers = proxy_of(proxy)
        if base_url.startswith("http:") and self._request_headers is not None:  # plain http uses no CONNECT
            self._request_headers |= self._proxy_headers
        self._require_loopback = require_loopback
        self._connections = connections
        self._timeouts = timeouts
        self._count = count
        self._clock = clock
        is_encrypted = any(each.startswith("https:") for each in (base_url, self._proxy or ""))
        self._ssl = tls.context_of(ca_file) if is_encrypted else True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Keep the connections open within the context."""
        session = aiohttp.ClientSession(
            connector=_Connector(
                limit=self._connections,
                ssl=self._ssl,
                keepalive_timeout=_KEEP_ALIVE,
                resolver=_LoopbackResolver() if self._require_loopback else None,
            ),
            headers=self._session_headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(self._count_pass,),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            proxy=self._proxy,
        )
        tick = min(_TICK, self._timeouts.read / 4, self._timeouts.total / 4)
        self._deadlines = Deadlines(tick, self._clock)
        async with session as self._session, anyio.create_task_group() as watch:
            watch.start_soon(self._deadlines.watch)
            yield self
            watch.cancel_scope.cancel()

    async def send(self, request: Request) -> Reply:
        """Send one attempt. Return a 200 with its complete decoded body, or another status with the readable part.

        Raises `TimedOut` after the timeouts or `request.within`, and `Transient` if the head of a reply, or the body of
        a 200, is incomplete for another reason. Raises `BadPayload` if the content coding of a 200 is broken, and
        `TooLarge` if it exceeds `MAX_WIRE_BYTES` or `MAX_BODY_BYTES`. Raises `ConfigError` for a certificate that does
        not verify.
        """
        total = min(self._timeouts.total, request.within)
        until_head = min(self._timeouts.read, total)
        task = self._deadlines.start(until_head)
        try:
            response = await self._get(request)
            try:
                self._count.by_status[response.status] += 1
                if response.status != 200:
                    self._deadlines.stop(task)
                    return await _error_reply(response, min(_ERROR_BODY_TIMEOUT, total))
                self._deadlines.extend(task, total - until_head)
                return Reply(200, response.headers, await read_body(response))
            except BaseException:
                response.close()  # a reply that was read to its end has already returned its connection
                raise
        except _AIOHTTP_ERRORS as error:
            raise _transient(error) from None
        except CancelledError:
            if self._deadlines.has_expired(task):
                raise TimedOut("no complete reply in time") from None
            raise
        finally:
            self._deadlines.stop(task)

    @asynccontextmanager
    async def stream(self, request: Request, *, cap: int) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """Send one attempt and stream its body, decoded, at most `cap` bytes; the reply's own body is empty.

        For a status other than 200 the stream is empty, and the reply has the readable part, as from `send`.

        The stream may take up to `_STREAM_TIMEOUT_FACTOR` times the total timeout of one attempt. Raises the same
        exceptions as `send`, also while the body is read.
        """
        timeout = aiohttp.ClientTimeout(
            total=_STREAM_TIMEOUT_FACTOR * self._timeouts.total,
            sock_connect=self._timeouts.connect,
            sock_read=self._timeouts.read,
        )
        try:
            async with await self._get_head(request, timeout) as response:
                self._count.by_status[response.status] += 1
                if response.status == 200:
                    yield Reply(200, response.headers, b""), chunks_of(response, cap, cap)
                else:
                    yield await _error_reply(response, _ERROR_BODY_TIMEOUT), _no_chunks()
        except _AIOHTTP_ERRORS as error:
            raise _transient(error) from None

    async def _get_head(self, request: Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Return the response with its body unread, once its complete head has arrived within the read timeout."""
        task = self._deadlines.start(self._timeouts.read)
        try:
            return await self._get(request, timeout=timeout)
        except CancelledError:
            if self._deadlines.has_expired(task):
                raise TimedOut("no reply in time") from None
            raise
        finally:
            self._deadlines.stop(task)

    def _get(self, request: Request, **options: Any) -> aiohttp.client._RequestContextManager:
        _endpoint.set(request.endpoint or request.target)
        return self._session.get(
            url_of(self._base_url, request),
            headers=self._request_headers,
            proxy_headers=self._proxy_headers or None,
            allow_redirects=False,
            **options,
        )

    async def _count_pass(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Count each pass of aiohttp over the wire, and prevent aiohttp from repeating it."""
        endpoint = _endpoint.get()
        self._count.sent += 1
        self._count.by_endpoint[endpoint] += 1
        self._count.unanswered += 1  # until a reply arrives; a cancelled attempt stays unanswered
        try:
            response = await handler(request)
        except _NOT_CONNECTED as error:
            self._count.sent -= 1
            self._count.by_endpoint[endpoint] -= 1
            self._count.unanswered -= 1
            raise _connect_failure(error) from None
        except aiohttp.ClientResponseError as error:
            self._count.unanswered -= 1
            raise _transient(error) from None
        except _AIOHTTP_ERRORS as error:
            raise _transient(error) from None
        self._count.unanswered -= 1
        return response


def url_of(base_url: URL, request: Request) -> URL:
    """Return the URL of a request: its target appended to the path of the base URL, both unchanged."""
    path, _, query = request.target.partition("?")
    url = base_url.with_path(base_url.raw_path.rstrip("/") + path, encoded=True)  # does not parse the host again
    return URL(f"{url}?{query}", encoded=True) if query else url


class _Protocol(ResponseHandler):
    """Passes the head of an error to the parser before its body; together, a broken body loses the status.

    A parse error also ends a body that is being read, which would otherwise wait for the timeout.
    """

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and self._payload and not self._payload.is_eof():
            self._payload.set_exception(aiohttp.ClientPayloadError())

    def data_received(self, data: bytes) -> None:
        if data and not data.startswith(_OK) and not self._is_in_body:  # aiohttp begins each request with b""
            *heads, data = _split_heads(data)
            for head in heads:
                super().data_received(head)
        super().data_received(data)

    @property
    def _is_in_body(self) -> bool:
        return self._payload is not None and not self._payload.is_eof()


def _split_heads(data: bytes) -> list[bytes]:
    """Split the received bytes after each head."""
    pieces: list[bytes] = []
    while True:
        head, end, rest = data.partition(_END_OF_HEAD)
        if not rest:
            return [*pieces, data]
        pieces.append(head + end)
        data = rest
        if not data.startswith(_HTTP):
            return [*pieces, data]


async def _no_chunks() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = cast("partial[ResponseHandler]", partial(_Protocol, loop=self._loop))

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


class _NotLoopback(OSError):
    """A host name that should be loopback resolves to another address."""


class _LoopbackResolver(aiohttp.ThreadedResolver):
    """Checks that names resolve to loopback: hosts files and name servers decide what `*.localhost` means."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await super().resolve(host, port, family)
        if not all(address.is_loopback(each["host"]) for each in found):
            raise _NotLoopback
        return found


_AIOHTTP_ERRORS = (aiohttp.ClientError, OSError)  # includes TimeoutError, from `sock_connect` and `sock_read`

_NOT_CONNECTED = (
    aiohttp.ClientConnectorError,  # including name resolution, TLS and the connection to the proxy
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)

_DESCRIPTIONS = (
    (aiohttp.ServerDisconnectedError, "the server closed the connection without a reply"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorDNSError, "the server's name does not resolve"),
    (TimeoutError, "no reply in time"),
    (aiohttp.ClientPayloadError, "the body is truncated or corrupt"),
    (aiohttp.ClientResponseError, "the reply is not HTTP"),
)


def _describe(error: Exception) -> str:
    for kind, text in _DESCRIPTIONS:
        if isinstance(error, kind):
            return text
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return tls.describe(cause)
    reason = getattr(cause, "strerror", None) or type(cause).__name__
    return f"{'cannot connect' if isinstance(error, _NOT_CONNECTED) else 'the connection broke'}: {reason}"


def _connect_failure(error: Exception) -> AttemptFailed | ConfigError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        description = tls.describe_certificate_error(error.certificate_error)
        return ConfigError(f"the certificate of {error.host} does not verify {description}")
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == 407:
        return ConfigError(
            "the proxy rejected the credentials (HTTP 407); put its user and password into the address in "
            "COLLECTOR_PROXY or [api] proxy"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, _NotLoopback):
            return ConfigError(
                f"{error.host} does not resolve to this host, so the key would be sent unencrypted; use https, or "
                "pass --allow-http to permit it"
            )
        if isinstance(error.os_error, ssl.SSLError) and tls.is_too_old(error.os_error):
            return ConfigError(
                f"{error.host} supports no safe version of TLS ({error.os_error.reason}); its operator must enable "
                "TLS 1.2 or newer"
            )
    return _transient(error)


def _transient(error: Exception) -> Transient:
    return (TimedOut if isinstance(error, TimeoutError) else Transient)(_describe(error))


async def _error_reply(response: aiohttp.ClientResponse, timeout: float) -> Reply:
    """Return the reply of a status other than 200, with as much of its body as can be read, for a message.

    A body that was not read to its end closes its connection.
    """
    pieces: list[bytes] = []
    unread = f"it takes longer than {timeout:g} s"
    try:
        with anyio.move_on_after(timeout):
            async for piece in chunks_of(response, _MAX_ERROR_BODY_BYTES, _MAX_ERROR_BODY_BYTES):
                pieces.append(piece)  # a failure keeps the pieces before it
            unread = ""
    except AttemptFailed as failure:
        unread = failure.reason
    except _AIOHTTP_ERRORS as error:
        unread = _describe(error)
    finally:
        if unread:
            response.close()
    return Reply(response.status, response.headers, b"".join(pieces), unread)


def proxy_of(text: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the proxy's address without user and password, and the header that carries them."""
    if text is None:
        return None, {}
    found = address.proxy(text)
    credentials = base64.b64encode(unquote(found.user).encode()).decode()
    return found.origin, {"Proxy-Authorization": Revealed(f"Basic {credentials}")} if found.user else {}
