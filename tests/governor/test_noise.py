"""Noise is not a limit: throttling at any rate does not lower the rate. In simulated time, over many seeds."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.limits import ALGORITHMS, Verdict, schedule
from collector.governor.rate_limit_headers import Allowance, Quota
from tests.support.simulation import FORMS, Simulation

NO_LIMIT = 1_000_000_000
SLACK = 1.05  # factor on the interval between two permits, see `rate_ceiling`
CASES = [
    (0.0005, 50, 0.1),
    (0.002, 50, 0.1),
    (0.01, 50, 0.02),
    (0.01, 50, 0.1),
    (0.0005, 300, 0.02),
    (0.002, 300, 0.02),
    (0.002, 300, 0.1),
    (0.002, 0, 0.02),
    (0.002, 0, 0.1),
]


def with_noise(noise: Callable[[float], float], rate: float, latency: float, form: str, seed: int) -> Simulation:
    segments = schedule([NO_LIMIT], [120])
    simulation = Simulation(None, segments, FORMS[form], latency, seed=seed, rate=rate, noise=noise).run()
    assert simulation.stopped is None
    return simulation


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
@pytest.mark.parametrize("form", ["whole seconds", pytest.param("absent", marks=pytest.mark.soak)])
@pytest.mark.parametrize(("noise", "rate", "latency"), CASES)
def test_noise_costs_little_more_than_its_pauses(noise: float, rate: int, latency: float, form: str, seed: int) -> None:
    simulation = with_noise(lambda _: noise, rate, latency, form, seed)
    possible = min(rate / SLACK if rate else 1e9, 32 / latency)
    assert simulation.throughput >= 0.8 * possible
    if form != "absent":
        assert simulation.paused <= 1.1 * simulation.requested_pause_s + 1.1


@pytest.mark.soak
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("noise", "rate", "latency"), CASES)
def test_noise_costs_little_over_many_seeds(noise: float, rate: int, latency: float, form: str) -> None:
    possible = min(rate / SLACK if rate else 1e9, 32 / latency)
    shares = [with_noise(lambda _: noise, rate, latency, form, seed).throughput / possible for seed in range(3, 23)]
    assert sum(share >= 0.8 for share in shares) >= 19


@pytest.mark.parametrize(("noise", "rate"), [(0.03, 50), (0.05, 50), (0.05, 5), (0.1, 5)])
def test_even_heavy_noise_is_not_taken_for_a_limit(noise: float, rate: int) -> None:
    runs = [with_noise(lambda _: noise, rate, 0.1, "whole seconds", seed) for seed in range(3)]
    assert sorted(run.throughput for run in runs)[1] >= 0.6 * rate / SLACK


ON_TOP = [
    (algorithm, noise, rate, latency)
    for algorithm in ALGORITHMS
    for noise in (0.0005, 0.002, 0.01)
    for rate in (0, 300)
    for latency in (0.02, 0.1)
]


def share_of_limit(algorithm: str, noise: float, rate: float, latency: float, seed: int) -> float:
    """Return the share of a limit of 50/s that a run achieves outside of its pauses, with noise on top."""
    simulation = Simulation(
        ALGORITHMS[algorithm](),
        schedule([50], [150]),
        FORMS["whole seconds"],
        latency,
        seed=seed,
        rate=rate,
        noise=lambda _: noise,
    ).run()
    assert simulation.stopped is None
    late = [arrival for arrival in simulation.arrivals if arrival.at >= 30]
    assert sum(not arrival.allowed for arrival in late) <= (noise + 0.025) * len(late)
    return simulation.throughput / 50


@pytest.mark.parametrize("noise", [*(pytest.param(noise, marks=pytest.mark.soak) for noise in (0.0005, 0.002)), 0.01])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_noise_on_top_of_a_limit_does_not_hide_it(algorithm: str, noise: float) -> None:
    shares = sorted(share_of_limit(algorithm, noise, 300, 0.1, seed) for seed in range(3))
    assert shares[1] >= 0.75  # the test below checks many seeds


@pytest.mark.soak
@pytest.mark.parametrize(("algorithm", "noise", "rate", "latency"), ON_TOP)
def test_noise_on_top_of_a_limit_hides_it_in_few_of_many_seeds(
    algorithm: str, noise: float, rate: float, latency: float
) -> None:
    shares = [share_of_limit(algorithm, noise, rate, latency, seed) for seed in range(3, 23)]
    assert sum(share >= 0.75 for share in shares) >= 19


@pytest.mark.parametrize("seed", range(3))
def test_the_rate_recovers_after_a_second_of_throttling(seed: int) -> None:
    simulation = with_noise(lambda now: 1.0 if 30 <= now < 31 else 0.0, 50, 0.1, "whole seconds", seed)
    assert simulation.allowed(70) >= 0.8 * 50 / SLACK * 50


@pytest.mark.parametrize("seed", range(3))
def test_temporary_noise_does_not_lower_the_rate_afterwards(seed: int) -> None:
    simulation = with_noise(lambda now: 0.02 if 30 <= now < 60 else 0.0, 50, 0.1, "whole seconds", seed)
    assert simulation.allowed(90) >= 0.8 * 50 / SLACK * 30


@pytest.mark.parametrize("latency", [pytest.param(0.02, marks=pytest.mark.soak), 0.1])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_limit_just_below_the_ceiling_is_found(algorithm: str, latency: float) -> None:
    limit = ALGORITHMS[algorithm]()
    simulation = Simulation(limit, schedule([45], [120]), FORMS["whole seconds"], latency, rate=50).run()
    late = [arrival for arrival in simulation.arrivals if arrival.at >= 30]
    assert sum(not arrival.allowed for arrival in late) <= 0.02 * len(late)
    assert simulation.allowed(30) >= 0.7 * 45 * 90


def ratelimit(verdict: Verdict, _limit: int, _now: float) -> Allowance:
    return Allowance(verdict.remaining, float(math.ceil(verdict.reset)))


def x_fields(verdict: Verdict, _limit: int, now: float) -> Allowance:
    return Allowance(verdict.remaining, float(math.ceil(now + verdict.reset) - math.floor(now)))


@pytest.mark.parametrize("latency", [0.02, 0.1])
@pytest.mark.parametrize("algorithm", ["sliding", "bucket", "fixed"])
@pytest.mark.parametrize(("stated_allowance", "window"), [(ratelimit, 1.0), (x_fields, None)])
def test_a_stated_quota_is_used_and_rarely_exceeded(
    stated_allowance: Callable[[Verdict, int, float], Allowance], window: float | None, algorithm: str, latency: float
) -> None:
    simulation = Simulation(
        ALGORITHMS[algorithm](),
        schedule([50], [60]),
        FORMS["whole seconds"],
        latency,
        stated_allowance=stated_allowance,
        quota=Quota(50, window),
    ).run()
    assert simulation.allowed(10) >= 0.85 * 50 * 50
    assert sum(not arrival.allowed for arrival in simulation.arrivals) <= 5
