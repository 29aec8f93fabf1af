"""How the bytes of an answer get to the client, or do not. Knows aiohttp and sockets, but not why."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress

from aiohttp import web

from collector.sandbox.api import Answer

JSON = "application/json"
JSON_LINES = "application/x-ndjson"

_NO_LINGER = struct.pack("ii", 1, 0)
"""`struct linger`: on, for 0 seconds, so that closing resets."""


def whole(status: int, body: bytes, headers: Mapping[str, str], content_type: str = JSON) -> web.Response:
    """A response of a body that is there already."""
    return web.Response(status=status, body=body, headers={**headers, "Content-Type": content_type})


async def send(request: web.BaseRequest, answer: Answer, headers: Mapping[str, str]) -> web.StreamResponse:
    """Answer with JSON; a body in pieces is written here and now, a whole one by the caller's caller."""
    if isinstance(answer.body, bytes):
        return whole(answer.status, answer.body, headers)
    return await stream(request, answer.body, headers)


async def stream(
    request: web.BaseRequest, pieces: Iterator[bytes], headers: Mapping[str, str], content_type: str = JSON
) -> web.StreamResponse:
    """Write the pieces as they are made, letting the event loop turn after each, at the client's pace."""
    response = web.StreamResponse(headers={**headers, "Content-Type": content_type})
    with suppress(ConnectionError):  # the client left; aiohttp would log that as an error of ours
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
    return response


async def cut(request: web.BaseRequest, answer: Answer, headers: Mapping[str, str]) -> web.StreamResponse:
    """Announce the whole answer, write its first half and close.

    A body in pieces announces no length; its first piece is written and the end of the chunks is not.
    """
    response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Type": JSON})
    if isinstance(answer.body, bytes):
        response.content_length = len(answer.body)
        half = answer.body[: len(answer.body) // 2]
    else:
        half = next(answer.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(half)
    close(request)
    return response


async def finish(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Write all of a response, then close without having announced it."""
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write_eof()
    close(request)


def close(request: web.BaseRequest) -> None:
    """Close the connection after what was written."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.BaseRequest) -> None:
    """Reset the connection: the client sees a TCP RST."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()


def send_garbage(request: web.BaseRequest, noise: bytes) -> None:
    """Write these bytes where a status line belongs, and close."""
    if request.transport is not None:
        request.transport.write(noise)
        request.transport.close()
