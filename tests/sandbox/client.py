"""Two clients of a sandbox: an aiohttp session and a raw connection."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import ClientSession
from yarl import URL

from collector.model.record import Json
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import FAULTS_HEADER, Sandbox

TIMEOUT_SECONDS = 20
"""Time limit of a wait that should end much earlier. No measurement depends on it."""


class Subject(NamedTuple):
    """The properties of a request that select faults."""

    endpoint: Endpoint
    organization_number: int = 1
    page_number: int | None = None


class RawResponse(NamedTuple):
    """The bytes of a response, neither decoded nor checked."""

    head: bytes
    body: bytes


class RawConnection:
    """One TCP connection to the sandbox, without an HTTP library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def get(self, path: str, **headers: str) -> None:
        """Send a request. Underscores in header names become hyphens."""
        lines = [f"GET {path} HTTP/1.1", "Host: sandbox", f"Authorization: Bearer {SANDBOX_KEY}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def response(self) -> RawResponse:
        """Read a response that has a Content-Length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return RawResponse(head, await self.reader.readexactly(length))


@asynccontextmanager
async def open_raw(sandbox: Sandbox) -> AsyncIterator[RawConnection]:
    """Open a raw connection for the duration of the block."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def open_session(sandbox: Sandbox, **headers: str) -> AsyncIterator[ClientSession]:
    """Open a client session that sends the sandbox's key."""
    with_key = {"Authorization": f"Bearer {sandbox.key}", **headers}
    async with ClientSession(sandbox.url, headers=with_key) as session:
        yield session


def basic_authorization(user: str, password: str) -> str:
    """The `Authorization` header of a key with an organization's id, or of a key alone."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


async def get_status(session: ClientSession, path: str, faults: str = "") -> int:
    """GET a path with these faults and return the status."""
    async with session.get(path, headers={FAULTS_HEADER: faults}, allow_redirects=False) as response:
        return response.status


async def get_json(session: ClientSession, path: str, headers: Mapping[str, str] | None = None) -> Json:
    """GET a path, check that the status is 200 and return the JSON."""
    async with session.get(URL(path, encoded=True), headers=headers) as response:
        assert response.status == 200
        return await response.json()


async def wait_until(condition: Callable[[], bool]) -> None:
    """Run the event loop until `condition` is true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition has no event to wait for
            await asyncio.sleep(0)


async def wait_until_idle(sandbox: Sandbox) -> None:
    """Run the event loop until no request is in progress."""
    await wait_until(lambda: ", 0 in flight" in repr(sandbox.log))
