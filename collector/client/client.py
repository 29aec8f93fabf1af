"""The HTTP client of a run: one GET with retries.

Client ─▸ Retrier ─▸ Pacer (governor, classify) ─▸ Transport
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias, TypeVar

import anyio

from collector.client.attempt_log import log_attempts
from collector.client.classify import raise_if_not_final
from collector.client.failures import FailedAttempt, failure_of
from collector.client.messages import Reply, Request, Send
from collector.client.pacer import Pacer
from collector.client.retrier import Retrier
from collector.client.retry import RetryPolicy
from collector.client.transport.aiohttp_transport import Transport
from collector.governor.events import Event
from collector.governor.governor import Governor
from collector.governor.report import throughput_of
from collector.model.clock import Clock
from collector.model.errors import CollectorError
from collector.model.ledger import RequestCount
from collector.model.throughput import Throughput, WaitReason

T = TypeVar("T")
Chunks: TypeAlias = AsyncIterator[bytes]
Stream: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[Reply, Chunks]]]
"""Sends a request and streams the body of the reply, at most `cap` bytes of it: `Transport.stream`."""


class Client:
    """Sends the requests of a run: each waits for a permit, and is retried until a final reply or the last attempt."""

    def __init__(
        self,
        retrier: Retrier,
        pacer: Pacer,
        governor: Governor,
        stream: Stream,
        *,
        clock: Clock,
        scrub: Callable[[str], str],
    ) -> None:
        self._retrier = retrier
        self._pacer = pacer
        self._governor = governor
        self._stream = stream
        self._clock = clock
        self._scrub = scrub

    @property
    def policy(self) -> RetryPolicy:
        """The default policy, for requests without one."""
        return self._retrier.policy

    async def get(
        self,
        request: Request,
        read: Callable[[Reply, int], Awaitable[T]],
        policy: RetryPolicy | None = None,
        *,
        is_probe_candidate: bool = True,
    ) -> T:
        """Return the result of `read`, called with the final reply and the number of its attempt, from 1.

        An exception of `read` fails the attempt. With `is_probe_candidate` the same request may later probe whether the
        server is up. Raises `GaveUp` when the attempts are spent, and a `CollectorError` that ends the run.
        """

        async def attempt(number: int, request: Request) -> T | FailedAttempt:
            try:
                reply = await self._pacer.send(request)
                return reply if isinstance(reply, FailedAttempt) else await read(reply, number)
            except CollectorError:
                raise
            except Exception as error:
                return FailedAttempt(failure_of(error, self._scrub))

        return await self._retrier.execute(attempt, request, policy, is_probe_candidate=is_probe_candidate)

    async def stream(
        self,
        request: Request,
        read: Callable[[Reply, Chunks], Awaitable[T]],
        policy: RetryPolicy | None = None,
        *,
        cap: int,
    ) -> T:
        """Work like `get`, but stream a body of at most `cap` bytes, from its start in each attempt."""

        async def exchange(request: Request) -> T:
            async with self._stream(request, cap=cap) as (reply, chunks):
                raise_if_not_final(reply, self._clock.wall_time())
                with self._pacer.arriving():
                    return await read(reply, chunks)

        async def attempt(_number: int, request: Request) -> T | FailedAttempt:
            return await self._pacer.send_by(exchange, request)

        return await self._retrier.execute(attempt, request, policy, is_probe_candidate=False)

    def set_probe_target(self, request: Request) -> None:
        """Keep a request that succeeded, as the probe of whether the server is up."""
        self._retrier.set_probe_target(request)

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return self._pacer.in_flight

    def stop(self) -> None:
        """Send no further requests."""
        self._pacer.stop()

    async def cool_down(self, seconds: float) -> None:
        """Wait, and count the time as a wait for the server."""
        with self._pacer.waiting(WaitReason.SERVER):
            await self._clock.sleep(seconds)

    def throughput(self, seconds: float) -> Throughput:
        """Return the throughput of a run that took `seconds` until now."""
        return throughput_of(self._governor, self._pacer.wait_seconds, seconds, self._clock.monotonic())


@asynccontextmanager
async def open_client(
    transport: Transport,
    governor: Governor,
    *,
    policy: RetryPolicy,
    outage_limit: float,
    count: RequestCount,
    clock: Clock,
    rng: random.Random,
    scrub: Callable[[str], str],
    note: Callable[[str], None],
    on_event: Callable[[Event], None],
    logs_attempts: bool = False,
) -> AsyncIterator[Client]:
    """Build the client around a transport, and keep its connections open within the context.

    `scrub` removes secrets from the server's text; `on_event` receives the governor's decisions. Raises `RunStopped`,
    in an exception group, when an outage lasts longer than `outage_limit` seconds.
    """
    send: Send = log_attempts(transport.send, note, clock) if logs_attempts else transport.send
    pacer = Pacer(send, governor, clock=clock, count=count, scrub=scrub, on_event=on_event)
    retrier = Retrier(pacer, governor, policy=policy, clock=clock, rng=rng, note=note)
    async with transport.opened(), anyio.create_task_group() as watch:
        watch.start_soon(pacer.watch, outage_limit)
        yield Client(retrier, pacer, governor, transport.stream, clock=clock, scrub=scrub)
        watch.cancel_scope.cancel()
