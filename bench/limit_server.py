"""A server of connections that throttles requests above its limit, and logs each request.

Theory of operation. The server checks and logs each request on arrival, by its algorithm and by the scheduled limit at
that time. It sends every reply after the latency. Any id is a connection. The server does not distinguish clients, and
implements just enough HTTP/1.1 for GET.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from math import ceil
from random import Random
from typing import Final

from bench.limit_log import Arrival
from bench.limits import Limit, Segment, Verdict, limit_at

_PREFIX: Final = "/api/connections/"
_CONNECTION: Final = json.dumps(
    {
        "data": {
            "id": "ID",
            "name": "Warehouse",
            "organization_id": "11111111-1111-4111-8111-111111111111",
            "type": {"id": "postgresql", "name": "PostgreSQL", "operations": ["query"]},
            "configuration": {"hostname": "db.example", "password": "********"},
            "status": "healthy",
            "saved": True,
            "policies": None,
            "created_at": "2024-01-15T09:30:00Z",
            "updated_at": "2024-01-15T09:30:00Z",
        }
    }
)


class LimitServer:
    """A running server. Its times are in seconds since the first request, which sets `first_request`.

    `arrivals` is its log; `replied` has the time of each reply.
    """

    def __init__(
        self,
        segments: tuple[Segment, ...],
        limit: Limit,
        *,
        form: str,
        latency: float,
        jitter: float,
        seed: int,
        noise: float = 0.0,
        capacity: float = 0.0,
    ) -> None:
        """`noise` is the probability of a 429 with `Retry-After: 1`; `capacity` the requests/s of one worker."""
        self._noise = noise
        self._service = 1 / capacity if capacity else 0.0
        self._free_at = 0.0
        self._segments = segments
        self._limit = limit
        self._form = form
        self._latencies = (latency * (1 - jitter), latency * (1 + jitter))
        self._rng = Random(seed)
        self._first: float | None = None
        self.first_request = asyncio.Event()
        self.url = ""
        self.arrivals: list[Arrival] = []
        self.replied: list[float] = []
        self.latencies: list[float] = []

    def reply(self, target: str) -> bytes:
        """Check and log a request that arrives now, and return its reply."""
        name = target.removeprefix(_PREFIX)
        if name == target:
            return response("404 Not Found", _error(404, "no such path"), [])
        now = time.monotonic()
        if self._first is None:
            self._first = now
            self.first_request.set()
        limit = limit_at(self._segments, now - self._first)
        if self._rng.random() < self._noise:
            self.arrivals.append(Arrival(now - self._first, False))
            return response("429 Too Many Requests", _error(429, "noise"), ["Retry-After: 1"])
        verdict = self._limit.check(now, limit)
        self.arrivals.append(Arrival(now - self._first, verdict.allowed))
        headers = FORMS[self._form](verdict, limit, time.time())
        if verdict.allowed:
            return response("200 OK", _CONNECTION.replace("ID", name, 1), headers)
        return response("429 Too Many Requests", _error(429, "too many requests"), headers)

    def latency(self) -> float:
        """Return the seconds until the next reply is sent."""
        now, latency = time.monotonic(), self._rng.uniform(*self._latencies)
        self._free_at = max(now, self._free_at) + self._service
        latency += self._free_at - now
        self.latencies.append(latency)
        return latency

    def reply_sent(self) -> None:
        """Record that a reply was written."""
        if self._first is None:
            return  # before the first request for a connection
        self.replied.append(time.monotonic() - self._first)

    def __repr__(self) -> str:
        return f"<LimitServer {self.url} arrivals={len(self.arrivals)} replied={len(self.replied)}>"


@asynccontextmanager
async def serving(
    segments: tuple[Segment, ...],
    limit: Limit,
    *,
    form: str,
    latency: float = 0.1,
    jitter: float = 0.2,
    seed: int = 0,
    noise: float = 0.0,
    capacity: float = 0.0,
) -> AsyncIterator[LimitServer]:
    """Serve on a free loopback port within the context; the latency varies by the share `jitter`."""
    server = LimitServer(
        segments, limit, form=form, latency=latency, jitter=jitter, seed=seed, noise=noise, capacity=capacity
    )
    connections: set[asyncio.BaseTransport] = set()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: _Connection(server, connections), "127.0.0.1", 0, backlog=1_024)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for connection in list(connections):
            connection.close()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One connection of a client that waits for each reply before its next request."""

    def __init__(self, server: LimitServer, connections: set[asyncio.BaseTransport]) -> None:
        self._server = server
        self._connections = connections
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        for head in heads:
            reply = self._server.reply(head.split(b" ", 2)[1].decode("latin-1"))
            loop.call_later(self._server.latency(), self._write, reply)

    def _write(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)
            self._server.reply_sent()


def response(status: str, body: str, headers: list[str]) -> bytes:
    """Return the bytes of a response that keeps the connection open."""
    head = [
        f"HTTP/1.1 {status}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: application/json",
        f"Content-Length: {len(body.encode())}",
        *headers,
    ]
    return "\r\n".join([*head, "", body]).encode()


def _error(status: int, message: str) -> str:
    return json.dumps({"key": "error", "message": message, "metadata": {}, "status": status})


# Forms of stating a limit: headers for a verdict, the limit and the time in seconds since the epoch.


def _integer(verdict: Verdict, _limit: int, _epoch: float) -> list[str]:
    return [] if verdict.allowed else [f"Retry-After: {max(1, ceil(verdict.wait))}"]


def _decimal(verdict: Verdict, _limit: int, _epoch: float) -> list[str]:
    """In milliseconds, rounded up, so that the wait is long enough."""
    return [] if verdict.allowed else [f"Retry-After: {ceil(verdict.wait * 1000) / 1000:.3f}"]


def _date(verdict: Verdict, _limit: int, epoch: float) -> list[str]:
    return [] if verdict.allowed else [f"Retry-After: {formatdate(ceil(epoch + verdict.wait), usegmt=True)}"]


def _absent(_verdict: Verdict, _limit: int, _epoch: float) -> list[str]:
    return []


def _ratelimit(verdict: Verdict, limit: int, _epoch: float) -> list[str]:
    """draft-ietf-httpapi-ratelimit-headers-10, on every reply."""
    return [
        f'RateLimit-Policy: "default";q={limit};w=1',
        f'RateLimit: "default";r={verdict.remaining};t={ceil(verdict.reset)}',
    ]


def _x(verdict: Verdict, limit: int, epoch: float) -> list[str]:
    """The X- headers in GitHub's form, on every reply: the reset is a timestamp in seconds since the epoch."""
    return [
        f"X-RateLimit-Limit: {limit}",
        f"X-RateLimit-Remaining: {verdict.remaining}",
        f"X-RateLimit-Reset: {ceil(epoch + verdict.reset)}",
    ]


FORMS: Final[Mapping[str, Callable[[Verdict, int, float], list[str]]]] = {
    "integer": _integer,
    "decimal": _decimal,
    "date": _date,
    "absent": _absent,
    "ratelimit": _ratelimit,
    "x": _x,
}
