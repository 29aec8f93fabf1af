"""A proxy for tests that opens a tunnel for every CONNECT, and records what it receives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.scripted_server import listening


class Tunnel:
    """A tunnelling proxy that records its requests and the number of tunnelled bytes."""

    def __init__(self) -> None:
        self.url = ""
        self.heads: list[bytes] = []
        self.passed = bytearray()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(self._pass(reader, up_writer), self._pass(up_reader, writer))
        finally:
            up_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await reader.read(65536):
                self.passed += some
                writer.write(some)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def tunnelling() -> AsyncIterator[Tunnel]:
    tunnel = Tunnel()
    async with listening(tunnel.talk) as port:
        tunnel.url = f"http://127.0.0.1:{port}"
        yield tunnel
