"""An HTTP server for tests that writes raw bytes, so that it can break HTTP in ways no library would.

    async with serving(in_turn(close, answer(b"{}"))) as server:
        ...  # server.url, server.requests, server.opened

A scenario is a function that is called for each request and writes any bytes to the connection. The server counts
every connection it accepted and every request whose head arrived completely.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

PATIENCE = 30
"""Seconds until a wait counts as failed. No test measures time with it."""

_NO_LINGER = struct.pack("ii", 1, 0)


class Exchange:
    """One request and its connection. `number` and `connection` count the server's requests and connections from 1."""

    def __init__(self, head: bytes, number: int, connection: int, server: Server, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.number = number
        self.connection = connection
        self.server = server
        self._writer = writer

    @property
    def target(self) -> str:
        """The request target, between `GET` and `HTTP/1.1`."""
        return self.head.split(b" ", 2)[1].decode()

    def header(self, name: str) -> str | None:
        """A header's value, or None."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def write(self, raw: bytes) -> None:
        """Write as fast as the client reads; raises ConnectionError once the client has disconnected."""
        self._writer.write(raw)
        await self._writer.drain()
        if self._writer.is_closing():
            raise ConnectionResetError

    def close(self) -> None:
        """Close the connection after pending writes."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection: the client receives a TCP RST."""
        peer: socket.socket = self._writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._writer.transport.abort()


Scenario: TypeAlias = Callable[[Exchange], Awaitable[None]]


@dataclass
class Server:
    """A running server, and what it has received."""

    url: str
    heads: list[bytes] = field(default_factory=list)
    opened: int = 0
    open_now: int = 0
    most_open: int = 0

    @property
    def requests(self) -> int:
        """The number of requests whose head arrived completely."""
        return len(self.heads)

    @property
    def targets(self) -> list[str]:
        """Their targets, in order of arrival."""
        return [head.split(b" ", 2)[1].decode() for head in self.heads]

    async def saw(self, requests: int) -> None:
        """Wait until `requests` requests have arrived."""
        async with asyncio.timeout(PATIENCE):
            while self.requests < requests:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Pass every connection to `talk`, which may be cancelled, then close it; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass  # asyncio would log the exception
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(connected, host, 0)
    port: int = listener.sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        while tasks:  # noqa: ASYNC110  # cancelled tasks need a few iterations
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    scenario: Scenario, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """Serve until the block ends; with `tls` each connection is counted before its handshake."""
    server = Server("")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.opened += 1
        server.open_now += 1
        server.most_open = max(server.most_open, server.open_now)
        number = server.opened
        try:
            # Many scenarios make the client disconnect midway.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
                if tls is not None:
                    await writer.start_tls(tls)
                await _talk(reader, writer, server, number, scenario)
        finally:
            server.open_now -= 1

    async with listening(talk, host) as port:
        server.url = f"http{'s' if tls else ''}://{host}:{port}"
        yield server


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server, connection: int, scenario: Scenario
) -> None:
    while not writer.is_closing():
        head = await reader.readuntil(b"\r\n\r\n")
        server.heads.append(head)
        await scenario(Exchange(head, server.requests, connection, server, writer))
        if not writer.is_closing():
            await writer.drain()


