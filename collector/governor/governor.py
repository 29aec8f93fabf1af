"""Decides when a request may be sent, and learns from how each request ended. Pure: time and rng are arguments.

Theory of operation. A permit has four conditions:

- the *circuit breaker* is closed: no pause, outage or probe in flight (`circuit_breaker`, `pauses`);
- the *concurrency limit* leaves room: it grows with success (`concurrency_limit`);
- the *adaptive rate* is kept: the rate that the server accepts, or the quota that it states (`adaptive_rate`);
- the *rate ceiling* is kept: the user's limit, which several processes may share (`rate_ceiling`).

Every permit ends in exactly one call: `answered`, `throttled` (the server asks to slow down), `failed` (the server or
the network failed) or `abandoned` (no verdict).
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import NamedTuple

from collector.governor.adaptive_rate import AdaptiveRate
from collector.governor.circuit_breaker import CircuitBreaker
from collector.governor.concurrency_limit import ConcurrencyLimit
from collector.governor.events import Allowed, BreakerOpened, ConcurrencyReduced, Event, Paused, Resumed
from collector.governor.pauses import Pauses
from collector.governor.rate_ceiling import RateCeiling
from collector.governor.rate_limit_headers import Allowance, Quota
from collector.governor.retry_budget import RetryBudget
from collector.governor.stated_quota import StatedQuota
from collector.model.throughput import WaitReason

_MIN_WARNING_INTERVAL = 60.0  # seconds between two warnings of an outage; others are notes
_MIN_ACCEPTED_BETWEEN = 10
"""An id is isolated if the server accepted this many requests between two throttled replies to it.

