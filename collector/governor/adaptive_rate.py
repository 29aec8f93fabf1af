"""The requests a second that the server seems to allow, learned from what it takes and what it refuses. Pure.

Theory of operation. Until something is refused there is no rate. From then on `limit_belief` says how probable each
limit is, and each size of noise; a few times a second, and as a pause begins and ends, the rate becomes the one that
is expected to bring most. So noise costs its pauses and little more; below a limit that is known the rate waits until
it is more likely than not that it may be higher, and then climbs, by at most 15 % a turn and only as far as requests
bear it out, until the server refuses.

The way was chosen by simulation (`python -m tests.support.rate_rivals`), beside the curve of CUBIC as AWS' adaptive
retries use it, where every refusal lowers the rate (RFC 9438; AWS SDKs and Tools Reference Guide, "Retry behavior").
What each leaves of the rate outside of the pauses, the median of ten seeds:

                           noise of 1 %   noise of 0.2 %   limit of 50/s   noise of 1 %
                             at 50/s         at 300/s                       below it
    CUBIC as AWS uses it      42 %            23 %             44 %           33 %
    belief in a limit         97 %            94 %             98 %           94 %

What the server says is left of its quota is a bound of its own, until it says something else or that time is over.
"""

from __future__ import annotations

from math import inf
from typing import Final

from collector.governor.limit_belief import MIN_RATE, LimitBelief
from collector.governor.rate_ceiling import seconds_until_free
from collector.governor.rate_meter import RateMeter

_INTERVAL: Final = 0.25  # seconds
_MAX_GROWTH: Final = 0.15  # of the rate a turn at most …
_REQUESTS_FOR_FULL_GROWTH: Final = 8.0  # … when it has so many requests
_MIN_PROBABILITY_LIMITED: Final = 0.11  # the most probability of a limit …
_LIMITED_FACTOR: Final = 6.0  # … below so many times the rate, with which there is no rate to keep to
_MIN_PROBABILITY_SETTLED: Final = 0.8  # the least probability of a limit …
_SETTLED_FACTOR: Final = 1.6  # … below so many times the rate, with which it is said to be known
_PAUSE_COST_BOUNDS: Final = (2.0, 120.0)  # seconds; a refusal costs the last pause twice, and within these bounds
_MAX_NOISE_SHARE: Final = (
    0.2  # of what was sent behind a refusal; more, and no fewer than _SOME, is refused by a limit only
)
_MIN_TRAILING_THROTTLED: Final = 2


