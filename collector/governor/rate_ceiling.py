"""When may the next request start below the user's ceiling? Pure: the present is an argument, in monotonic seconds.

Theory of operation. The pace is a generic cell rate algorithm (ITU-T I.371): one theoretical arrival time, moved on
by an interval with every start, from which a start may be early by a tolerance.

The user's rate is a ceiling on what the server sees in any one second. Between our start and its arrival lies a
network that delays one request more than another, so that what left here in a little over a second can arrive
within one. The interval is therefore `_SLACK` longer than 1/rate: a window of one second, stretched by up to
`_SLACK` - `_TOLERANCE` seconds of jitter, still holds at most `rate` starts.
"""

from __future__ import annotations

from typing import Protocol

_SLACK = 0.05
_TOLERANCE = 0.015  # seconds; one late timer does not cost throughput


class RateCeiling(Protocol):
    """Allows starts, not more often than the user wants."""

    def try_acquire(self, now: float) -> float:
        """Take a start if one is free at `now`: 0; else the seconds until one may be, and nothing is taken."""

    def close(self) -> None:
        """Nothing more is taken."""


def interval_of(rate: float) -> float:
    """Seconds between two starts for at most `rate` a second; 0 for the rate 0, which is no ceiling."""
    return (1 + _SLACK) / rate if rate else 0.0


def seconds_until_free(arrival: float, now: float) -> float:
    """Seconds until the start that is due at `arrival` may be taken; 0 when it may be now."""
    return max(arrival - _TOLERANCE - now, 0.0)


def next_arrival(arrival: float, now: float, interval: float) -> float | None:
    """The theoretical arrival time after a start at `now`, or None when it is too early for one."""
    return None if arrival - _TOLERANCE > now else max(arrival, now) + interval


class LocalCeiling:
    """A ceiling of `rate` requests a second (0: none) for this process alone."""

    def __init__(self, rate: float) -> None:
        self._interval = interval_of(rate)
        self._arrival = float("-inf")

    def try_acquire(self, now: float) -> float:
        arrival = next_arrival(self._arrival, now, self._interval) if self._interval else now
        if arrival is None:
            return seconds_until_free(self._arrival, now)
        self._arrival = arrival
        return 0.0

    def close(self) -> None:
        pass

    def __repr__(self) -> str:
        return f"<LocalCeiling interval={self._interval:.4f}s>"
