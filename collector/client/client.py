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
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import anyio

from collector.client.attempt_log import logged
from collector.client.classify import judge
from collector.client.failures import AttemptFailed, BadPayload, KeyDoubted, Unforeseen
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
Attempt: TypeAlias = Callable[[int, Request], Awaitable[T]]
"""Sends the request, as the attempt of this number, from 1."""

Chunks: TypeAlias = AsyncIterator[bytes]
Stream: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[Reply, Chunks]]]
"""Sends a request whose body is read as it comes, at most `cap` bytes of it: `Transport.stream`."""

_BEFORE_ASKING_AGAIN = 1.0  # seconds between a 401 and the request that confirms it


class Client:
    """Asks the API for a run: every request is paced, and repeated until it is answered or spent."""

    def __init__(self, asker: Asker, pacer: Pacer, governor: Governor, stream: Stream, clock: Clock) -> None:
        self._asker = asker
        self._pacer = pacer
        self._governor = governor
        self._stream = stream
        self._clock = clock

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
        the server is back. Raises the last `AttemptFailed` when the attempts are spent, and a `CollectorError` that
        ends the run.
        """

        async def attempt(number: int, request: Request) -> T:
            return await read(await self._pacer.send(request), number)

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

        async def attempt(_number: int, request: Request) -> T:
            async with self._pacer.turn(request), self._stream(request, cap=cap) as (reply, chunks):
                judge(reply, self._clock.wall_time())
                return await read(reply, chunks)

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
    asker = Asker(pacer, governor, policy=policy, clock=clock, rng=rng, scrub=scrub, note=note)
    async with transport.opened(), anyio.create_task_group() as watch:
        watch.start_soon(pacer.watch, outage_limit)
        yield Client(asker, pacer, governor, transport.stream, clock)
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
        scrub: Callable[[str], str],
        note: Callable[[str], None],
    ) -> None:
        self._pacer = pacer
        self._governor = governor
        self.policy = policy
        self._clock = clock
        self._rng = rng
        self._scrub = scrub
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

        `is_telling` means that the same request may later tell whether the server is back. Raises the last
        `AttemptFailed` when the attempts are spent, and a `CollectorError` that ends the run.
        """
        confirmations = self._confirmations
        try:
            result = await attempt(1, request)
        except CollectorError:
            raise
        except Exception as error:
            failure = self._foreseen(error)
        else:
            self._governor.budget.earn()
            if is_telling:
                self.know(request)
            return result
        return await self._ask_again(attempt, request, failure, confirmations, policy or self.policy)

    async def _ask_again(
        self, attempt: Attempt[T], request: Request, first: AttemptFailed, confirmations: int, policy: RetryPolicy
    ) -> T:
        attempts = Attempts()

        async def once() -> T:
            # tenacity, which costs more than all of a good reply's way, starts with the failure that called for it.
            nonlocal confirmations
            attempts.made += 1
            failure = first
            if attempts.made > 1:
                confirmations = self._confirmations
                try:
                    retry = Request(
                        request.target,
                        policy.within - attempts.seconds,
                        is_retry=True,
                        refused_at=attempts.refused_at,
                    )
                    return await self._retry(attempt, retry, attempts)
                except CollectorError:
                    raise
                except Exception as error:
                    failure = self._foreseen(error)
            await self._react(failure, request, attempts, confirmations)
            raise failure

        return await retrying(once, attempts, policy, sleep=self._clock.sleep, rng=self._rng)

    async def _retry(self, attempt: Attempt[T], request: Request, attempts: Attempts) -> T:
        paid = self._governor.pay(attempts.retry_cost, self._clock.monotonic())
        self._pacer.report()
        if paid < attempts.retry_cost:
            await self._is_server_there()
        result = await attempt(attempts.made, request)
        self._governor.budget.earn(paid)
        return result

    async def _react(self, failure: AttemptFailed, request: Request, attempts: Attempts, confirmations: int) -> None:
        self._note(f"{request.target}: {failure.reason} (attempt {attempts.made})")
        if failure.halts and await self._is_server_there():
            failure.is_excused = False
        attempts.failed(failure)
        failure.attempts, failure.retried_s = attempts.made, attempts.seconds
        if isinstance(failure, KeyDoubted) and confirmations == self._confirmations:
            await self._confirm_key(request, confirmations)

    async def _is_server_there(self) -> bool:
        """All halt: is it the server that fails, or some of the ids? One that was answered before can tell."""
        async with self._question:
            if self._answered is None or not self._governor.is_halted:  # somebody else has asked meanwhile
                return not self._governor.is_halted
            try:
                return await self._has_answer(self._answered, after=0.0)
            except KeyDoubted:
                return True

    async def _confirm_key(self, request: Request, confirmations: int) -> None:
        async with self._doubt:
            if confirmations != self._confirmations:  # somebody else has asked meanwhile, and the key held
                return
            try:
                # Without an answer there is no verdict: the id's next 401 is confirmed anew.
                self._confirmations += await self._has_answer(request, after=_BEFORE_ASKING_AGAIN)
            except KeyDoubted:
                self._pacer.stop()
                raise KeyRefused("the API refuses the key (HTTP 401, twice); check the key, and --base-url") from None

    async def _has_answer(self, request: Request, *, after: float) -> bool:
        """Ask alone, not for the answer's sake. Raises `KeyDoubted` for a 401."""
        question = request._replace(is_retry=True)
        try:
            await self._pacer.send_alone(question, after=after)
        except (CollectorError, KeyDoubted):
            raise
        except BadPayload:
            return True
        except Exception as error:
            self._note(f"{request.target}: {self._foreseen(error).reason} (to a question of the run's own)")
            return False
        return True

    def _foreseen(self, error: Exception) -> AttemptFailed:
        """The failure without secrets; one that nobody foresaw costs its id a record, but not the run its end."""
        if not isinstance(error, AttemptFailed):
            at = traceback.extract_tb(error.__traceback__)[-1]  # its own text could hold anything
            return Unforeseen(f"internal error: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}")
        # A server chose some of its words, and they go into the errors file. What was raised outside of a request's
        # turn, while its reply was read, the pacer has not seen.
        error.reason = self._scrub(error.reason)
        return error
