"""A server with a limit, noise or a queue, and a crew that asks it, in simulated time: minutes of it take a moment.

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
from collector.governor.events import PauseTooLong, TooManyPauses
from collector.governor.governor import Permit
from collector.governor.rate_limit_headers import Allowance, Quota
from tests.support.governor_harness import governor

FORMS: dict[str, Callable[[float], float | None]] = {
    "whole seconds": lambda wait: max(1.0, math.ceil(wait)),
    "exact": lambda wait: wait,
    "absent": lambda _: None,
}
"""What the server says of the wait: `Retry-After` in whole seconds (or a date) or with decimals, or nothing."""


class Queue:
    """Workers that serve one request each at a time, first come, first served; none waits at an idle worker.

    `service` gives the seconds of one service that begins at a moment.
    """

    def __init__(self, workers: int, service: Callable[[float], float]) -> None:
        self._service = service
        self._free_at = [0.0] * workers

    def leaves(self, now: float) -> float:
        """When the reply leaves to a request that arrives now."""
        begins = max(now, heapq.heappop(self._free_at))
        ends = begins + self._service(begins)
        heapq.heappush(self._free_at, ends)
        return ends


@dataclass
class Simulation:
    """A crew without end of work, for so many seconds, against one server.

    `noise` is the probability at a moment that a request is refused whatever the limit says; the server then asks to
    wait `noise_wait`. With a `queue` the latency is that of the way only. `says` gives the quota headers of a reply.
    A timer wakes up to `late` seconds late.
    """

    limit: Limit | None
    segments: Sequence[Segment]
    told: Callable[[float], float | None]
    latency: float
    seed: int = 0
    concurrency: int = 32
    rate: float = 0.0
    noise: Callable[[float], float] = lambda _now: 0.0
    noise_wait: float = 1.0
    queue: Queue | None = None
    says: Callable[[Verdict, int, float], Allowance | None] = lambda _verdict, _limit, _now: None
    quota: Quota | None = None
    is_outage: bool = False
    late: float = 0.0
    jitter: float = 0.2
    latency_of: Callable[[float, Random], float] | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)
    stopped: PauseTooLong | TooManyPauses | None = None

    def __post_init__(self) -> None:
        self._rng = Random(self.seed)
        self.governor = governor(
            rate=self.rate,
            concurrency=self.concurrency,
            seed=self.seed,
        )
        self._now: float = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._asked_until = 0.0
        self.asked = 0.0  # seconds for which the server asked to wait, overlaps counted once

    def follow(self, rate: object) -> None:
        """Let something else than the governor's own way say how many may start a second."""
        vars(self.governor)["_rate"] = rate

    def run(self) -> Simulation:
        """Run it to its end."""
        try:
            while self._now < self.segments[-1].end:
                self._step()
        except (PauseTooLong, TooManyPauses) as stopped:
            self.stopped = stopped
        return self

    @property
    def paused(self) -> float:
        """Seconds for which the crew paused."""
        return self.governor.pauses.seconds(self._now)

    def allowed(self, begin: float = 0.0, end: float = inf) -> int:
        """Requests that the server took in a stretch of time."""
        return sum(arrival.allowed and begin <= arrival.at < end for arrival in self.arrivals)

    @property
    def throughput(self) -> float:
        """Requests a second that the server took, outside of the pauses."""
        return self.allowed() / (self._now - self.paused)

    def _step(self) -> None:
        wait = 0.0
        if self.governor.in_flight < self.concurrency:  # a task of the crew is free
            granted = self.governor.try_acquire(self._now)
            if isinstance(granted, Permit):
                self._send(granted)
                return
            wait = granted.seconds
        else:
            wait = inf
        if wait < inf and self.late:
            wait += self._rng.uniform(0, self.late)
        due = self._events[0][0] if self._events else inf
        self._now = min(due, self._now + max(wait, 1e-6))
        while self._events and self._events[0][0] <= self._now:
            heapq.heappop(self._events)[2]()

    def _send(self, permit: Permit) -> None:
        if self.latency_of:
            latency = self.latency_of(self._now, self._rng)
        else:
            latency = self.latency * self._rng.uniform(1 - self.jitter, 1 + self.jitter)
        self._later(latency / 2, lambda: self._arrive(permit, latency / 2))

    def _arrive(self, permit: Permit, way_back: float) -> None:
        limit = limit_at(self.segments, self._now)
        is_noise = self._rng.random() < self.noise(self._now)
        verdict = self.limit.judge(self._now, limit) if self.limit and not is_noise else Verdict(True, 0.0, limit, 1.0)
        if is_noise:
            verdict = verdict._replace(allowed=False, wait=self.noise_wait)
        self.arrivals.append(Arrival(self._now, verdict.allowed))
        service = self.queue.leaves(self._now) - self._now if self.queue and verdict.allowed else 0.0
        if verdict.allowed:
            self.latencies.append((self._now, service + 2 * way_back))
        self._later(service + way_back, lambda: self._answer(permit, verdict, limit))

    def _answer(self, permit: Permit, verdict: Verdict, limit: int) -> None:
        if verdict.allowed:
            said = self.says(verdict, limit, self._now)
            self.governor.answered(permit, self._now, is_success=True, allowance=said, quota=self.quota)
            return
        wait = self.told(verdict.wait)
        until = self._now + (wait or 0.0)
        self.asked += max(0.0, until - max(self._now, self._asked_until))
        self._asked_until = max(self._asked_until, until)
        self.governor.throttled(permit, self._now, wait, "HTTP 429", is_outage=self.is_outage)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), then))