def free_port() -> int:
    """A loopback port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Scenarios.


def response(
    body: bytes = b"",
    status: str = "200 OK",
    *,
    media_type: str = "application/json",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """The bytes of a response; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    if media_type:
        lines.append(f"Content-Type: {media_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(body: bytes = b"", status: str = "200 OK", *, media_type: str = "application/json", **more: str) -> Scenario:
    """Send a valid response and keep the connection open."""
    return raw(response(body, status, media_type=media_type, length=None, **more))


def raw(*pieces: bytes, then: Callable[[Exchange], None] | None = None) -> Scenario:
    """Write these bytes piece by piece, then call `then`, such as `Exchange.close` or `Exchange.reset`."""

    async def scenario(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.write(piece)
            if len(pieces) > 1:
                await asyncio.sleep(0.01)  # so that it is sent as a separate segment
        if then is not None:
            then(exchange)

    return scenario


async def close(exchange: Exchange) -> None:
    """Close without sending a byte."""
    exchange.close()


async def reset(exchange: Exchange) -> None:
    """Reset without sending a byte."""
    exchange.reset()


async def hang(exchange: Exchange) -> None:
    """Never reply."""
    await asyncio.Event().wait()


def once_set(release: asyncio.Event, then: Scenario) -> Scenario:
    """Wait for the event, then run the scenario."""

    async def scenario(exchange: Exchange) -> None:
        await release.wait()
        await then(exchange)

    return scenario


def forever(head: bytes, piece: bytes, every: float = 0.0) -> Scenario:
    """Write the head, then repeat a piece until the client disconnects."""

    async def scenario(exchange: Exchange) -> None:
        await exchange.write(head)
        while True:
            await exchange.write(piece)
            await asyncio.sleep(every)

    return scenario


def in_turn(*scenarios: Scenario) -> Scenario:
    """The first scenario for the first request, and so on; the last one for all further requests."""

    async def scenario(exchange: Exchange) -> None:
        await scenarios[min(exchange.number, len(scenarios)) - 1](exchange)

    return scenario


def in_turn_of(*scenarios: Scenario) -> Scenario:
    """Like `in_turn`, but counts only the requests that reach this scenario."""
    remaining = list(scenarios)

    async def scenario(exchange: Exchange) -> None:
        await (remaining.pop(0) if len(remaining) > 1 else remaining[0])(exchange)

    return scenario


def ending_after(answers: int, scenario: Scenario, end: Callable[[Exchange], None] = Exchange.close) -> Scenario:
    """The same scenario, but each connection ends after `answers` replies."""
    replies: Counter[int] = Counter()

    async def ending(exchange: Exchange) -> None:
        await scenario(exchange)
        replies[exchange.connection] += 1
        if replies[exchange.connection] == answers:
            end(exchange)

    return ending


def by_id(special: Mapping[str, Scenario], otherwise: Scenario) -> Scenario:
    """A scenario for each id in `special`, and one for all other ids."""

    async def scenario(exchange: Exchange) -> None:
        await special.get(exchange.target.rpartition("/")[2], otherwise)(exchange)

    return scenario


# Replies of the API.


def connection(one: str, **fields: Any) -> bytes:
    """The response body of a typical connection."""
    data = {
        "id": one,
        "name": "Warehouse",
        "organization_id": "11111111-1111-4111-8111-111111111111",
        "type": {"id": "postgresql", "name": "PostgreSQL", "operations": ["query"]},
        "configuration": {"hostname": "db.example", "password": "********"},
        "status": "healthy",
        "saved": True,
        "policies": None,
        "created_at": "2024-01-15T09:30:00Z",
        "updated_at": "2024-01-15T09:30:00.5+02:00",
        **fields,
    }
    return json.dumps({"data": data}).encode()


async def found(exchange: Exchange) -> None:
    """Reply with the requested connection."""
    await exchange.write(response(connection(exchange.target.rpartition("/")[2])))


def error(status: int, message: str = "no", **headers: str) -> Scenario:
    """Reply with an error as documented by the API."""
    body = json.dumps({"key": "error", "message": message, "metadata": {}, "status": status}).encode()
    return answer(body, f"{status} Error", **headers)


def ids(count: int, first: int = 1) -> list[str]:
    """`count` different ids."""
    return [f"{number:08x}-0000-4000-8000-00000000c0de" for number in range(first, first + count)]


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """A chunked body; with `end`, including the last chunk."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return body + (b"0\r\n\r\n" if end else b"")


@cache
def gzip_of_zeros(size: int) -> bytes:
    """A gzip stream of `size` zeros, made without holding them in memory."""
    pack = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    block = bytes(1 << 20)
    pieces: Iterable[bytes] = [pack.compress(block) for _ in range(size >> 20)]
    return b"".join(pieces) + pack.compress(bytes(size & ((1 << 20) - 1))) + pack.flush()


def gzipped(body: bytes) -> bytes:
    """A complete gzip stream."""
    return gzip.compress(body, mtime=0)
