"""Sends single requests by the transport and the rate ceiling of a run, without retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, TypeVar

import anyio

from collector.client.failures import TimedOut
from collector.client.messages import Reply, Request
from collector.client.transport.aiohttp_transport import Transport
from collector.governor.rate_ceiling import RateCeiling
from collector.model.clock import Clock
from collector.run.readiness.checks.replies import Answer

T = TypeVar("T")
_LIST_CAP: Final = 1 << 24  # bytes; one item of the list is at most that long
_PERMIT_WITHIN: Final = 30.0  # seconds


class ApiProbe:
    """Sends requests, each with a permit of the ceiling."""

    def __init__(self, transport: Transport, ceiling: RateCeiling, clock: Clock, within: float) -> None:
        """`within` is the time limit of one request in seconds."""
        self._transport = transport
        self._ceiling = ceiling
        self._clock = clock
        self._within = within

    async def take_permit(self) -> None:
        """Wait for a permit. Raises `TimedOut` if other runs leave none for too long."""
        try:
            with anyio.fail_after(_PERMIT_WITHIN):
                while wait := self._ceiling.try_acquire(self._clock.monotonic()):
                    await self._clock.sleep(wait)
        except TimeoutError:
            raise TimedOut(f"no permit within {_PERMIT_WITHIN:g} s: other runs use the whole --rate") from None

    async def get(self, target: str) -> Answer:
        """Send one request. Raises `AttemptFailed`, and `ConfigError` as `Transport.send` does."""
        await self.take_permit()
        began = self._clock.wall_time()
        reply = await self._transport.send(Request(target, within=self._within))
        return Answer(reply, began, self._clock.wall_time())

    async def read_beginning(
        self, target: str, read: Callable[[Reply, AsyncIterator[bytes]], Awaitable[T]]
    ) -> tuple[Reply, T | None]:
        """Send one request, and let `read` read as much of a 200 as it needs. Raises as `get` does."""
        await self.take_permit()
        try:
            with anyio.fail_after(self._within):
                async with self._transport.stream(Request(target), cap=_LIST_CAP) as (reply, chunks):
                    if reply.status != 200:
                        return reply, None
                    async with aclosing(chunks):  # type: ignore[type-var]  # a generator
                        return reply, await read(reply, chunks)
        except TimeoutError:
            raise TimedOut(f"no reply within {self._within:g} s") from None
