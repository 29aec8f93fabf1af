"""One patient GET: what a run asks the API with.

    Client ─▸ Asker (retries) ─▸ Pacer (governor, classify) ─▸ Transport

Theory of operation. One id's failure is its own business: it backs off and is asked for again, a bounded number of
times (`retry`), as far as the run's budget goes. What an answer means for everybody the pacer hears first: it
pauses and slows down all. Two things are dealt with here.

After a 401 the request is made once more, alone, and if it is refused again the run ends, having sent at most one
request more than were in flight. When all halt because too much fails, the next to try is a request that was answered
before, if there is one: broken ids look like an outage, and only one that is known to be good can tell.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias, TypeVar

import anyio

from collector.client.attempt_log import logged
from collector.client.classify import judge
from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    GaveUp,
    KeyDoubted,
    Transient,
    failure_of,
)
from collector.client.messages import Reply, Request, Send
from collector.client.pacer import Pacer
from collector.client.retry import Attempts, RetryPolicy, retrying
from collector.client.transport.aiohttp_transport import Transport
from collector.governor.events import Event
from collector.governor.governor import Governor
from collector.governor.report import pace_of
from collector.model.clock import Clock
from collector.model.errors import CollectorError, KeyRefused
from collector.model.ledger import RequestCount
from collector.model.throughput import Cause, Pace

T = TypeVar("T")
Attempt: TypeAlias = Callable[[int, Request], Awaitable[T | FailedAttempt]]
"""Sends the request, as the attempt of this number, from 1. Raises only what ends the run."""

Chunks: TypeAlias = AsyncIterator[bytes]
Stream: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[Reply, Chunks]]]
"""Sends a request whose body is read as it comes, at most `cap` bytes of it: `Transport.stream`."""

_BEFORE_ASKING_AGAIN = 1.0  # seconds between a 401 and the request that confirms it


class Client:
    """Asks the API for a run: every request is paced, and repeated until it is answered or spent."""

    def __init__(
        self,
        asker: Asker,
        pacer: Pacer,
        governor: Governor,
        stream: Stream,
        *,
        clock: Clock,
        scrub: Callable[[str], str],
    ) -> None:
        self._asker = asker
        self._pacer = pacer
        self._governor = governor
        self._stream = stream
        self._clock = clock
        self._scrub = scrub

    @property
    def policy(self) -> RetryPolicy:
        """What holds for a request that brings no policy of its own."""
        return self._asker.policy

    async def get(
        self,
        request: Request,
        read: Callable[[Reply, int], Awaitable[T]],
        policy: RetryPolicy | None = None,
        *,
        is_telling: bool = True,
    ) -> T:
        """What `read` makes of a reply that is final for the request, and of the number of its attempt, from 1.

        What `read` raises is a failure of the attempt. `is_telling` means that the same request may later tell whether
        the server is back. Raises `GaveUp` when the attempts are spent, and a `CollectorError` that ends the run.
        """

        async def attempt(number: int, request: Request) -> T | FailedAttempt:
            reply = await self._pacer.send(request)
            if isinstance(reply, FailedAttempt):
                return reply
            try:
                return await read(reply, number)
            except CollectorError:
                raise
            except Exception as error:
                return FailedAttempt(failure_of(error, self._scrub))

        return await self._asker.ask(attempt, request, policy, is_telling=is_telling)

    async def stream(
        self,
        request: Request,
        read: Callable[[Reply, Chunks], Awaitable[T]],
        policy: RetryPolicy | None = None,
        *,
        cap: int,
    ) -> T:
        """As `get`, for a body of at most `cap` bytes that is read as it comes, from its start in each attempt."""

        async def exchange(request: Request) -> T:
            async with self._stream(request, cap=cap) as (reply, chunks):
                judge(reply, self._clock.wall_time())
                return await read(reply, chunks)

        async def attempt(_number: int, request: Request) -> T | FailedAttempt:
            return await self._pacer.send_by(exchange, request)

        return await self._asker.ask(attempt, request, policy, is_telling=False)

    def know(self, request: Request) -> None:
        """This one had an answer once; asked for again, it can tell whether the server is there."""
        self._asker.know(request)

    @property
    def in_flight(self) -> int:
        """Requests that started and have not ended."""
        return self._pacer.in_flight

    def stop(self) -> None:
        """Nothing starts any more."""
        self._pacer.stop()

    async def rest(self, seconds: float) -> None:
        """Wait, and count it as waited for the server."""
        with self._pacer.waiting(Cause.SERVER):
            await self._clock.sleep(seconds)

    def pace(self, seconds: float) -> Pace:
        """The pace of a run that took so many seconds until now."""
        return pace_of(self._governor, self._pacer.waited, seconds, self._clock.monotonic())


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
    tell: Callable[[Event], None],
    logs_attempts: bool = False,
) -> AsyncIterator[Client]:
    """Build the client around a transport, and keep its connections for as long as the context lasts.

    `scrub` takes secrets out of what a server said, `tell` hears what the governor decides. Raises, in an exception
    group, `RunStopped` when the server does not answer for longer than `outage_limit` seconds.
    """
    send: Send = logged(transport.send, note, clock) if logs_attempts else transport.send
    pacer = Pacer(send, governor, clock=clock, count=count, scrub=scrub, tell=tell)
    asker = Asker(pacer, governor, policy=policy, clock=clock, rng=rng, note=note)
    async with transport.opened(), anyio.create_task_group() as watch:
        watch.start_soon(pacer.watch, outage_limit)
        yield Client(asker, pacer, governor, transport.stream, clock=clock, scrub=scrub)
        watch.cancel_scope.cancel()


class Asker:
    """Makes attempts until one succeeds. One instance a run, because the key's doubts are everybody's."""

    def __init__(
        self,
        pacer: Pacer,
        governor: Governor,
        *,
        policy: RetryPolicy,
        clock: Clock,
        rng: random.Random,
        note: Callable[[str], None],
    ) -> None:
        self._pacer = pacer
        self._governor = governor
        self.policy = policy
        self._clock = clock
        self._rng = rng
        self._note = note
        self._doubt = anyio.Lock(fast_acquire=True)  # so that nothing starts before all are held back
        self._question = anyio.Lock(fast_acquire=True)
        self._confirmations = 0
        self._answered: Request | None = None

    def know(self, request: Request) -> None:
        """This one had an answer once; asked for again, it can tell whether the server is there."""
        self._answered = request

    async def ask(
        self, attempt: Attempt[T], request: Request, policy: RetryPolicy | None = None, *, is_telling: bool = True
    ) -> T:
        """What `attempt`, which sends `request`, returns when it succeeds.

        `is_telling` means that the same request may later tell whether the server is back. Raises `GaveUp` when the
        attempts are spent, and a `CollectorError` that ends the run.
        """
        confirmations = self._confirmations
        result = await attempt(1, request)
        if isinstance(result, FailedAttempt):
            return await self._ask_again(attempt, request, result, confirmations, policy or self.policy)
        self._governor.budget.earn()
        if is_telling:
            self.know(request)
        return result

    async def _ask_again(
        self, attempt: Attempt[T], request: Request, first: FailedAttempt, confirmations: int, policy: RetryPolicy
    ) -> T:
        attempts = Attempts()

        async def once() -> T | FailedAttempt:
            # tenacity, which costs more than all of a good reply's way, starts with the failure that called for it.
            nonlocal confirmations
            attempts.made += 1
            result: T | FailedAttempt = first
            if attempts.made > 1:
                confirmations = self._confirmations
                result = await self._retry(attempt, request, attempts, policy)
            if isinstance(result, FailedAttempt):
                await self._react(result, request, attempts, confirmations)
            return result

        result = await retrying(once, attempts, policy, sleep=self._clock.sleep, rng=self._rng)
        if isinstance(result, FailedAttempt):
            raise GaveUp(result.failure, attempts.made, attempts.took)
        return result

    async def _retry(
        self, attempt: Attempt[T], request: Request, attempts: Attempts, policy: RetryPolicy
    ) -> T | FailedAttempt:
        within = policy.within - attempts.seconds
        retry = request._replace(within=within, is_retry=True, refused_at=attempts.refused_at)
        paid = self._governor.pay(attempts.retry_cost, self._clock.monotonic())
        self._pacer.report()
        if paid < attempts.retry_cost:
            await self._is_server_there()
        result = await attempt(attempts.made, retry)
        if not isinstance(result, FailedAttempt):
            self._governor.budget.earn(paid)
        return result

    async def _react(self, failed: FailedAttempt, request: Request, attempts: Attempts, confirmations: int) -> None:
        failure = failed.failure
        self._note(f"{request.target}: {failure.reason} (attempt {attempts.made})")
        is_server_there = failed.halts and await self._is_server_there()
        is_excused = failed.was_probe and isinstance(failure, Transient) and not is_server_there
        attempts.failed(failed, is_excused=is_excused)
        if isinstance(failure, KeyDoubted) and confirmations == self._confirmations:
            await self._confirm_key(request, confirmations)

    async def _is_server_there(self) -> bool:
        """All halt: is it the server that fails, or some of the ids? One that was answered before can tell."""
        async with self._question:
            if self._answered is None or not self._governor.is_halted:  # somebody else has asked meanwhile
                return not self._governor.is_halted
            failure = await self._failure_alone(self._answered, after=0.0)
            return failure is None or isinstance(failure, KeyDoubted)

    async def _confirm_key(self, request: Request, confirmations: int) -> None:
        async with self._doubt:
            if confirmations != self._confirmations:  # somebody else has asked meanwhile, and the key held
                return
            failure = await self._failure_alone(request, after=_BEFORE_ASKING_AGAIN)
            if isinstance(failure, KeyDoubted):
                self._pacer.stop()
                raise KeyRefused("the API refuses the key (HTTP 401, twice); check the key, and --base-url")
            # Without an answer there is no verdict: the id's next 401 is confirmed anew.
            self._confirmations += failure is None

    async def _failure_alone(self, request: Request, *, after: float) -> AttemptFailed | None:
        """Ask alone, not for the answer's sake: why there was none. An answer that is of no use is one."""
        result = await self._pacer.send_alone(request._replace(is_retry=True), after=after)
        if not isinstance(result, FailedAttempt) or isinstance(result.failure, BadPayload):
            return None
        if not isinstance(result.failure, KeyDoubted):
            self._note(f"{request.target}: {result.failure.reason} (to a question of the run's own)")
        return result.failure
