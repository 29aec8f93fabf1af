"""The body of one reply, read and unpacked within its caps. Knows no sessions and no requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from collector.client.failures import TooLarge
from collector.client.transport.content_coding import decoder_of

if TYPE_CHECKING:
    import aiohttp  # at run time by `aiohttp_transport` alone, which guards the import

MAX_WIRE_BYTES: Final = 2 * 1024 * 1024
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Largest body of one reply, as it travels and unpacked."""


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, unpacked. Raises `BadPayload`, `TooLarge`, and what aiohttp raises while it reads."""
    if response.content.is_eof() and "Content-Encoding" not in response.headers:
        return response.content.read_nowait()  # it came with its head, so it is small, and there is nothing to wait for
    return b"".join([chunk async for chunk in chunks_of(response, MAX_WIRE_BYTES, MAX_BODY_BYTES)])


async def chunks_of(response: aiohttp.ClientResponse, wire_cap: int, body_cap: int) -> AsyncIterator[bytes]:
    """The body, unpacked, as it comes: at most `wire_cap` bytes that travelled and `body_cap` in all."""
    decoder = decoder_of(",".join(response.headers.getall("Content-Encoding", ())), body_cap, response.status)
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > wire_cap:
            raise TooLarge(f"the body is over {wire_cap} bytes", response.status)
        yield decoder.feed(chunk) if decoder else chunk
    if decoder:
        decoder.close()
