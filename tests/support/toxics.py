"""A TCP proxy that degrades connections, with the toxics of Toxiproxy (github.com/Shopify/toxiproxy).

    async with proxied(server.url, Injection(reset(), Direction.DOWN, toxicity=0.5), seed=7) as proxy:
        ...  # proxy.url, proxy.connections, proxy.affected

A connection has two streams, one up to the server and one down to the client. A toxic replaces the plain forwarding of
one stream. A random draw decides for each new connection whether it is affected. Does not depend on HTTP.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from tests.support.scripted_server import listening

_PIECE = 65536
_NO_LINGER = struct.pack("ii", 1, 0)


class Direction(StrEnum):
    """The direction of a stream."""

    UP = "up"
    DOWN = "down"


class Stream:
    """One direction of a connection. Every method raises ConnectionError once either end has disconnected."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, return_writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._return_writer = return_writer  # the writer of the opposite direction

    async def read(self) -> bytes:
        """The next bytes; empty at the end of the stream."""
        return await self._reader.read(_PIECE)

    async def write(self, piece: bytes) -> None:
        """Forward a piece."""
        self._writer.write(piece)
        await self._writer.drain()

    def end(self) -> None:
        """Signal the end of this stream; the opposite direction stays open."""
        with suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        """Close both directions, after pending writes."""
        self._writer.close()
        self._return_writer.close()

    def reset(self) -> None:
        """Reset both directions: both ends receive a TCP RST."""
        for writer in (self._writer, self._return_writer):
            ending: socket.socket = writer.get_extra_info("socket")
            ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()


Toxic: TypeAlias = Callable[[Stream, Random], Awaitable[None]]
"""Forwards a stream until the stream or the connection ends."""


class Injection(NamedTuple):
    """A toxic, its direction, and the fraction of the connections that it affects."""

    toxic: Toxic
    direction: Direction
    toxicity: float = 1.0


@dataclass
class Proxy:
    """A running proxy: its address, and the numbers of all and of affected connections."""

    url: str
    connections: int = 0
    affected: int = 0


@asynccontextmanager
async def proxied(url: str, injection: Injection, *, seed: int = 0) -> AsyncIterator[Proxy]:
    """Proxy the server at `url` until the block ends; `seed` determines which connections are affected."""
    upstream = urlsplit(url)
    rng = Random(seed)
    proxy = Proxy("")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        is_affected = rng.random() < injection.toxicity
        proxy.affected += is_affected
        await _carry(reader, writer, (upstream.hostname, upstream.port), injection if is_affected else None, rng)

    async with listening(carry) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: tuple[str | None, int | None],
    injection: Injection | None,
    rng: Random,
) -> None:
    far_reader, far_writer = await asyncio.open_connection(*upstream)
    streams = {Direction.UP: Stream(reader, far_writer, writer), Direction.DOWN: Stream(far_reader, writer, far_writer)}
    try:
        async with asyncio.TaskGroup() as both:
            for direction, stream in streams.items():
                toxic = injection.toxic if injection is not None and injection.direction is direction else clean
                both.create_task(_to_its_end(toxic, stream, rng))
    finally:
        far_writer.close()


async def _to_its_end(toxic: Toxic, stream: Stream, rng: Random) -> None:
    try:
        await toxic(stream, rng)
    except ConnectionError:  # one end has disconnected, so close both directions
        stream.close()


async def clean(stream: Stream, _: Random) -> None:
    """Forward everything."""
    while piece := await stream.read():
        await stream.write(piece)
    stream.end()


def latency(seconds: float, jitter: float = 0.0) -> Toxic:
    """Delay everything by `seconds` ± `jitter`."""

    async def toxic(stream: Stream, rng: Random) -> None:
        while piece := await stream.read():
            await asyncio.sleep(seconds + rng.uniform(-jitter, jitter))
            await stream.write(piece)
        stream.end()

    return toxic


async def down(stream: Stream, _: Random) -> None:
    """Close the connection at the first bytes."""
    await stream.read()
    stream.close()


def bandwidth(rate: int) -> Toxic:
    """Forward at most `rate` bytes/s."""

    async def toxic(stream: Stream, _: Random) -> None:
        while piece := await stream.read():
            await asyncio.sleep(len(piece) / rate)
            await stream.write(piece)
        stream.end()

    return toxic


def slow_close(seconds: float) -> Toxic:
    """Delay the end of the stream by `seconds`."""

    async def toxic(stream: Stream, _: Random) -> None:
        while piece := await stream.read():
            await stream.write(piece)
        await asyncio.sleep(seconds)
        stream.end()

    return toxic


def timeout(seconds: float) -> Toxic:
    """Forward nothing, and close the connection `seconds` after the first bytes."""

    async def toxic(stream: Stream, _: Random) -> None:
        await stream.read()
        await asyncio.sleep(seconds)
        stream.close()

    return toxic


def reset(seconds: float = 0.0) -> Toxic:
    """Forward nothing, and reset both ends `seconds` after the first bytes."""

    async def toxic(stream: Stream, _: Random) -> None:
        await stream.read()
        await asyncio.sleep(seconds)
        stream.reset()

    return toxic


def slicer(size: int, variation: int = 0, every: float = 0.0) -> Toxic:
    """Forward slices of `size` ± `variation` bytes, each as a separate segment."""

    async def toxic(stream: Stream, rng: Random) -> None:
        while piece := await stream.read():
            while piece:
                cut = max(1, size + rng.randint(-variation, variation))
                await stream.write(piece[:cut])
                piece = piece[cut:]
                await asyncio.sleep(every)
        stream.end()

    return toxic


def limit(size: int) -> Toxic:
    """Close the connection after `size` bytes."""

    async def toxic(stream: Stream, _: Random) -> None:
        left = size
        while left > 0 and (piece := await stream.read()):
            await stream.write(piece[:left])
            left -= len(piece)
        stream.close()

    return toxic
