"""Retries a request until it succeeds or its attempts are spent.

Theory of operation. A failure concerns one id: the id backs off and is requested again, a bounded number of times
(`retry`), as far as the run's retry budget allows. The pacer sees every reply first and applies its run-wide
consequences: pauses and lower rates. Two cases are handled here.

After a 401 the request is repeated once, while all others are held. A second 401 ends the run, which has then sent at
most one request more than were in flight. If the key may be refused for one request alone, one that succeeded earlier
is repeated instead. When the breaker opens, an id that succeeded earlier becomes the probe, if
one exists: broken ids look like an outage, and only a good id distinguishes the two.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import anyio

from collector.client.failures import AttemptFailed, BadPayload, FailedAttempt, GaveUp, Transient, Unauthorized
from collector.client.messages import Request
from collector.client.pacer import Pacer
from collector.client.retry import Attempts, RetryPolicy, retrying
from collector.governor.governor import Governor
from collector.model.clock import Clock
from collector.model.errors import KeyRefused

T = TypeVar("T")
Attempt: TypeAlias = Callable[[int, Request], Awaitable[T | FailedAttempt]]
"""Sends the request; the number of the attempt starts at 1. Raises only exceptions that end the run."""

_CONFIRMATION_DELAY = 1.0  # seconds between a 401 and the request that confirms it


class Retrier:
    """Makes attempts until one succeeds. One instance per run, because a rejected key affects all requests."""

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
        # Acquired without a yield, so that the hold begins before the next request.
        self._confirmation_lock = anyio.Lock(fast_acquire=True)
        self._probe_lock = anyio.Lock(fast_acquire=True)
        self._confirmations = 0
        self._probe_target: Request | None = None

    def set_probe_target(self, request: Request) -> None:
        """Keep a request that succeeded: sent again, it distinguishes an outage from broken ids."""
        self._probe_target = request

    async def execute(
        self,
        attempt: Attempt[T],
        request: Request,
        policy: RetryPolicy | None = None,
        *,
        is_probe_candidate: bool = True,
    ) -> T:
        """Call `attempt` with `request` until it succeeds, and return its result.

        With `is_probe_candidate` the same request may later probe whether the server is up. Raises `GaveUp` when the
        attempts are spent, and a `CollectorError` that ends the run.
        """
        confirmations = self._confirmations
        result = await attempt(1, request)
        if isinstance(result, FailedAttempt):
            return await self._retry_until_done(attempt, request, result, confirmations, policy or self.policy)
        self._governor.retry_budget.deposit()
        if is_probe_candidate and not request.is_optional:
            self.set_probe_target(request)
        return result

    async def _retry_until_done(
        self, attempt: Attempt[T], request: Request, first: FailedAttempt, confirmations: int, policy: RetryPolicy
    ) -> T:
        attempts = Attempts()

        async def attempt_once() -> T | FailedAttempt:
            # tenacity costs more than the rest of a successful request, so only a failure starts it. Its first call
            # returns that failure.
            nonlocal confirmations
            attempts.total += 1
            result: T | FailedAttempt = first
            if attempts.total > 1:
                confirmations = self._confirmations
                result = await self._retry_once(attempt, request, attempts, policy)
            if isinstance(result, FailedAttempt):
                await self._record_failure(result, request, attempts, confirmations)
            return result

        result = await retrying(attempt_once, attempts, policy, sleep=self._clock.sleep, rng=self._rng)
        if isinstance(result, FailedAttempt):
            raise GaveUp(result.failure, attempts.total, attempts.retried_s)
        return result

    async def _retry_once(
        self, attempt: Attempt[T], request: Request, attempts: Attempts, policy: RetryPolicy
    ) -> T | FailedAttempt:
        within = policy.within - attempts.seconds
        retry = request._replace(within=within, is_retry=True, throttled_at=attempts.throttled_at)
        withdrawn = self._governor.spend_retry(attempts.retry_cost, self._clock.monotonic())
        self._pacer.report()
        if withdrawn < attempts.retry_cost:
            await self._probe_server()
        result = await attempt(attempts.total, retry)
        if not isinstance(result, FailedAttempt):
            self._governor.retry_budget.deposit(withdrawn)
        return result

    async def _record_failure(
        self, failed: FailedAttempt, request: Request, attempts: Attempts, confirmations: int
    ) -> None:
        failure = failed.failure
        self._note(f"{request.target}: {failure.reason} (attempt {attempts.total})")
        is_server_up = failed.opened_breaker and await self._probe_server()
        is_excused = failed.was_probe and isinstance(failure, Transient) and not is_server_up
        attempts.add_failure(failed, is_excused=is_excused)
        if isinstance(failure, Unauthorized) and confirmations == self._confirmations:
            await self._confirm_key(request, confirmations)

    async def _probe_server(self) -> bool:
        """The breaker is open. Probe with an id that succeeded earlier to tell an outage from a few broken ids."""
        async with self._probe_lock:
            if self._probe_target is None or not self._governor.is_breaker_open:  # another task has probed meanwhile
                return not self._governor.is_breaker_open
            failure = await self._probe(self._probe_target, after=0.0)
            return failure is None or isinstance(failure, Unauthorized)

    async def _confirm_key(self, request: Request, confirmations: int) -> None:
        async with self._confirmation_lock:
            if confirmations != self._confirmations:  # another task has confirmed the key meanwhile
                return
            confirming = self._probe_target if request.is_optional and self._probe_target else request
            failure = await self._probe(confirming, after=_CONFIRMATION_DELAY)
            if isinstance(failure, Unauthorized):
                self._pacer.stop()
                raise KeyRefused("the API rejected the key (HTTP 401, twice); check the key and --base-url")
            # A probe without a reply is inconclusive, so the next 401 is checked again.
            self._confirmations += failure is None

    async def _probe(self, request: Request, *, after: float) -> AttemptFailed | None:
        """Send exclusively and discard the reply. Return None if the server answered, else the failure."""
        result = await self._pacer.send_exclusively(request._replace(is_retry=True), after=after)
        if not isinstance(result, FailedAttempt) or isinstance(result.failure, BadPayload):
            return None
        if not isinstance(result.failure, Unauthorized):
            self._note(f"{request.target}: {result.failure.reason} (probe)")
        return result.failure
