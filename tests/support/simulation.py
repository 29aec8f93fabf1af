"""Simulates a server with a limit, noise or a queue, and workers that send requests to it, in simulated time.

Uses only the governor's interface. Must not know how it decides.
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
from tests.support.governor_harness import make_governor

FORMS: dict[str, Callable[[float], float | None]] = {
    "whole seconds": lambda wait: max(1.0, math.ceil(wait)),
    "exact": lambda wait: wait,
    "absent": lambda _: None,
}
"""The stated wait: `Retry-After` in whole seconds (or a date), with decimals, or missing."""


class Queue:
    """Server workers that each serve one request at a time, first come, first served.

    `service` returns the seconds of a service that begins at the given time.
    """

    def __init__(self, workers: int, service: Callable[[float], float]) -> None:
        self._service = service
        self._free_at = [0.0] * workers

    def departure(self, now: float) -> float:
        """Return the time at which the reply to a request that arrives now is sent."""
        begins = max(now, heapq.heappop(self._free_at))
        ends = begins + self._service(begins)
        heapq.heappush(self._free_at, ends)
        return ends


@dataclass
class Simulation:
    """Workers with unlimited work against one server, until the end of the last segment.

    `retry_after` converts the limit's wait into the stated one. `noise` returns the probability at a given time that a
    request is throttled regardless of the limit; the server then asks to wait `noise_wait`. With a `queue`, the latency
    is that of the network only. `stated_allowance` returns the allowance that a reply states. A timer is up to `late`
    seconds late.
    """

    limit: Limit | None
    segments: Sequence[Segment]
    retry_after: Callable[[float], float | None]
    latency: float
    seed: int = 0
    concurrency: int = 32
    rate: float = 0.0
    noise: Callable[[float], float] = lambda _now: 0.0
    noise_wait: float = 1.0
    queue: Queue | None = None
    stated_allowance: Callable[[Verdict, int, float], Allowance | None] = lambda _verdict, _limit, _now: None
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
        self.governor = make_governor(
            rate=self.rate,
            concurrency=self.concurrency,
            seed=self.seed,
        )
        self._now: float = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._requested_until = 0.0
        self.requested_pause_s = 0.0  # seconds of requested pauses; overlaps count once

    def use_rate(self, rate: object) -> None:
        """Replace the governor's adaptive rate."""
        vars(self.governor)["_rate"] = rate

    def run(self) -> Simulation:
        """Run the simulation to its end."""
        try:
            while self._now < self.segments[-1].end:
                self._step()
        except (PauseTooLong, TooManyPauses) as stopped:
            self.stopped = stopped
        return self

    @property
    def paused(self) -> float:
        """Seconds of pauses."""
        return self.governor.pauses.seconds(self._now)

    def allowed(self, begin: float = 0.0, end: float = inf) -> int:
        """Count the requests that the server accepted between two times."""
        return sum(arrival.allowed and begin <= arrival.at < end for arrival in self.arrivals)

    @property
    def throughput(self) -> float:
        """Accepted requests per second, outside of the pauses."""
        return self.allowed() / (self._now - self.paused)

    def _step(self) -> None:
        wait = 0.0
        if self.governor.in_flight < self.concurrency:  # a worker is free
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

    def _arrive(self, permit: Permit, return_latency: float) -> None:
        limit = limit_at(self.segments, self._now)
        is_noise = self._rng.random() < self.noise(self._now)
        verdict = self.limit.check(self._now, limit) if self.limit and not is_noise else Verdict(True, 0.0, limit, 1.0)
        if is_noise:
            verdict = verdict._replace(allowed=False, wait=self.noise_wait)
        self.arrivals.append(Arrival(self._now, verdict.allowed))
        service = self.queue.departure(self._now) - self._now if self.queue and verdict.allowed else 0.0
        if verdict.allowed:
            self.latencies.append((self._now, service + 2 * return_latency))
        self._later(service + return_latency, lambda: self._answer(permit, verdict, limit))

    def _answer(self, permit: Permit, verdict: Verdict, limit: int) -> None:
        if verdict.allowed:
            allowance = self.stated_allowance(verdict, limit, self._now)
            self.governor.answered(permit, self._now, is_success=True, allowance=allowance, quota=self.quota)
            return
        wait = self.retry_after(verdict.wait)
        until = self._now + (wait or 0.0)
        self.requested_pause_s += max(0.0, until - max(self._now, self._requested_until))
        self._requested_until = max(self._requested_until, until)
        self.governor.throttled(permit, self._now, wait, "HTTP 429", is_outage=self.is_outage)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), then))
