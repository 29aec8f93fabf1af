"""The requests a second that the server seems to allow, learned from what it refuses. Pure.

Theory of operation. Until the server refuses a request nothing is known and the rate has no bound. From the first
refusal on there is a *safe* rate, and time after a pause goes through three phases:

    rate
     │                                   / climb: safe · (1 + (t/10 s)³), slow beside what is known
     │        ┌────── hold ─────────────/  and ever faster beyond it, until the server refuses
     │  ramp /   at the safe rate
     │      /
     └─────┴──┴────────────────────────┴──▸ seconds since the pause ended

A refusal in the climb says that the limit lies between the safe rate and the one that was refused: the safe rate moves
up between them, and the next hold is twice as long. A refusal in ramp or hold says that the safe rate is not safe: it
comes down, and soon after a pause at once to what the server really took since its refusal before, pause included.

The shape is that of CUBIC (RFC 9438), which looks for a bound that nobody announces as well; the hold is ours,
because a refusal costs a pause of seconds here and not a packet. The constants were chosen by simulation: see
`tests/test_adaptive_rate.py`.

What the server says is left of its quota is a bound of its own, until it says something else or that time is over.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from collector.limiter import until_free

LOWEST: Final = 0.5
"""Requests a second that are sent whatever the server refuses; its pauses come on top."""

_RAMP = 3.0  # seconds from the restart, at `_RESTART` of the safe rate, to all of it
_RESTART = 0.7
_HOLDS = (5.0, 10.0, 15.0)  # seconds: after a limit that was far off, after one that fell, at most
_CLIMB = 10.0  # seconds in which a climb doubles the rate
_MEMORY = 3.0  # seconds of answers by which the rate of the present is measured
_FAR = 1.5  # times the safe rate; what is refused beyond is a limit that has moved
_FIRST = 0.85  # the first safe rate, as a part of what was refused
_BELOW = 0.9  # … and a later one at least
_BETWEEN = 0.6  # … and how far it moves towards what was refused
_SHORTEST = 0.01  # seconds; less is no time to measure a rate in
_SOON = 5.0  # seconds after a pause within which a refusal is a sign of a rate much too high
_AT_ONCE = 2.0  # … and within which it means that what the server took, pause included, is all there is
_GUESS = 10.0  # requests a second, when there were too few answers before the first refusal to judge by
_ENOUGH = 3  # answers since the last refusal; fewer say nothing of the rate


class AdaptiveRate:
    """How many requests may start a second, judged by the answers. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.safe = inf
        self.is_measured = False
        self._hold = _HOLDS[0]
        self._pause = 0.0  # seconds the last one took
        self._resumed_at = self._refused_at = now
        self._was_short = False  # did the last pause end too early?
        self._told = (inf, now)  # requests a second that the server says are left, until when
        self._arrival = float("-inf")  # of the next request, as in `limiter`
        self._answers = 0  # since the last refusal
        self._recent: deque[float] = deque()

    def at(self, now: float) -> float:
        """Requests a second that may start at this moment; infinite while the server has refused none."""
        if self.safe == inf:
            return inf
        since = now - self._resumed_at
        if since < _RAMP:
            return self.safe * (_RESTART + (1 - _RESTART) * since / _RAMP)
        if since < self._hold:
            return self.safe
        return self.safe * (1 + ((since - self._hold) / _CLIMB) ** 3)

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now."""
        return until_free(self._arrival, now)

    def start(self, now: float) -> None:
        """A request starts now; it is the caller's duty to have waited out `delay`."""
        if (rate := self._allowed(now)) < inf:
            self._arrival = max(self._arrival, now) + 1 / rate

    def told(self, now: float, rate: float, seconds: float) -> None:
        """The server says that `rate` requests a second are left for so many seconds; what it said before is void."""
        self._told = (rate, now + seconds)
        self._arrival = min(self._arrival, now + 1 / self._allowed(now))

    def _allowed(self, now: float) -> float:
        rate, until = self._told
        return min(rate, self.at(now)) if now < until else self.at(now)

    def answered(self, now: float) -> None:
        """The server took a request."""
        self._answers += 1
        recent = self._recent
        recent.append(now)
        while recent[0] < now - _MEMORY:
            recent.popleft()

    def refused(self, now: float) -> None:
        """The server asks to slow down, for the first time since the last pause."""
        since = now - self._resumed_at
        tried = min(self.at(now), self._measured(now))
        if self.safe == inf:
            self.is_measured = self._answers >= _ENOUGH
            self.safe = tried * _FIRST if self.is_measured else _GUESS
        elif since >= self._hold:
            self.is_measured = True
            self._was_refused_above(tried)
        else:
            self.is_measured = self.is_measured or self._answers >= _ENOUGH
            self._was_refused_below(now, since)
        self.safe = max(self.safe, LOWEST)
        self._refused_at, self._answers = now, 0

    def resumed(self, now: float) -> None:
        """The pause, or an outage, is over, and the server takes requests again."""
        if self._refused_at > self._resumed_at:
            self._pause = now - self._refused_at
        self._resumed_at = now
        self._recent.clear()

    def _was_refused_above(self, tried: float) -> None:
        self._was_short = False
        is_far = tried > _FAR * self.safe
        if tried > self.safe:
            self.safe = max(self.safe + _BETWEEN * (tried - self.safe), _BELOW * tried)
        self._hold = _HOLDS[0] if is_far else min(self._longest_hold, 2 * self._hold)

    def _was_refused_below(self, now: float, since: float) -> None:
        was_short, self._was_short = self._was_short, self._answers < _ENOUGH
        if self._was_short and not was_short:
            return  # it was the pause that was too short, for once
        less = self.safe * (0.8 if since < _SOON else 0.93)
        if since < _AT_ONCE and not self._was_short:
            less = min(less, 0.95 * self._answers / max(now - self._refused_at, _SHORTEST))
        self.safe = max(0.3 * self.safe, less)
        self._hold = min(self._longest_hold, max(self._hold, _HOLDS[1]))

    @property
    def _longest_hold(self) -> float:
        return _HOLDS[2] * min(2.0, max(1.0, self._pause))  # a refusal that costs a long pause is to be rare

    def _measured(self, now: float) -> float:
        """Requests a second that the server took of late."""
        span = max(_SHORTEST, min(_MEMORY, now - self._resumed_at))
        return sum(at > now - span for at in self._recent) / span

    def __repr__(self) -> str:
        return f"<AdaptiveRate safe={self.safe:.2f}/s hold={self._hold:.0f}s>"