class AdaptiveRate:
    """How many requests may start a second, judged by the answers. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.rate = inf
        """Requests a second that may start; infinite while no limit is thought of."""
        self.is_settled = False
        """Is that known to be near the server's limit?"""
        self.accepted = 0
        """How many requests the server took."""
        self._belief = LimitBelief()
        self._meter = RateMeter(now)
        self._stated = (inf, now)  # requests a second that the server says are left, until when
        self._last_due = now  # when the last request was due
        self._arrival = -inf  # of the next request, as in `rate_ceiling`
        self._was_throttled = False  # was anything, ever?
        self._is_paused = False
        self._paused_at = now
        self._last_pause = 0.0  # seconds the last one took
        self._reached_rate = MIN_RATE  # the rate of the last turn
        self._throttled_rate: float | None = None  # the rate at which the present pause began, if it says anything
        self._trailing = self._trailing_throttled = 0  # on what was sent behind the refusal
        self._is_beyond_noise = False

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now."""
        return seconds_until_free(self._arrival, now)

    def started(self, now: float) -> None:
        """A request starts now; it is the caller's duty to have waited out `delay`."""
        self._meter.started(now)
        if (rate := self._allowed(now)) < inf:
            self._last_due = max(self._arrival, now)
            self._arrival = self._last_due + 1 / rate

    def stated(self, now: float, rate: float, seconds: float) -> None:
        """The server says that `rate` requests a second are left for so many seconds; what it said before is void."""
        self._stated = (rate, now + seconds)
        self._arrival = min(self._arrival, self._last_due + 1 / self._allowed(now))

    def _allowed(self, now: float) -> float:
        rate, until = self._stated
        return min(rate, self.rate) if now < until else self.rate

    def answered(self, now: float) -> None:
        """The server took a request."""
        self.accepted += 1
        if self._is_paused:
            return
        self._meter.accepted()
        if (seconds := self._meter.interval_seconds(now)) >= _INTERVAL:
            self._close_interval(now)
            if self._was_throttled:
                self._belief.pass_time(seconds)
                self._reached_rate = max(self._meter.lower_bound(self.rate), self._meter.upper_bound(now, self.rate))
                self._decide()

    def _close_interval(self, now: float) -> None:
        if accepted := self._meter.close_interval(now):
            self._belief.accepted(accepted, self._meter.lower_bound(self.rate))

    def throttled(self, now: float, *, sent: float, begins_pause: bool = True, is_certain: bool = False) -> bool:
        """The server asks to slow down, in answer to a request sent at that moment. True when it is far beyond noise.

        `begins_pause` says that it is the first time since the last pause, or the answer to a probe, `is_certain` that the
        server named its limit. A probe that is refused says that the pause was too short, and nothing of the rate.
        """
        if begins_pause:
            self._begin_pause(now, sent, is_certain=is_certain)
            return False
        should_warn = (
            not self._is_beyond_noise
            and self._trailing_throttled >= _MIN_TRAILING_THROTTLED
            and self._trailing_throttled > _MAX_NOISE_SHARE * self._trailing
        )
        self._is_beyond_noise = self._is_beyond_noise or should_warn
        return should_warn and self._throttled_rate is not None

    def _begin_pause(self, now: float, sent: float, *, is_certain: bool) -> None:
        is_probe, self._is_paused = self._is_paused, True
        self._paused_at = now
        self._meter.paused(now)
        self._trailing = self._trailing_throttled = 0
        self._throttled_rate, self._is_beyond_noise = None, False
        if is_probe:
            return
        self._was_throttled = True
        self._close_interval(now)
        rate = self._throttled_rate = self._reached_rate = self._meter.upper_bound(sent, self.rate)
        self._belief.throttled(rate)
        if is_certain:
            self._belief.trailing_throttled(_MIN_TRAILING_THROTTLED, _MIN_TRAILING_THROTTLED, rate)
        self._decide()

    def trailing_answered(self, *, is_throttled: bool) -> None:
        """One that started after the request whose refusal began the present pause has its verdict."""
        self._trailing += 1
        self._trailing_throttled += is_throttled

    def resumed(self, now: float) -> None:
        """The pause, or an outage, is over, and the server takes requests again."""
        if self._is_paused:
            self._last_pause = now - self._paused_at
            if self._throttled_rate is not None:
                if self._trailing:
                    self._belief.trailing_throttled(self._trailing_throttled, self._trailing, self._throttled_rate)
                self._decide()
        self._is_paused = False
        self._meter.resumed(now)

    def _decide(self) -> None:
        if self._belief.probability_below(_LIMITED_FACTOR * self._reached_rate) < _MIN_PROBABILITY_LIMITED:
            self.rate, self.is_settled = inf, False
            return
        growth = 1 + _MAX_GROWTH * min(1.0, self._meter.lower_bound(self.rate) * _INTERVAL / _REQUESTS_FOR_FULL_GROWTH)
        max_rate = max(MIN_RATE, growth * self._reached_rate, self.rate if self.rate < inf else 0.0)
        least, longest = _PAUSE_COST_BOUNDS
        self.rate = self._belief.best_rate(min(longest, max(least, 2 * self._last_pause)), max_rate)
        self.is_settled = self._belief.probability_below(_SETTLED_FACTOR * self.rate) >= _MIN_PROBABILITY_SETTLED

    def __repr__(self) -> str:
        return f"<AdaptiveRate {self.rate:.2f}/s {self._belief!r}>"
