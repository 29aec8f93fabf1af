"""May a request start now, and what does its end say of the next? Pure: time and dice are arguments.

Theory of operation. A start needs four consents:

- the *breaker*: no pause, no outage, no probe in flight (`circuit_breaker`, `pauses`);
- the *concurrency*: fewer in flight than have gone well (`concurrency_limit`);
- the *server's rate*: as many a second as it took without a refusal, or said are left (`adaptive_rate`);
- the *ceiling*: as many a second as the user allows, perhaps together with other processes (`rate_ceiling`).

Every start ends in one call: `answered`, `throttled` (the server asks to slow down), `failed` (it, or the way to it, is
not there) or `abandoned` (no verdict).
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

_MIN_WARNING_INTERVAL = 60.0  # seconds between two outages that are warned of; the others are noted
_MIN_ACCEPTED_BETWEEN = (
    10  # requests taken between two refusals of an id; at a limit it is among the first after a pause
)


class Permit(NamedTuple):
    """A request that may start. `at` is the moment, `is_probe` whether all others wait for its end."""

    at: float
    is_probe: bool


class Wait(NamedTuple):
    """None may start for so many seconds; infinitely many mean until another request has ended."""

    seconds: float
    reason: WaitReason


class Governor:
    """Decides about every request of a run. Times are monotonic seconds."""

    def __init__(
        self,
        ceiling: RateCeiling,
        concurrency: int,
        now: float,
        *,
        max_pause: float,
        rng: Random,
    ) -> None:
        """`max_pause` is in seconds. Decisions are added to `events`, for who reports them to take off."""
        self._ceiling = ceiling
        self._max_pause = max_pause
        self._breaker = CircuitBreaker()
        self._concurrency = ConcurrencyLimit(concurrency)
        self._rate = AdaptiveRate(now)
        self._quota = StatedQuota()
        self._resumed_at = now
        self._trigger_sent_at = now  # when the request started whose refusal began the last pause
        self._is_quota_exhausted = False  # did the pause begin with a quota that is used up?
        self._excessive_quota_wait = (
            0.0  # seconds for which the server's quota is used up, if nobody wants to wait for that
        )
        self._is_outage_reported = False
        self._warned_at = float("-inf")
        self._throttled_probes = 0  # since the last answer
        self.retry_budget = RetryBudget()
        self.pauses = Pauses(max_pause, now, rng)
        self.in_flight = 0
        self.last_failure = ""
        self.events: list[Event] = []

    def try_acquire(self, now: float) -> Permit | Wait:
        """A start at this moment, which is then in flight, or what there is to wait for.

        Raises `PauseTooLong` when that is more than the user wants to wait.
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
        """The server answered; `is_success` when it did so with what was asked for.

        An error makes nothing faster: it is often answered sooner than what is asked for (Scrapy's AutoThrottle).
        Raises `TooManyPauses` when a quota is used up once too often.
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
        if allowance is not None and allowance.seconds > 0:  # a reset that is over says nothing
            self._apply_allowance(allowance, quota, now)

    def _resume(self, now: float) -> None:
        self._throttled_probes = 0
        self._is_quota_exhausted = False
        self._resumed_at = now
        self._rate.resumed(now)
        self.events.append(Resumed(self._allowed, self._is_outage_reported))
        self._is_outage_reported = False

    def _apply_allowance(self, allowance: Allowance, quota: Quota | None, now: float) -> None:
        """Ask for no more than the server says is left of its quota."""
        self._excessive_quota_wait = 0.0
        rate, lasts = self._quota.rate(allowance, quota, self.in_flight, self._max_pause)
        if allowance.remaining or quota:
            self._rate.stated(now, rate, lasts)
        if allowance.remaining:
            return
        if allowance.seconds > self._max_pause:  # which matters only if there is anything left to ask for
            self._excessive_quota_wait = allowance.seconds
        if not (quota and quota.window):
            self._reduce_rate(now)
        self._is_quota_exhausted = True
        seconds = self.pauses.begin(now, min(allowance.seconds, self._max_pause), "a used-up quota", throttled_probes=0)
        self._breaker.paused(now, seconds, is_probe=False)
        self.events.append(Paused(seconds, "a used-up quota", self._allowed))

    def throttled(self, permit: Permit, now: float, wait: float | None, reason: str, *, is_outage: bool) -> None:
        """The server asks to slow down, and to wait so many seconds if it says so; `is_outage` when it serves nobody.

        What was sent before the last pause ended says nothing of the rate since then, so it makes nothing slower.
        Raises `PauseTooLong` and `TooManyPauses` for more than the user wants.
        """
        self.in_flight -= 1
        is_late = permit.at < self._resumed_at
        is_first = not self._breaker.is_open and not is_late
        begins_pause = is_first or permit.is_probe
        if begins_pause:
            self._trigger_sent_at = permit.at
        elif not is_late and permit.at > self._trigger_sent_at:
            self._rate.trailing_answered(is_throttled=True)
        is_expected = self._is_quota_exhausted and not begins_pause  # the quota was used up before it was sent
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
        """Does the server refuse an id alone? It took many others since it refused this one before.

        The probe's refusal is everybody's: nothing else shows whether the pause was long enough.
        """
        return (
            throttled_at is not None and not permit.is_probe and self.accepted - throttled_at >= _MIN_ACCEPTED_BETWEEN
        )

    def throttled_in_isolation(self, permit: Permit, now: float) -> None:
        """The server refuses an id whatever the rate: nobody else has to wait for it."""
        self.in_flight -= 1
        self._breaker.answered(now, is_probe=permit.is_probe)

    @property
    def accepted(self) -> int:
        """How many requests the server took."""
        return self._rate.accepted

    def _reduce_rate(self, now: float) -> None:
        """Once for each pause: fewer at once and fewer a second."""
        if not self._breaker.is_open and self._rate.throttled(now, sent=now, is_certain=True):
            self._concurrency.cut(now)

    def failed(self, permit: Permit, now: float, reason: str, *, is_timeout: bool, is_sole: bool = False) -> bool:
        """The server, or the way to it, failed the request; `is_sole` when it is the only one. True when all halt."""
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
        """A part of an answer arrived until now, whatever becomes of the rest."""
        self._breaker.arrived(now)

    def abandoned(self, permit: Permit, now: float) -> None:
        """The request ended without a word about the server: it was cancelled, or failed here."""
        self.in_flight -= 1
        self._breaker.abandoned(now, is_probe=permit.is_probe)

    def spend_retry(self, cost: int, now: float) -> int:
        """The tokens a retry takes; when the run's budget for them is spent, all halt until the server answers."""
        withdrawn = self.retry_budget.withdraw(cost)
        if withdrawn < cost and not self._breaker.is_open:
            self._breaker.trip(now)
            self._concurrency.cut(now)
            self._report_breaker_opened(now, "the budget for retries is spent")
        return withdrawn

    @property
    def is_breaker_open(self) -> bool:
        """Does nothing start until one request has tried?"""
        return self._breaker.is_open

    def outage_seconds(self, now: float) -> float:
        """For how many seconds requests have failed without an answer; 0 when the server answers."""
        return self._breaker.outage_seconds(now)

    @property
    def settled_rate(self) -> float | None:
        """The requests a second that the server was found to allow; None if it refused none, or too few to tell."""
        return self._rate.rate if self._rate.is_settled else None

    def _report_breaker_opened(self, now: float, reason: str) -> None:
        self.events.append(BreakerOpened(self._breaker.outage_wait, reason, self._mark_outage_reported(now)))

    def _mark_outage_reported(self, now: float) -> bool:
        """Mark the outage as reported. True if that is due: once an outage, and not soon after the last."""
        should_warn = not self._is_outage_reported and now - self._warned_at >= _MIN_WARNING_INTERVAL
        if should_warn:
            self._is_outage_reported, self._warned_at = True, now
        return should_warn

    @property
    def _allowed(self) -> Allowed:
        return Allowed(self._rate.rate, self._concurrency.limit)

    def __repr__(self) -> str:
        return f"<Governor {self.in_flight} in flight, {self._breaker!r}, {self._rate!r}, {self._concurrency!r}>"
