"""Four algorithms that limit requests per second, and limits that change on a schedule.

Pure: the current time is an argument, in seconds of any monotonic clock. Must not know HTTP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate, pairwise
from math import floor
from typing import Final, NamedTuple, Protocol

WINDOW: Final = 1.0
"""The period of a limit, in seconds."""


class Verdict(NamedTuple):
    """The decision for one request, and the state of the limit after it.

    `wait` is the seconds until a further request would be allowed if none arrived meanwhile. `reset` is the seconds
    until the full quota is available again.
    """

    allowed: bool
    wait: float
    remaining: int
    reset: float


class Limit(Protocol):
    """Checks requests in order; `limit` is the current limit, at least 1."""

    def check(self, now: float, limit: int) -> Verdict: ...


class Sliding:
    """At most `limit` requests within the last second; throttled ones count only with `count_throttled`."""

    def __init__(self, *, count_throttled: bool = False) -> None:
        self._count_throttled = count_throttled
        self._counted: deque[float] = deque()

    def check(self, now: float, limit: int) -> Verdict:
        counted = self._counted
        while counted and counted[0] + WINDOW <= now:
            counted.popleft()
        allowed = len(counted) < limit
        if allowed or self._count_throttled:
            counted.append(now)
        excess = len(counted) - limit
        wait = counted[excess] + WINDOW - now if excess >= 0 else 0.0
        return Verdict(allowed, wait, max(0, -excess), counted[-1] + WINDOW - now)


class Bucket:
    """A token bucket that receives `limit` tokens per second, holds those of one second, and starts full."""

    def __init__(self) -> None:
        self._tokens = float("inf")
        self._filled_at = 0.0

    def check(self, now: float, limit: int) -> Verdict:
        burst = limit * WINDOW
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * limit)
        self._filled_at = now
        allowed = self._tokens >= 1
        self._tokens -= allowed
        return Verdict(allowed, max(0.0, 1 - self._tokens) / limit, floor(self._tokens), (burst - self._tokens) / limit)


class Fixed:
    """At most `limit` requests within each whole second of the clock, so up to twice as many around its turn."""

    def __init__(self) -> None:
        self._window = float("-inf")
        self._count = 0

    def check(self, now: float, limit: int) -> Verdict:
        window = now // WINDOW
        if window != self._window:
            self._window, self._count = window, 0
        allowed = self._count < limit
        self._count += allowed
        remaining, reset = max(0, limit - self._count), (window + 1) * WINDOW - now
        return Verdict(allowed, 0.0 if remaining else reset, remaining, reset)


ALGORITHMS: Final[Mapping[str, Callable[[], Limit]]] = {
    "sliding": Sliding,
    "bucket": Bucket,
    "fixed": Fixed,
    "strict": partial(Sliding, count_throttled=True),
}


class Segment(NamedTuple):
    """The limit between two steps; `start` and `end` are seconds since the first request."""

    start: float
    end: float
    limit: int


def schedule(limits: Iterable[int], seconds: Iterable[float]) -> tuple[Segment, ...]:
    """Return segments with each limit for its seconds, in order; raises ValueError for different lengths."""
    steps = pairwise(accumulate(seconds, initial=0.0))
    return tuple(Segment(*step, limit) for step, limit in zip(steps, limits, strict=True))


def limit_at(segments: Iterable[Segment], elapsed: float) -> int:
    """Return the limit at a time; the last limit stays in force."""
    limit = 0
    for segment in segments:
        limit = segment.limit
        if elapsed < segment.end:
            break
    return limit
