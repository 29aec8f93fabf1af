"""Reads and decompresses the body of one reply within size limits. Must not know sessions or requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from collector.client.failures import TooLarge
from collector.client.transport.content_coding import decoder_of

if TYPE_CHECKING:
    import aiohttp  # only `aiohttp_transport` imports it at run time, with a guard

MAX_WIRE_BYTES: Final = 2 * 1024 * 1024
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of one reply's body, on the wire and decompressed."""


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the complete decompressed body. Raises `BadPayload`, `TooLarge`, and aiohttp's exceptions of reading."""
    if response.content.is_eof() and "Content-Encoding" not in response.headers:
        return response.content.read_nowait()  # it arrived with its head, so it is small and complete
    return b"".join([chunk async for chunk in chunks_of(response, MAX_WIRE_BYTES, MAX_BODY_BYTES)])


async def chunks_of(response: aiohttp.ClientResponse, wire_cap: int, body_cap: int) -> AsyncIterator[bytes]:
    """Yield the decompressed body as it arrives: at most `wire_cap` bytes on the wire, `body_cap` decompressed."""
    decoder = decoder_of(",".join(response.headers.getall("Content-Encoding", ())), body_cap, response.status)
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > wire_cap:
            raise TooLarge(f"the body exceeds {wire_cap} bytes", response.status)
        yield decoder.feed(chunk) if decoder else chunk
    if decoder:
        decoder.close()
