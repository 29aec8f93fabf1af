"""Learns the request rate that the server allows from accepted and throttled requests. Pure.

Theory of operation. Until a request is throttled the rate is unlimited. From then on `limit_belief` holds a probability
for each limit and each level of noise. A few times a second, and when a pause begins or ends, the rate becomes the one
with the highest expected throughput. So noise costs little more than its pauses. Near a known limit the rate stays
until a higher limit is more likely than not. The rate then rises by at most 15 % per interval, and only while requests
use it, until the server throttles again.

The algorithm was chosen by simulation (`python -m tests.support.rate_rivals`). Its rival is the CUBIC curve of AWS'
adaptive retries, which lowers the rate after every throttled request (RFC 9438; AWS SDKs and Tools Reference Guide,
"Retry behavior"). The share of the possible rate that each achieves outside of pauses, median of ten seeds:

                           noise of 1 %   noise of 0.2 %   limit of 50/s   noise of 1 %
                             at 50/s         at 300/s                       below it
    CUBIC as AWS uses it      42 %            23 %             44 %           33 %
    limit belief              97 %            94 %             98 %           94 %

The quota that the server states is a second bound. It holds until it expires or the server states another one.
"""

from __future__ import annotations

from math import inf
from typing import Final

from collector.governor.limit_belief import MIN_RATE, LimitBelief
from collector.governor.rate_ceiling import seconds_until_free
from collector.governor.rate_meter import RateMeter

_INTERVAL: Final = 0.25  # seconds between two decisions
_MAX_GROWTH: Final = 0.15  # of the rate, per interval
_REQUESTS_FOR_FULL_GROWTH: Final = 8.0  # in the interval; with fewer, the rate grows proportionally less
# Below this probability of a limit under _LIMITED_FACTOR times the rate, the rate is unlimited.
_MIN_PROBABILITY_LIMITED: Final = 0.11
_LIMITED_FACTOR: Final = 6.0
# From this probability of a limit under _SETTLED_FACTOR times the rate, the limit counts as known.
_MIN_PROBABILITY_SETTLED: Final = 0.8
_SETTLED_FACTOR: Final = 1.6
_PAUSE_COST_BOUNDS: Final = (2.0, 120.0)  # seconds; a throttled request costs twice the last pause, within these bounds
# Noise throttles no more than this share of the trailing requests; only a limit exceeds it.
_MAX_NOISE_SHARE: Final = 0.2
_MIN_TRAILING_THROTTLED: Final = 2


class AdaptiveRate:
    """Limits requests per second by the server's replies. Times are monotonic seconds.

    *Trailing* requests were sent after the throttled request that began the pause, and before its reply arrived.
    """

    def __init__(self, now: float) -> None:
        self.rate = inf
        """Requests per second; infinite until a limit is likely."""
        self.is_settled = False
        """Is `rate` known to be near the server's limit?"""
        self.accepted = 0
        """Requests that the server accepted."""
        self._belief = LimitBelief()
        self._meter = RateMeter(now)
        self._stated = (inf, now)  # requests per second within the stated quota, and its expiry
        self._last_due = now  # when the last permit was due
        self._arrival = -inf  # theoretical time of the next permit, as in `rate_ceiling`
        self._was_throttled = False  # since the run began
        self._is_paused = False
        self._paused_at = now
        self._last_pause = 0.0  # seconds
        self._reached_rate = MIN_RATE  # in the last interval
        self._throttled_rate: float | None = None  # the rate at which this pause began; None after a throttled probe
        self._trailing = self._trailing_throttled = 0
        self._is_beyond_noise = False

    def delay(self, now: float) -> float:
        """Return the seconds until the next permit; 0 if it is free now."""
        return seconds_until_free(self._arrival, now)

    def started(self, now: float) -> None:
        """Count a request that is sent now; the caller has waited out `delay`."""
        self._meter.started(now)
        if (rate := self._allowed(now)) < inf:
            self._last_due = max(self._arrival, now)
            self._arrival = self._last_due + 1 / rate

    def stated(self, now: float, rate: float, seconds: float) -> None:
        """Replace the stated quota: at most `rate` requests per second for `seconds`."""
        self._stated = (rate, now + seconds)
        self._arrival = min(self._arrival, self._last_due + 1 / self._allowed(now))

    def _allowed(self, now: float) -> float:
        rate, until = self._stated
        return min(rate, self.rate) if now < until else self.rate

    def answered(self, now: float) -> None:
        """Count a request that the server accepted."""
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
        """Count a throttled request; `sent` is its time. Return True once a pause, when noise cannot explain it.

        `begins_pause`: this is the first throttled reply since the last pause, or the reply to a probe. `is_certain`:
        the server named its limit. A throttled probe means that the pause was too short. It does not change the rate.
        """
        if begins_pause:
            self._begin_pause(now, sent, is_certain=is_certain)
            return False
        exceeds_noise = (
            not self._is_beyond_noise
            and self._trailing_throttled >= _MIN_TRAILING_THROTTLED
            and self._trailing_throttled > _MAX_NOISE_SHARE * self._trailing
        )
        self._is_beyond_noise = self._is_beyond_noise or exceeds_noise
        return exceeds_noise and self._throttled_rate is not None

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
        """Count the reply to a trailing request."""
        self._trailing += 1
        self._trailing_throttled += is_throttled

    def resumed(self, now: float) -> None:
        """Learn from the pause or outage that has ended: the server accepts requests again."""
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
        min_cost, max_cost = _PAUSE_COST_BOUNDS
        self.rate = self._belief.best_rate(min(max_cost, max(min_cost, 2 * self._last_pause)), max_rate)
        self.is_settled = self._belief.probability_below(_SETTLED_FACTOR * self.rate) >= _MIN_PROBABILITY_SETTLED

    def __repr__(self) -> str:
        return f"<AdaptiveRate {self.rate:.2f}/s {self._belief!r}>"
