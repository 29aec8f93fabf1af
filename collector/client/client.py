"""Ask until there is an answer.

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
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import anyio

from collector.client.failures import AttemptFailed, BadPayload, KeyDoubted, Unforeseen
from collector.client.messages import Request
from collector.client.pacer import Pacer
from collector.client.retry import Attempts, RetryPolicy, retrying
from collector.governor.governor import Governor
from collector.model.clock import Clock
from collector.model.errors import CollectorError, KeyRefused

T = TypeVar("T")
Attempt: TypeAlias = Callable[[int, Request], Awaitable[T]]
"""Sends the request, as the attempt of this number, from 1."""

_BEFORE_ASKING_AGAIN = 1.0  # seconds between a 401 and the request that confirms it


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
