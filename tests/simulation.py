"""A server with a limit and a crew that asks it, in simulated time: minutes of it take a moment.

Knows the governor's interface and nothing of how it decides.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random
from typing import NamedTuple, TypeAlias

from collector.errors import RunStopped
from collector.governor import Governor, Start
from collector.limiter import OwnCeiling

Schedule: TypeAlias = tuple[tuple[float, int], ...]
"""From so many seconds on, so many requests a second."""


class Arrival(NamedTuple):
    """One request, as the server saw it."""

    at: float
    is_allowed: bool


class Limit:
    """Says of an arrival whether it is allowed, and else when the next one would be."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def per_second(self, now: float) -> int:
        return [limit for since, limit in self._schedule if since <= now][-1]

    def wait(self, now: float) -> float:
        """0 for an arrival that is allowed."""
        raise NotImplementedError


class SlidingWindow(Limit):
    """At most so many in any one second; with `counts_refused` those that were refused count as well."""

    def __init__(self, schedule: Schedule, *, counts_refused: bool = False) -> None:
        super().__init__(schedule)
        self._counts_refused = counts_refused
        self._last: deque[float] = deque()

    def wait(self, now: float) -> float:
        limit, last = self.per_second(now), self._last
        while last and last[0] <= now - 1:
            last.popleft()
        is_allowed = len(last) < limit
        wait = 0.0 if is_allowed else last[-limit] + 1 - now
        if is_allowed or self._counts_refused:
            last.append(now)
        return wait


class TokenBucket(Limit):
    """So many a second, and a burst of as many."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self._tokens = inf
        self._filled_at = 0.0

    def wait(self, now: float) -> float:
        limit = self.per_second(now)
        self._tokens = min(limit, self._tokens + (now - self._filled_at) * limit)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / limit
        self._tokens -= 1
        return 0.0


class FixedWindow(Limit):
    """So many in each second of the clock."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self._window = -1
        self._count = 0

    def wait(self, now: float) -> float:
        if self._window != int(now):
            self._window, self._count = int(now), 0
        if self._count >= self.per_second(now):
            return self._window + 1 - now
        self._count += 1
        return 0.0


LIMITS: dict[str, Callable[[Schedule], Limit]] = {
    "sliding window": SlidingWindow,
    "sliding window that counts refusals": lambda schedule: SlidingWindow(schedule, counts_refused=True),
    "token bucket": TokenBucket,
    "fixed window": FixedWindow,
}

FORMS: dict[str, Callable[[float], float | None]] = {
    "whole seconds": lambda wait: max(1.0, math.ceil(wait)),
    "exact": lambda wait: wait,
    "absent": lambda _: None,
}
"""What the server says of the wait: `Retry-After` in whole seconds (or a date) or with decimals, or nothing."""


@dataclass
class Simulation:
    """A crew without end of work, for so many seconds, against one server."""

    limit: Limit
    told: Callable[[float], float | None]
    latency: float
    seconds: float
    seed: int = 0
    concurrency: int = 32
    rate: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    stopped: RunStopped | None = None

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)
        self.governor = Governor(
            OwnCeiling(self.rate),
            self.concurrency,
            0.0,
            max_pause=900.0,
            dice=self._dice,
            moment=str,
            warn=lambda _: None,
            note=lambda _: None,
        )
        self._now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def run(self) -> Simulation:
        """Run it to its end."""
        try:
            while self._now < self.seconds:
                self._step()
        except RunStopped as stopped:
            self.stopped = stopped
        return self

    def _step(self) -> None:
        wait = 0.0
        if self.governor.in_flight < self.concurrency:  # a task of the crew is free
            granted = self.governor.take(self._now)
            if isinstance(granted, Start):
                self._send(granted)
                return
            wait = granted.seconds
        else:
            wait = inf
        due = self._events[0][0] if self._events else inf
        self._now = min(due, self._now + max(wait, 1e-6))
        while self._events and self._events[0][0] <= self._now:
            heapq.heappop(self._events)[2]()

    def _send(self, start: Start) -> None:
        latency = self.latency * self._dice.uniform(0.8, 1.2)
        self._later(latency / 2, lambda: self._arrive(start, latency / 2))

    def _arrive(self, start: Start, way_back: float) -> None:
        wait = self.limit.wait(self._now)
        self.arrivals.append(Arrival(self._now, wait == 0))
        self._later(way_back, lambda: self._answer(start, wait))

    def _answer(self, start: Start, wait: float) -> None:
        if wait == 0:
            self.governor.answered(start, self._now, is_success=True)
        else:
            self.governor.refused(start, self._now, self.told(wait), "HTTP 429", is_outage=False)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), then))
