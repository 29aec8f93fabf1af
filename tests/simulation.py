"""A server with a limit and a crew that asks it, in simulated time: minutes of it take a moment.

Knows the governor's interface and nothing of how it decides.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random

from bench.limit_log import Arrival
from bench.limits import Limit, Segment, Verdict, limit_at
from collector.errors import RunStopped
from collector.governor import Start

from .governing import governor

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
    segments: Sequence[Segment]
    told: Callable[[float], float | None]
    latency: float
    seed: int = 0
    concurrency: int = 32
    rate: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    stopped: RunStopped | None = None

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)
        self.governor = governor(rate=self.rate, concurrency=self.concurrency, seed=self.seed)
        self._now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def run(self) -> Simulation:
        """Run it to its end."""
        try:
            while self._now < self.segments[-1].end:
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
        verdict = self.limit.judge(self._now, limit_at(self.segments, self._now))
        self.arrivals.append(Arrival(self._now, verdict.allowed))
        self._later(way_back, lambda: self._answer(start, verdict))

    def _answer(self, start: Start, verdict: Verdict) -> None:
        if verdict.allowed:
            self.governor.answered(start, self._now, is_success=True)
        else:
            self.governor.refused(start, self._now, self.told(verdict.wait), "HTTP 429", is_outage=False)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), then))
