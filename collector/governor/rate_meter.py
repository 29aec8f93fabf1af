"""Measures the recent rates of sent and of accepted requests. Pure.

A limiter counts the requests that arrive within a second, pauses included. So the meter counts the requests sent in
the second before a throttled one. If the current limit was reached, it is a better measure than a count of few
requests, so it is used instead.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from collector.governor.limit_belief import MIN_RATE

_WINDOW: Final = 1.0
_MAX_STARTS: Final = 4096  # per second; higher rates are not distinguished
_MAX_INTERVALS: Final = 12  # of about 0.25 s each
_MIN_ACCEPTED: Final = 10  # requests that make a rate reliable
_CONTINUITY: Final = 0.5  # requests; the limit lies between the count before the throttled request and one more


class RateMeter:
    """Measures the rate since the last pause. Times are monotonic seconds, rates are requests per second."""

    def __init__(self, now: float) -> None:
        self._starts: deque[float] = deque(maxlen=_MAX_STARTS)
        self._intervals: deque[tuple[int, float]] = deque(maxlen=_MAX_INTERVALS)  # accepted requests, seconds
        self._accepted = 0
        self._interval_began = self._resumed_at = now
        self._paused_at = -inf

    def started(self, now: float) -> None:
        """Count a request that is sent now."""
        self._starts.append(now)

    def accepted(self) -> None:
        """Count a request that the server accepted outside of a pause."""
        self._accepted += 1

    def interval_seconds(self, now: float) -> float:
        """Return the seconds since the current interval began."""
        return now - self._interval_began

    def close_interval(self, now: float) -> int:
        """End the interval and return its accepted requests."""
        accepted, self._accepted = self._accepted, 0
        if now > self._interval_began:
            self._intervals.append((accepted, now - self._interval_began))
        self._interval_began = now
        return accepted

    def paused(self, now: float) -> None:
        """Note the start of a pause, in which at most a probe is sent."""
        self._paused_at = now

    def resumed(self, now: float) -> None:
        """Start measuring again after a pause."""
        self._resumed_at = self._interval_began = now
        self._intervals.clear()
        self._accepted = 0

    def lower_bound(self, limit: float) -> float:
        """Return a rate that the server accepted without throttling, at most `limit`."""
        accepted, seconds = 0, 0.0
        for in_interval, interval_length in reversed(self._intervals):
            accepted += in_interval
            seconds += interval_length
            if seconds >= _WINDOW and accepted >= _MIN_ACCEPTED:
                break
        return max(MIN_RATE, min(accepted / max(seconds, _WINDOW), limit))

    def upper_bound(self, sent: float, limit: float) -> float:
        """Return the rate that the server may have measured when the request sent at `sent` arrived."""
        is_mixed, count = False, 0
        for start in reversed(self._starts):
            if start <= sent - _WINDOW:
                break
            count += start < sent
            is_mixed = is_mixed or (start < self._paused_at < self._resumed_at)
        rate = count + _CONTINUITY
        if not is_mixed and rate + 1 >= limit:
            rate = limit
        if sent > self._resumed_at + _WINDOW:
            rate = max(rate, self.lower_bound(limit))
        return max(MIN_RATE, rate)
