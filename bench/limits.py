"""Four ways in which a server limits requests a second, and a limit that changes on a schedule.

Pure: the present is an argument, in seconds of any clock that only moves forward. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate, pairwise
from math import floor
from typing import Final, NamedTuple, Protocol

WINDOW: Final = 1.0
"""Seconds that a limit speaks of."""


class Verdict(NamedTuple):
    """What the limit says to one request, and how it stands after it.

    `wait` is in how many seconds a further request would be allowed if none came until then, `reset` in how many the
    whole quota is back.
    """

    allowed: bool
    wait: float
    remaining: int
    reset: float


class Limit(Protocol):
    """Judges one request after the other; `limit` is what holds at that moment, at least 1."""

    def judge(self, now: float, limit: int) -> Verdict: ...


class Sliding:
    """At most `limit` within the last second. Refused requests count only if they are said to."""

    def __init__(self, *, refused_count: bool = False) -> None:
        self._refused_count = refused_count
        self._counted: deque[float] = deque()

    def judge(self, now: float, limit: int) -> Verdict:
        counted = self._counted
        while counted and counted[0] + WINDOW <= now:
            counted.popleft()
        allowed = len(counted) < limit
        if allowed or self._refused_count:
            counted.append(now)
        too_many = len(counted) - limit
        wait = counted[too_many] + WINDOW - now if too_many >= 0 else 0.0
        return Verdict(allowed, wait, max(0, -too_many), counted[-1] + WINDOW - now)


class Bucket:
    """A token bucket: `limit` tokens a second flow in, it holds those of one second, and it begins full."""

    def __init__(self) -> None:
        self._tokens = float("inf")
        self._filled_at = 0.0

    def judge(self, now: float, limit: int) -> Verdict:
        burst = limit * WINDOW
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * limit)
        self._filled_at = now
        allowed = self._tokens >= 1
        self._tokens -= allowed
        return Verdict(allowed, max(0.0, 1 - self._tokens) / limit, floor(self._tokens), (burst - self._tokens) / limit)


class Fixed:
    """At most `limit` within each whole second of the clock, so up to twice as many across the turn of one."""

    def __init__(self) -> None:
        self._window = float("-inf")
        self._count = 0

    def judge(self, now: float, limit: int) -> Verdict:
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
    "strict": partial(Sliding, refused_count=True),
}


class Segment(NamedTuple):
    """The limit from one step to the next, in seconds since the first request."""

    start: float
    end: float
    limit: int


def schedule(limits: Iterable[int], seconds: Iterable[float]) -> tuple[Segment, ...]:
    """Each limit for so many seconds, one after the other; raises ValueError unless there is one for each."""
    steps = pairwise(accumulate(seconds, initial=0.0))
    return tuple(Segment(*step, limit) for step, limit in zip(steps, limits, strict=True))


def limit_at(segments: Iterable[Segment], elapsed: float) -> int:
    """The limit at a moment; the last one stays."""
    limit = 0
    for segment in segments:
        limit = segment.limit
        if elapsed < segment.end:
            break
    return limit
