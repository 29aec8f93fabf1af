"""The user's rate ceiling. Pure: the current time is an argument, in monotonic seconds.

Theory of operation. A generic cell rate algorithm (ITU-T I.371) keeps one theoretical arrival time. Each permit
advances it by an interval, and a permit may be early by a tolerance.

The ceiling limits the requests that the server receives in any one second. The network delays requests unequally, so
requests sent within slightly more than a second can arrive within one. The interval is therefore longer than 1/rate by
`_SLACK`. A window of one second, stretched by up to `_SLACK` - `_TOLERANCE` seconds of jitter, still holds at most
`rate` requests.
"""

from __future__ import annotations

from typing import Protocol

_SLACK = 0.05
_TOLERANCE = 0.015  # seconds; a permit may be this early, so that a late timer does not cost throughput


class RateCeiling(Protocol):
    """Grants permits, no faster than the user allows."""

    def try_acquire(self, now: float) -> float:
        """Take a permit if one is free at `now` and return 0; otherwise return the seconds until one may be free."""

    def close(self) -> None:
        """Release the ceiling's resources; no permit is taken afterwards."""


def interval_of(rate: float) -> float:
    """Return the seconds between two permits at `rate` per second; 0 for rate 0, which means unlimited."""
    return (1 + _SLACK) / rate if rate else 0.0


def seconds_until_free(arrival: float, now: float) -> float:
    """Return the seconds until the permit due at `arrival` is free; 0 if now."""
    return max(arrival - _TOLERANCE - now, 0.0)


def next_arrival(arrival: float, now: float, interval: float) -> float | None:
    """Return the theoretical arrival time after a permit at `now`; None if `now` is too early."""
    return None if arrival - _TOLERANCE > now else max(arrival, now) + interval


class LocalCeiling:
    """A ceiling of `rate` requests per second for this process alone; 0 means unlimited."""

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
