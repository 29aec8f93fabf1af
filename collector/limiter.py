"""When may the next request start? Pure: the present is an argument, in monotonic seconds.

Theory of operation. Two things hold a request back, and the later one counts. The *pace* is a generic cell rate
algorithm (ITU-T I.371): one theoretical arrival time, moved on by an interval with every start, from which a
start may be early by a tolerance. The *pause* is shared by everybody: until it ends nothing starts.

The user's rate is a ceiling on what the server sees in any one second. Between our start and its arrival lies a
network that delays one request more than another, so that what left here in a little over a second can arrive
within one. The interval is therefore `_SLACK` longer than 1/rate: a window of one second, stretched by up to
`_SLACK` - `_TOLERANCE` seconds of jitter, still holds at most `rate` starts.
"""

from __future__ import annotations

_SLACK = 0.05
_TOLERANCE = 0.015  # seconds; one late timer does not cost throughput


class Limiter:
    """Paces request starts below `rate` a second (0: no ceiling) and holds them back while paused."""

    def __init__(self, rate: float) -> None:
        self._interval = (1 + _SLACK) / rate if rate else 0.0
        self._arrival = float("-inf")
        self._paused_until = float("-inf")
        self.paused_s = 0.0

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when it may start now."""
        return max(self._arrival - _TOLERANCE - now, self._paused_until - now, 0.0)

    def start(self, now: float) -> None:
        """A request starts now; it is the caller's duty to have waited out `delay`."""
        self._arrival = max(self._arrival, now) + self._interval

    def pause(self, now: float, seconds: float) -> None:
        """Nothing starts for `seconds`; a pause already running is prolonged, never cut short."""
        until = now + seconds
        self.paused_s += max(0.0, until - max(now, self._paused_until))
        self._paused_until = max(self._paused_until, until)

    def is_paused(self, now: float) -> bool:
        return now < self._paused_until

    def __repr__(self) -> str:
        return f"<Limiter interval={self._interval:.4f}s paused={self.paused_s:.1f}s>"