At a real limit fewer are accepted in between, because the id is among the first requests after the pause."""


class Permit(NamedTuple):
    """Permission to send one request, given at the time `at`; with `is_probe` all others wait for its end."""

    at: float
    is_probe: bool


class Wait(NamedTuple):
    """No permit for `seconds`; infinite means until another request has ended."""

    seconds: float
    reason: WaitReason


class Governor:
    """Grants the permits of one run. Times are monotonic seconds."""

    def __init__(
        self,
        ceiling: RateCeiling,
        concurrency: int,
        now: float,
        *,
        max_pause: float,
        rng: Random,
    ) -> None:
        """`max_pause` is in seconds. The caller reports the decisions in `events` and removes them."""
        self._ceiling = ceiling
        self._max_pause = max_pause
        self._breaker = CircuitBreaker()
        self._concurrency = ConcurrencyLimit(concurrency)
        self._rate = AdaptiveRate(now)
        self._quota = StatedQuota()
        self._resumed_at = now
        self._trigger_sent_at = now  # when the throttled request that began the last pause was sent
        self._is_quota_exhausted = False  # did an exhausted quota begin the pause?
        self._excessive_quota_wait = 0.0  # seconds until the quota resets, if longer than `max_pause`
        self._is_outage_reported = False
        self._warned_at = float("-inf")
        self._throttled_probes = 0  # since the last reply
        self.retry_budget = RetryBudget()
        self.pauses = Pauses(max_pause, now, rng)
        self.in_flight = 0
        self.last_failure = ""
        self.events: list[Event] = []

    def try_acquire(self, now: float) -> Permit | Wait:
        """Return a permit, whose request then counts as in flight, or the wait for one.

        Raises `PauseTooLong` when the wait exceeds the user's maximum.
        """
        breaker = self._breaker
        if breaker.is_open and (wait := self._breaker_wait(now)):
            return wait
        if self.in_flight >= self._concurrency.limit:
            return Wait(inf, WaitReason.SERVER if self._concurrency.is_below_ceiling else WaitReason.LATENCY)
        if (seconds := self._rate.delay(now)) > 0:
            return Wait(seconds, WaitReason.SERVER)
        if (seconds := self._ceiling.try_acquire(now)) > 0:
            return Wait(seconds, WaitReason.OWN_RATE)
        self._rate.started(now)
        self.in_flight += 1
        is_probe = breaker.is_open
        if is_probe:
            breaker.begin_probe()
        return Permit(now, is_probe)

    def _breaker_wait(self, now: float) -> Wait | None:
        self.pauses.check_length(self._excessive_quota_wait)
        if self._breaker.is_probing:
            return Wait(inf, WaitReason.SERVER)
        seconds = self._breaker.delay(now)
        return Wait(seconds, WaitReason.SERVER) if seconds > 0 else None

    def answered(
        self,
        permit: Permit,
        now: float,
        *,
        is_success: bool,
        allowance: Allowance | None = None,
        quota: Quota | None = None,
    ) -> None:
        """End a request that the server answered; `is_success` if with the requested resource.

        An error reply never raises a limit: servers often answer errors faster (Scrapy's AutoThrottle). Raises
        `TooManyPauses` when an exhausted quota makes the pauses too long in total.
        """
        self._rate.answered(now)
        if self._breaker.is_open and not permit.is_probe and permit.at > self._trigger_sent_at:
            self._rate.trailing_answered(is_throttled=False)
        if is_success:
            self._concurrency.succeeded(self.in_flight, now - permit.at)
        self.in_flight -= 1
        if permit.is_probe and self._breaker.outage_wait:
            self.retry_budget.refill()
        if self._breaker.answered(now, is_probe=permit.is_probe):
            self._resume(now)
        if allowance is not None and allowance.seconds > 0:  # a reset in the past is meaningless
            self._apply_allowance(allowance, quota, now)

    def _resume(self, now: float) -> None:
        self._throttled_probes = 0
        self._is_quota_exhausted = False
        self._resumed_at = now
        self._rate.resumed(now)
        self.events.append(Resumed(self._allowed, self._is_outage_reported))
        self._is_outage_reported = False

    def _apply_allowance(self, allowance: Allowance, quota: Quota | None, now: float) -> None:
        """Keep within the quota that the server states."""
        self._excessive_quota_wait = 0.0
        rate, validity = self._quota.rate(allowance, quota, self.in_flight, self._max_pause)
        if allowance.remaining or quota:
            self._rate.stated(now, rate, validity)
        if allowance.remaining:
            return
        if allowance.seconds > self._max_pause:  # matters only if another request follows
            self._excessive_quota_wait = allowance.seconds
        if not (quota and quota.window):
            self._reduce_rate(now)
        self._is_quota_exhausted = True
        seconds = self.pauses.begin(now, min(allowance.seconds, self._max_pause), "a used-up quota", throttled_probes=0)
        self._breaker.paused(now, seconds, is_probe=False)
        self.events.append(Paused(seconds, "a used-up quota", self._allowed))

    def throttled(self, permit: Permit, now: float, wait: float | None, reason: str, *, is_outage: bool) -> None:
        """End a throttled request; `wait` is the requested pause in seconds, None if the server did not state one.

        `is_outage`: the server is out of service. A request sent before the last pause ended does not lower the rate,
        because the rate may have changed since. Raises `PauseTooLong` and `TooManyPauses` beyond the user's maximum.
        """
        self.in_flight -= 1
        is_late = permit.at < self._resumed_at
        is_first = not self._breaker.is_open and not is_late
        begins_pause = is_first or permit.is_probe
        if begins_pause:
            self._trigger_sent_at = permit.at
        elif not is_late and permit.at > self._trigger_sent_at:
            self._rate.trailing_answered(is_throttled=True)
        is_expected = self._is_quota_exhausted and not begins_pause  # exhausted before this request was sent
        if not (is_late or is_expected) and self._rate.throttled(now, sent=permit.at, begins_pause=begins_pause):
            self._concurrency.cut(now)
        self._throttled_probes += permit.is_probe
        if not (is_first or permit.is_probe or wait):
            return
        seconds = self.pauses.begin(now, wait, reason, throttled_probes=self._throttled_probes)
        if is_outage:
            self.last_failure = reason
            requested_wait = (wait or 0.0) if is_first or permit.is_probe else 0.0
            self._breaker.unavailable(now, seconds, requested=requested_wait, is_probe=permit.is_probe)
        else:
            self._breaker.paused(now, seconds, is_probe=permit.is_probe)
        should_warn = False
        if is_outage and self._throttled_probes:
            should_warn = self._mark_outage_reported(now)
        self.events.append(Paused(seconds, reason, self._allowed, should_warn=should_warn))

    def is_isolated(self, permit: Permit, throttled_at: int | None) -> bool:
        """Is this id throttled in isolation?

        That is so if the server has accepted many other requests since it last throttled this id. A throttled
        probe is never isolated: only the probe shows whether the pause was long enough.
        """
        return (
            throttled_at is not None and not permit.is_probe and self.accepted - throttled_at >= _MIN_ACCEPTED_BETWEEN
        )

    def throttled_in_isolation(self, permit: Permit, now: float) -> None:
        """End a request whose id is throttled at any rate; other requests do not pause."""
        self.in_flight -= 1
        self._breaker.answered(now, is_probe=permit.is_probe)

    @property
    def accepted(self) -> int:
        """Requests that the server accepted."""
        return self._rate.accepted

    def _reduce_rate(self, now: float) -> None:
        """Reduce rate and concurrency, once per pause."""
        if not self._breaker.is_open and self._rate.throttled(now, sent=now, is_certain=True):
            self._concurrency.cut(now)

    def failed(self, permit: Permit, now: float, reason: str, *, is_timeout: bool, is_sole: bool = False) -> bool:
        """End a request that failed by the server or the network. Return True if that opens the breaker.

        `is_sole`: no other request is sent until this one succeeds.
        """
        self.in_flight -= 1
        if is_timeout and self._concurrency.cut(now):
            self.events.append(ConcurrencyReduced(reason, self._concurrency.limit))
        self.last_failure = reason
        opened_breaker = self._breaker.failed(now, permit.at, is_probe=permit.is_probe, is_sole=is_sole)
        if opened_breaker:
            self._concurrency.cut(now)
            self._report_breaker_opened(now, reason)
        return opened_breaker

    def arrived(self, now: float) -> None:
        """Note that part of a reply arrived until now."""
        self._breaker.arrived(now)

    def abandoned(self, permit: Permit, now: float) -> None:
        """End a request without a verdict on the server: it was cancelled, or failed locally."""
        self.in_flight -= 1
        self._breaker.abandoned(now, is_probe=permit.is_probe)

    def spend_retry(self, cost: int, now: float) -> int:
        """Withdraw the tokens of a retry and return how many. An empty budget opens the breaker."""
        withdrawn = self.retry_budget.withdraw(cost)
        if withdrawn < cost and not self._breaker.is_open:
            self._breaker.trip(now)
            self._concurrency.cut(now)
            self._report_breaker_opened(now, "the retry budget is spent")
        return withdrawn

    @property
    def is_breaker_open(self) -> bool:
        """Do all requests wait for a probe?"""
        return self._breaker.is_open

    def outage_seconds(self, now: float) -> float:
        """Return how many seconds the outage has lasted; 0 while the server answers."""
        return self._breaker.outage_seconds(now)

    @property
    def settled_rate(self) -> float | None:
        """Requests per second that the server was found to allow; None until enough requests were throttled."""
        return self._rate.rate if self._rate.is_settled else None

    def _report_breaker_opened(self, now: float, reason: str) -> None:
        self.events.append(BreakerOpened(self._breaker.outage_wait, reason, self._mark_outage_reported(now)))

    def _mark_outage_reported(self, now: float) -> bool:
        """Return True if the outage needs a warning, once per outage and not soon after the last; then mark it."""
        is_due = not self._is_outage_reported and now - self._warned_at >= _MIN_WARNING_INTERVAL
        if is_due:
            self._is_outage_reported, self._warned_at = True, now
        return is_due

    @property
    def _allowed(self) -> Allowed:
        return Allowed(self._rate.rate, self._concurrency.limit)

    def __repr__(self) -> str:
        return f"<Governor {self.in_flight} in flight, {self._breaker!r}, {self._rate!r}, {self._concurrency!r}>"
