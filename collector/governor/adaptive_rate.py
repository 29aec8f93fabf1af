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

from collector.governor.limit_belief import LOWEST, LimitBelief
from collector.governor.rate_ceiling import until_free
from collector.governor.rate_meter import RateMeter

_TURN: Final = 0.25  # seconds
_GROWTH: Final = 0.15  # of the rate a turn at most …
_BORNE_OUT: Final = 8.0  # … when it has so many requests
_UNSURE: Final = 0.11  # the most probability of a limit …
_FAR: Final = 6.0  # … below so many times the rate, with which there is no rate to keep to
_SETTLED: Final = 0.8  # the least probability of a limit …
_NEAR: Final = 1.6  # … below so many times the rate, with which it is said to be known
_PAUSES: Final = (2.0, 120.0)  # seconds; a refusal costs the last pause twice, and within these bounds
_PART: Final = 0.2  # of what was sent behind a refusal; more, and no fewer than _SOME, is refused by a limit only
_SOME: Final = 2


class AdaptiveRate:
    """How many requests may start a second, judged by the answers. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.rate = inf
        """Requests a second that may start; infinite while no limit is thought of."""
        self.is_settled = False
        """Is that known to be near the server's limit?"""
        self.answers = 0
        """How many requests the server took."""
        self._belief = LimitBelief()
        self._meter = RateMeter(now)
        self._told = (inf, now)  # requests a second that the server says are left, until when
        self._started = now  # when the last request was due
        self._arrival = -inf  # of the next request, as in `rate_ceiling`
        self._was_refused = False  # was anything, ever?
        self._is_paused = False
        self._paused_at = now
        self._pause = 0.0  # seconds the last one took
        self._reached = LOWEST  # the rate of the last turn
        self._refused_at: float | None = None  # the rate at which the present pause began, if it says anything
        self._verdicts = self._refusals = 0  # on what was sent behind the refusal
        self._is_clump = False

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now."""
        return until_free(self._arrival, now)

    def start(self, now: float) -> None:
        """A request starts now; it is the caller's duty to have waited out `delay`."""
        self._meter.start(now)
        if (rate := self._allowed(now)) < inf:
            self._started = max(self._arrival, now)
            self._arrival = self._started + 1 / rate

    def stated(self, now: float, rate: float, seconds: float) -> None:
        """The server says that `rate` requests a second are left for so many seconds; what it said before is void."""
        self._told = (rate, now + seconds)
        self._arrival = min(self._arrival, self._started + 1 / self._allowed(now))

    def _allowed(self, now: float) -> float:
        rate, until = self._told
        return min(rate, self.rate) if now < until else self.rate

    def answered(self, now: float) -> None:
        """The server took a request."""
        self.answers += 1
        if self._is_paused:
            return
        self._meter.accept()
        if (seconds := self._meter.since_turn(now)) >= _TURN:
            self._turn(now)
            if self._was_refused:
                self._belief.pass_time(seconds)
                self._reached = max(self._meter.at_least(self.rate), self._meter.at_most(now, self.rate))
                self._decide()

    def _turn(self, now: float) -> None:
        if accepted := self._meter.turn(now):
            self._belief.accepted(accepted, self._meter.at_least(self.rate))

    def throttled(self, now: float, *, sent: float, begins: bool = True, is_certain: bool = False) -> bool:
        """The server asks to slow down, in answer to a request sent at that moment. True when it is far beyond noise.

        `begins` says that it is the first time since the last pause, or the answer to a probe, `is_certain` that the
        server named its limit. A probe that is refused says that the pause was too short, and nothing of the rate.
        """
        if begins:
            self._begin_pause(now, sent, is_certain=is_certain)
            return False
        is_news = not self._is_clump and self._refusals >= _SOME and self._refusals > _PART * self._verdicts
        self._is_clump = self._is_clump or is_news
        return is_news and self._refused_at is not None

    def _begin_pause(self, now: float, sent: float, *, is_certain: bool) -> None:
        is_probe, self._is_paused = self._is_paused, True
        self._paused_at = now
        self._meter.pause(now)
        self._verdicts = self._refusals = 0
        self._refused_at, self._is_clump = None, False
        if is_probe:
            return
        self._was_refused = True
        self._turn(now)
        rate = self._refused_at = self._reached = self._meter.at_most(sent, self.rate)
        self._belief.throttled(rate)
        if is_certain:
            self._belief.throttled_behind(_SOME, _SOME, rate)
        self._decide()

    def answered_behind(self, *, is_throttled: bool) -> None:
        """One that started after the request whose refusal began the present pause has its verdict."""
        self._verdicts += 1
        self._refusals += is_throttled

    def resumed(self, now: float) -> None:
        """The pause, or an outage, is over, and the server takes requests again."""
        if self._is_paused:
            self._pause = now - self._paused_at
            if self._refused_at is not None:
                if self._verdicts:
                    self._belief.throttled_behind(self._refusals, self._verdicts, self._refused_at)
                self._decide()
        self._is_paused = False
        self._meter.resume(now)

    def _decide(self) -> None:
        if self._belief.is_below(_FAR * self._reached) < _UNSURE:
            self.rate, self.is_settled = inf, False
            return
        growth = 1 + _GROWTH * min(1.0, self._meter.at_least(self.rate) * _TURN / _BORNE_OUT)
        most = max(LOWEST, growth * self._reached, self.rate if self.rate < inf else 0.0)
        least, longest = _PAUSES
        self.rate = self._belief.best(min(longest, max(least, 2 * self._pause)), most)
        self.is_settled = self._belief.is_below(_NEAR * self.rate) >= _SETTLED

    def __repr__(self) -> str:
        return f"<AdaptiveRate {self.rate:.2f}/s {self._belief!r}>"
