"""Two ways to talk to a sandbox: a session, and bare bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import ClientSession

from collector.model.record import Json
from collector.sandbox.api import SANDBOX_KEY
from collector.sandbox.server import FAULTS_HEADER, Sandbox

PATIENCE = 20
"""Seconds until a wait that should have ended is a failure; nothing is measured with it."""


class Raw(NamedTuple):
    """A response as it came: nothing decoded, nothing required."""

    head: bytes
    body: bytes


class Wire:
    """One connection to the sandbox, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def get(self, path: str, **headers: str) -> None:
        """Send a request; underscores in header names stand for hyphens."""
        lines = [f"GET {path} HTTP/1.1", "Host: sandbox", f"Authorization: Bearer {SANDBOX_KEY}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def response(self) -> Raw:
        """Read a response that announces its length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return Raw(head, await self.reader.readexactly(length))


@asynccontextmanager
async def wire_to(sandbox: Sandbox) -> AsyncIterator[Wire]:
    """Open one connection and close it."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def session_to(sandbox: Sandbox, **headers: str) -> AsyncIterator[ClientSession]:
    """A client session with the sandbox's key."""
    keyed = {"Authorization": f"Bearer {sandbox.key}", **headers}
    async with ClientSession(sandbox.url, headers=keyed) as session:
        yield session


async def status_of(session: ClientSession, path: str, faults: str = "") -> int:
    """The status a GET ends with, under these faults."""
    async with session.get(path, headers={FAULTS_HEADER: faults}, allow_redirects=False) as response:
        return response.status


async def got(session: ClientSession, path: str, headers: Mapping[str, str] | None = None) -> Json:
    """GET a path and return the JSON of a 200."""
    async with session.get(path, headers=headers) as response:
        assert response.status == 200
        return await response.json()


async def until(condition: Callable[[], bool]) -> None:
    """Let the server turn until this is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def until_idle(sandbox: Sandbox) -> None:
    """Let the server turn until no request is under way."""
    await until(lambda: ", 0 in flight" in repr(sandbox.log))
