"""A TCP proxy that spoils connections, with the toxics that Toxiproxy is known for (github.com/Shopify/toxiproxy).

    async with proxied(server.url, Toxin(reset(), Way.DOWN, toxicity=0.5), seed=7) as proxy:
        ...  # proxy.url, proxy.connections, proxy.spoiled

A connection is two streams, one up to the server and one down to the client. A toxic is what happens to one of them
instead of passing on what comes; whether it strikes a connection is drawn when that opens. Knows nothing of HTTP.
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


class Way(StrEnum):
    """Where a stream goes."""

    UP = "up"
    DOWN = "down"


class Stream:
    """One direction of a connection. Every method raises ConnectionError once an end is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._back = back  # the other direction's way out, to where this one comes from

    async def read(self) -> bytes:
        """What came next; empty at the end."""
        return await self._reader.read(_PIECE)

    async def write(self, piece: bytes) -> None:
        """Pass something on."""
        self._writer.write(piece)
        await self._writer.drain()

    def end(self) -> None:
        """Tell who listens that nothing more comes; the other direction goes on."""
        with suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        """Close the whole connection, after what was written."""
        self._writer.close()
        self._back.close()

    def reset(self) -> None:
        """Both ends see a TCP RST."""
        for writer in (self._writer, self._back):
            ending: socket.socket = writer.get_extra_info("socket")
            ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()


Toxic: TypeAlias = Callable[[Stream, Random], Awaitable[None]]
"""Carries a stream to its end, or the connection to its own."""


class Toxin(NamedTuple):
    """A toxic, the direction it works in, and the part of the connections that it strikes."""

    toxic: Toxic
    way: Way
    toxicity: float = 1.0


@dataclass
class Proxy:
    """A running proxy: where it is, how many connections it had, and how many of these were spoiled."""

    url: str
    connections: int = 0
    spoiled: int = 0


@asynccontextmanager
async def proxied(url: str, toxin: Toxin, *, seed: int = 0) -> AsyncIterator[Proxy]:
    """Stand before the server at `url` until the block ends; `seed` decides which connections are struck."""
    upstream = urlsplit(url)
    rng = Random(seed)
    proxy = Proxy("")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        is_struck = rng.random() < toxin.toxicity
        proxy.spoiled += is_struck
        await _carry(reader, writer, (upstream.hostname, upstream.port), toxin if is_struck else None, rng)

    async with listening(carry) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: tuple[str | None, int | None],
    toxin: Toxin | None,
    rng: Random,
) -> None:
    far_reader, far_writer = await asyncio.open_connection(*upstream)
    streams = {Way.UP: Stream(reader, far_writer, writer), Way.DOWN: Stream(far_reader, writer, far_writer)}
    try:
        async with asyncio.TaskGroup() as both:
            for way, stream in streams.items():
                toxic = toxin.toxic if toxin is not None and toxin.way is way else clean
                both.create_task(_to_its_end(toxic, stream, rng))
    finally:
        far_writer.close()


async def _to_its_end(toxic: Toxic, stream: Stream, rng: Random) -> None:
    try:
        await toxic(stream, rng)
    except ConnectionError:  # an end is gone, and with it the other direction
        stream.close()


async def clean(stream: Stream, _: Random) -> None:
    """Pass everything on."""
    while piece := await stream.read():
        await stream.write(piece)
    stream.end()


def latency(seconds: float, jitter: float = 0.0) -> Toxic:
    """Everything comes later, by so many seconds more or less `jitter`."""

    async def toxic(stream: Stream, rng: Random) -> None:
        while piece := await stream.read():
            await asyncio.sleep(seconds + rng.uniform(-jitter, jitter))
            await stream.write(piece)
        stream.end()

    return toxic


async def down(stream: Stream, _: Random) -> None:
    """The way is closed: who tries it finds the connection at its end."""
    await stream.read()
    stream.close()


def bandwidth(rate: int) -> Toxic:
    """At most so many bytes a second."""

    async def toxic(stream: Stream, _: Random) -> None:
        while piece := await stream.read():
            await asyncio.sleep(len(piece) / rate)
            await stream.write(piece)
        stream.end()

    return toxic


def slow_close(seconds: float) -> Toxic:
    """The end is told only after so many seconds."""

    async def toxic(stream: Stream, _: Random) -> None:
        while piece := await stream.read():
            await stream.write(piece)
        await asyncio.sleep(seconds)
        stream.end()

    return toxic


def timeout(seconds: float) -> Toxic:
    """Nothing comes through, and so many seconds after somebody tried the connection is closed."""

    async def toxic(stream: Stream, _: Random) -> None:
        await stream.read()
        await asyncio.sleep(seconds)
        stream.close()

    return toxic


def reset(seconds: float = 0.0) -> Toxic:
    """The same, with a TCP RST for both ends."""

    async def toxic(stream: Stream, _: Random) -> None:
        await stream.read()
        await asyncio.sleep(seconds)
        stream.reset()

    return toxic


def slicer(size: int, variation: int = 0, every: float = 0.0) -> Toxic:
    """Everything comes in slices of so many bytes, more or less, each a segment of its own."""

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
    """The connection is closed once so many bytes came through."""

    async def toxic(stream: Stream, _: Random) -> None:
        left = size
        while left > 0 and (piece := await stream.read()):
            await stream.write(piece[:left])
            left -= len(piece)
        stream.close()

    return toxic
