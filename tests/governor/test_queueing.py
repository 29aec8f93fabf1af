"""A queueing server is detected by its latency; latency that varies for other reasons does not lower the limit."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from math import inf
from random import Random

import pytest

from bench.limits import schedule
from collector.governor.queueing import QueueDetector
from tests.support.simulation import FORMS, Queue, Simulation

NO_LIMIT = 1_000_000_000
CAPACITY = 100.0  # requests per second
ROUND_TRIP = 0.0005  # seconds


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("idle", [0.01, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("kind", ["serial", "parallel"])
def test_a_queueing_server_runs_at_capacity_with_a_short_queue(kind: str, idle: float, seed: int) -> None:
    rng = Random(seed)
    service = 1 / CAPACITY if kind == "serial" else idle
    queue = Queue(round(CAPACITY * service), lambda _: service * rng.uniform(0.9, 1.1))
    network = max(ROUND_TRIP, idle - service)
    segments = schedule([NO_LIMIT], [30])
    simulation = Simulation(None, segments, FORMS["absent"], network, seed=seed, queue=queue, jitter=0.1).run()
    assert simulation.allowed(5, 29) >= 0.8 * CAPACITY * 24
    latencies = sorted(latency for at, latency in simulation.latencies if at >= 5)
    assert latencies[int(0.95 * len(latencies))] <= 4 * idle


VARYING: dict[str, Callable[[float, Random], float]] = {
    "jitter": lambda _, rng: rng.uniform(0.04, 0.06),
    "a heavy tail": lambda _, rng: 0.03 * math.exp(rng.gauss(0, 1)),
    "two kinds": lambda _, rng: 0.02 if rng.random() < 0.3 else 0.2,
    "some from a cache": lambda _, rng: 0.002 if rng.random() < 0.05 else 0.1,
    "drift": lambda now, _: 0.05 * (1 + 0.8 * math.sin(now / 8)),
    "a slow half minute": lambda now, rng: (0.2 if 30 < now < 60 else 0.05) * rng.uniform(0.9, 1.1),
    "slow periods": lambda now, rng: (0.2 if int(now / 7) % 2 else 0.05) * rng.uniform(0.9, 1.1),
}


@pytest.mark.parametrize("concurrency", [1, 2, 4, 32])
@pytest.mark.parametrize("variation", VARYING)
def test_latency_that_varies_without_a_queue_costs_little(variation: str, concurrency: int) -> None:
    simulation = Simulation(
        None,
        schedule([NO_LIMIT], [90]),
        FORMS["absent"],
        0.05,
        concurrency=concurrency,
        latency_of=VARYING[variation],
    ).run()
    assert simulation.allowed() >= 0.93 * _possible(VARYING[variation], concurrency, 90.0)


def _possible(latency: Callable[[float, Random], float], concurrency: int, seconds: float) -> int:
    """Return the number of requests that are completed at a constant concurrency."""
    rng, free_at, done = Random(1), [0.0] * concurrency, 0
    while free_at[0] < seconds:
        now = heapq.heappop(free_at)
        heapq.heappush(free_at, now + latency(now, rng))
        done += 1
    return done


def test_replies_within_milliseconds_are_not_a_queue() -> None:
    detector = QueueDetector()
    limits = {detector.replied(0.001 if number < 8 else 0.009, 32) for number in range(1000)}
    assert limits == {32}


def test_increased_capacity_is_found() -> None:
    segments = schedule([NO_LIMIT], [40])
    queue = Queue(5, lambda begins: 0.05 if begins < 20 else 0.01)
    simulation = Simulation(None, segments, FORMS["absent"], ROUND_TRIP, queue=queue).run()
    assert simulation.allowed(30, 39) >= 0.8 * 500 * 9


def test_the_repr_shows_the_phase_and_the_idle_latency() -> None:
    detector = QueueDetector()
    for _ in range(8):
        detector.replied(0.02, 4)
    assert repr(detector) == "<QueueDetector watch idle=20ms>"
    assert not detector.is_in_control
    assert inf not in {detector.replied(0.02, 4) for _ in range(100)}
