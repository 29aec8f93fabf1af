"""How fast requests start, and how fast the server takes them, of late. Pure.

A limiter counts what arrives within a second, pauses included, so that is what is counted here: the starts within the
second before a refused request. A rate that is paced is known better than one of six starts is: it is the pace.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from collector.governor.limit_belief import MIN_RATE

_WINDOW: Final = 1.0
_MAX_STARTS: Final = 4096  # a second; more are not told apart
_MAX_INTERVALS: Final = 12  # of about a quarter of a second
_MIN_ACCEPTED: Final = 10  # requests by which a rate is known
_CONTINUITY: Final = 0.5  # the limit is below what was refused and not below what was taken before it


class RateMeter:
    """Measures the rate since the last pause. Times are monotonic seconds, rates are requests a second."""

    def __init__(self, now: float) -> None:
        self._starts: deque[float] = deque(maxlen=_MAX_STARTS)
        self._intervals: deque[tuple[int, float]] = deque(maxlen=_MAX_INTERVALS)  # accepted requests, seconds
        self._accepted = 0
        self._interval_began = self._resumed_at = now
        self._paused_at = -inf

    def started(self, now: float) -> None:
        """A request starts."""
        self._starts.append(now)

    def accepted(self) -> None:
        """The server took one, outside of a pause."""
        self._accepted += 1

    def interval_seconds(self, now: float) -> float:
        """Seconds since the last turn."""
        return now - self._interval_began

    def close_interval(self, now: float) -> int:
        """End a stretch of time: how many the server took in it."""
        accepted, self._accepted = self._accepted, 0
        if now > self._interval_began:
            self._intervals.append((accepted, now - self._interval_began))
        self._interval_began = now
        return accepted

    def paused(self, now: float) -> None:
        """Nothing more starts, but for a probe."""
        self._paused_at = now

    def resumed(self, now: float) -> None:
        """Requests start again."""
        self._resumed_at = self._interval_began = now
        self._intervals.clear()
        self._accepted = 0

    def lower_bound(self, pace: float) -> float:
        """The rate of which the server took all, never above the pace."""
        accepted, seconds = 0, 0.0
        for in_interval, interval_length in reversed(self._intervals):
            accepted += in_interval
            seconds += interval_length
            if seconds >= _WINDOW and accepted >= _MIN_ACCEPTED:
                break
        return max(MIN_RATE, min(accepted / max(seconds, _WINDOW), pace))

    def upper_bound(self, sent: float, pace: float) -> float:
        """The rate that the server may have seen when a request arrived that was sent at this moment."""
        is_mixed, count = False, 0
        for start in reversed(self._starts):
            if start <= sent - _WINDOW:
                break
            count += start < sent
            is_mixed = is_mixed or (start < self._paused_at < self._resumed_at)
        rate = count + _CONTINUITY
        if not is_mixed and rate + 1 >= pace:
            rate = pace
        if sent > self._resumed_at + _WINDOW:
            rate = max(rate, self.lower_bound(pace))
        return max(MIN_RATE, rate)
