"""The async shell of the governor: each request waits for a permit, and its end is reported to the governor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple, TypeVar

from collector.client.classify import raise_if_not_final
from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    Throttled,
    TimedOut,
    Transient,
    Unauthorized,
    failure_of,
)
from collector.client.messages import Reply, Request, Send
from collector.client.permit_queue import PermitQueue, stopped_by
from collector.governor.events import Event, PauseTooLong, TooManyPauses
from collector.governor.governor import Governor, Permit
from collector.governor.rate_limit_headers import Allowance, Quota, allowance, quota
from collector.model.clock import Clock
from collector.model.errors import CollectorError, RunStopped
from collector.model.ledger import RequestCount
from collector.model.throughput import WaitReason

T = TypeVar("T")
_WATCH_INTERVAL = 0.25  # seconds between two checks of the outage's length


class Feedback(NamedTuple):
    """The facts of a final reply for the governor: success, and the limits in its headers."""

    is_success: bool = True
    allowance: Allowance | None = None
    quota: Quota | None = None


_SUCCESS: Final = Feedback()


def _success(_result: object) -> Feedback:
    return _SUCCESS


class Pacer:
    """Sends each request in its turn, classifies the reply and reports it to the governor.

    A reply that calls for another attempt becomes a failed attempt. `count` counts retries and throttled replies.
    `scrub` removes secrets from the reason of a failure; `on_event` receives the governor's decisions.
    """

    def __init__(
        self,
        send: Send,
        governor: Governor,
        *,
        clock: Clock,
        count: RequestCount,
        scrub: Callable[[str], str],
        on_event: Callable[[Event], None],
    ) -> None:
        self._send = send
        self._governor = governor
        self._monotonic, self._wall_time, self._sleep = clock
        self._count = count
        self._scrub = scrub
        self._on_event = on_event
        self._queue = PermitQueue(governor, clock)
        self._arriving_bodies = 0

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""
        return self._governor.in_flight

    def stop(self) -> None:
        """Send no further requests."""
        self._queue.stop()

    @property
    def wait_seconds(self) -> Mapping[WaitReason, float]:
        """Seconds that requests waited for permits, by reason."""
        return self._queue.wait_seconds

    def waiting(self, reason: WaitReason) -> AbstractContextManager[None]:
        """Count the time within the context as a wait for this reason."""
        return self._queue.waiting(reason)

    async def send(self, request: Request) -> Reply | FailedAttempt:
        """Send `request` in its turn and return the reply or the failure; timeouts exclude the wait for the permit.

        Raises `RunStopped` when the server requests too long a pause or its quota resets too late, and every
        `CollectorError` of sending.
        """
        # Every task that has a reply finishes its record before the first of them sends again. Batches of records,
        # then of requests, keep the processor's caches warm: measured, about 10 % less work in total.
        await asyncio.sleep(0)
        permit = self._queue.try_acquire() or await self._queue.acquire_in_turn()
        return await self._exchange(request, permit, self._send, self._feedback_from)

    async def send_exclusively(self, request: Request, *, after: float) -> Reply | FailedAttempt:
        """Hold all other requests from now on, wait `after` seconds, then send as `send` does."""
        with self._queue.hold():
            if after:
                await self._sleep(after)
            permit = await self._queue.acquire(is_exclusive=True)
            return await self._exchange(request, permit, self._send, self._feedback_from)

    async def send_by(self, exchange: Callable[[Request], Awaitable[T]], request: Request) -> T | FailedAttempt:
        """Work like `send`, but let `exchange` send the request and read the reply."""
        return await self._exchange(request, await self._queue.acquire_in_turn(), exchange, _success)

    async def _exchange(
        self,
        request: Request,
        permit: Permit,
        exchange: Callable[[Request], Awaitable[T]],
        feedback_from: Callable[[T], Feedback],
    ) -> T | FailedAttempt:
        self._count.retried += request.is_retry
        try:
            result = await exchange(request)
            feedback = feedback_from(result)
        except CollectorError:
            self._abandoned(permit)
            raise
        except Exception as error:
            failure = failure_of(error, self._scrub)
        except BaseException:
            self._abandoned(permit)
            raise
        else:
            self._answered(permit, feedback)
            return result
        return self._failed(permit, request, failure)

    def _feedback_from(self, reply: Reply) -> Feedback:
        """Return the feedback of a final reply; raise `AttemptFailed` for any other."""
        now = self._wall_time()
        if reply.status != 200:
            raise_if_not_final(reply, now)
        limit = allowance(reply.headers, now)
        if limit is None and reply.status == 200:
            return _SUCCESS
        return Feedback(reply.status == 200, limit, quota(reply.headers) if limit else None)

    def report(self) -> None:
        """Pass the governor's new decisions to `on_event`."""
        while self._governor.events:
            self._on_event(self._governor.events.pop(0))

    def _answered(self, permit: Permit, feedback: Feedback) -> None:
        try:
            self._governor.answered(
                permit,
                self._monotonic(),
                is_success=feedback.is_success,
                allowance=feedback.allowance,
                quota=feedback.quota,
            )
        except (PauseTooLong, TooManyPauses) as pause:
            raise stopped_by(pause, self._wall_time()) from None
        finally:
            self._wake_and_report()

    def _abandoned(self, permit: Permit) -> None:
        self._governor.abandoned(permit, self._monotonic())
        self._wake_and_report()

    def _failed(self, permit: Permit, request: Request, failure: AttemptFailed) -> FailedAttempt:
        try:
            return self._report_failure(permit, request, failure, self._monotonic())
        except (PauseTooLong, TooManyPauses) as pause:
            raise stopped_by(pause, self._wall_time()) from None
        finally:
            self._wake_and_report()

    def _wake_and_report(self) -> None:
        self._queue.wake()
        if self._governor.events:
            self.report()

    def _report_failure(self, permit: Permit, request: Request, failure: AttemptFailed, now: float) -> FailedAttempt:
        """Report the failure to the governor; return the failed attempt with the consequences."""
        failed = FailedAttempt(failure, now - permit.at, was_probe=permit.is_probe)
        match failure:
            case Throttled():
                self._count.throttled += 1
                failed = failed._replace(
                    throttled_at=self._governor.accepted,
                    is_isolated=self._governor.is_isolated(permit, request.throttled_at),
                )
                if failed.is_isolated:
                    self._governor.throttled_in_isolation(permit, now)
                else:
                    is_outage = failure.status == 503 or request.is_sole
                    self._governor.throttled(permit, now, failure.wait, failure.reason, is_outage=is_outage)
            case Transient():
                opened_breaker = self._governor.failed(
                    permit, now, failure.reason, is_timeout=isinstance(failure, TimedOut), is_sole=request.is_sole
                )
                failed = failed._replace(opened_breaker=opened_breaker)
            case BadPayload() | Unauthorized():
                self._governor.answered(permit, now, is_success=False)
            case _:
                self._governor.abandoned(permit, now)
        return failed

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Mark a body as arriving. `watch` does not stop the run meanwhile; only the complete body ends an outage."""
        self._arriving_bodies += 1
        try:
            yield
        finally:
            self._arriving_bodies -= 1
            self._governor.arrived(self._monotonic())

    async def watch(self, outage_limit: float) -> None:
        """Raise `RunStopped` when an outage exceeds `outage_limit` seconds and no body is arriving."""
        while True:
            await self._sleep(_WATCH_INTERVAL)
            seconds = self._governor.outage_seconds(self._monotonic())
            if seconds > outage_limit and not self._arriving_bodies:
                raise RunStopped(
                    f"all requests failed for {seconds:.0f} s, longer than --outage-limit {outage_limit:g}: "
                    f"{self._governor.last_failure}"
                )
