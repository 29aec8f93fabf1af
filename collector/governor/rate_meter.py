"""How fast requests start, and how fast the server takes them, of late. Pure.

A limiter counts what arrives within a second, pauses included, so that is what is counted here: the starts within the
second before a refused request. A rate that is paced is known better than one of six starts is: it is the pace.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from collector.governor.limit_belief import LOWEST

_SECOND: Final = 1.0
_MOST_STARTS: Final = 4096  # a second; more are not told apart
_TURNS: Final = 12  # of about a quarter of a second
_ENOUGH: Final = 10  # requests by which a rate is known
_HALF: Final = 0.5  # the limit is below what was refused and not below what was taken before it


class RateMeter:
    """Measures the rate since the last pause. Times are monotonic seconds, rates are requests a second."""

    def __init__(self, now: float) -> None:
        self._starts: deque[float] = deque(maxlen=_MOST_STARTS)
        self._turns: deque[tuple[int, float]] = deque(maxlen=_TURNS)  # accepted requests, seconds
        self._accepted = 0
        self._turned_at = self._resumed_at = now
        self._paused_at = -inf

    def start(self, now: float) -> None:
        """A request starts."""
        self._starts.append(now)

    def accept(self) -> None:
        """The server took one, outside of a pause."""
        self._accepted += 1

    def since_turn(self, now: float) -> float:
        """Seconds since the last turn."""
        return now - self._turned_at

    def turn(self, now: float) -> int:
        """End a stretch of time: how many the server took in it."""
        accepted, self._accepted = self._accepted, 0
        if now > self._turned_at:
            self._turns.append((accepted, now - self._turned_at))
        self._turned_at = now
        return accepted

    def pause(self, now: float) -> None:
        """Nothing more starts, but for a probe."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Requests start again."""
        self._resumed_at = self._turned_at = now
        self._turns.clear()
        self._accepted = 0

    def at_least(self, pace: float) -> float:
        """The rate of which the server took all, never above the pace."""
        accepted, seconds = 0, 0.0
        for taken, lasted in reversed(self._turns):
            accepted += taken
            seconds += lasted
            if seconds >= _SECOND and accepted >= _ENOUGH:
                break
        return max(LOWEST, min(accepted / max(seconds, _SECOND), pace))

    def at_most(self, sent: float, pace: float) -> float:
        """The rate that the server may have seen when a request arrived that was sent at this moment."""
        is_mixed, count = False, 0
        for start in reversed(self._starts):
            if start <= sent - _SECOND:
                break
            count += start < sent
            is_mixed = is_mixed or (start < self._paused_at < self._resumed_at)
        rate = count + _HALF
        if not is_mixed and rate + 1 >= pace:
            rate = pace
        if sent > self._resumed_at + _SECOND:
            rate = max(rate, self.at_least(pace))
        return max(LOWEST, rate)
