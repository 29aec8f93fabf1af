"""Writes replies to the client, completely or not. Knows aiohttp and sockets; must not know faults."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress

from aiohttp import web

from collector.sandbox.replies import JSON, Reply

JSON_LINES = "application/x-ndjson"

_NO_LINGER = struct.pack("ii", 1, 0)
"""`struct linger` (on, 0 seconds), with which closing a socket resets the connection."""


def full_response(status: int, body: bytes, headers: Mapping[str, str], content_type: str = JSON) -> web.Response:
    """A response with a complete body, not yet sent."""
    return web.Response(status=status, body=body, headers={**headers, "Content-Type": content_type})


async def send(request: web.BaseRequest, reply: Reply, headers: Mapping[str, str]) -> web.StreamResponse:
    """Respond with the reply. Pieces are written here; aiohttp writes a complete body once this has returned."""
    if isinstance(reply.body, bytes):
        return full_response(reply.status, reply.body, headers, reply.content_type)
    return await stream(request, reply.body, headers)


async def stream(
    request: web.BaseRequest, pieces: Iterator[bytes], headers: Mapping[str, str], content_type: str = JSON
) -> web.StreamResponse:
    """Write the pieces as they are produced, at the client's pace. The event loop runs after each piece."""
    response = web.StreamResponse(headers={**headers, "Content-Type": content_type})
    with suppress(ConnectionError):  # the client disconnected; aiohttp would log an error of the server
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
    return response


async def send_truncated(request: web.BaseRequest, reply: Reply, headers: Mapping[str, str]) -> web.StreamResponse:
    """Announce the complete reply, write its first half and close the connection.

    A body in pieces announces no length. Its first piece is written, and the final chunk is not.
    """
    response = web.StreamResponse(status=reply.status, headers={**headers, "Content-Type": JSON})
    if isinstance(reply.body, bytes):
        response.content_length = len(reply.body)
        half = reply.body[: len(reply.body) // 2]
    else:
        half = next(reply.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(half)
    close(request)
    return response


async def send_and_close(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Write a complete response, then close the connection without having announced it."""
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write_eof()
    close(request)


def close(request: web.BaseRequest) -> None:
    """Close the connection once all written bytes are sent."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.BaseRequest) -> None:
    """Reset the connection: the client receives a TCP RST."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()


def send_garbage(request: web.BaseRequest, garbage: bytes) -> None:
    """Write `garbage` in place of a status line, then close the connection."""
    if request.transport is not None:
        request.transport.write(garbage)
        request.transport.close()
