"""Measured rates of sent and of accepted requests."""

from __future__ import annotations

from math import inf

import pytest

from collector.governor.limit_belief import MIN_RATE
from collector.governor.rate_meter import RateMeter


def make_meter(per_second: float, seconds: float, *, begin: float = 0.0, intervals: int = 4) -> RateMeter:
    """Return a meter that counted evenly spaced, accepted requests, with `intervals` per second."""
    meter = RateMeter(begin)
    for number in range(round(per_second * seconds)):
        now = begin + (number + 1) / per_second
        meter.started(now)
        meter.accepted()
        if meter.interval_seconds(now) >= 1 / intervals:
            meter.close_interval(now)
    return meter


def test_a_steady_rate_is_measured_from_both_sides() -> None:
    meter = make_meter(50, 10)
    assert meter.lower_bound(inf) == pytest.approx(50, rel=0.02)
    assert meter.upper_bound(10.0, inf) == pytest.approx(50, rel=0.03)


def test_a_rate_at_its_limit_is_the_limit() -> None:
    meter = make_meter(5, 10)
    assert meter.upper_bound(10.0, 5.3) == 5.3
    assert meter.lower_bound(4.9) == 4.9


def test_an_unused_limit_does_not_count() -> None:
    assert make_meter(5, 10).upper_bound(10.0, 50) == pytest.approx(5, abs=1)


def test_after_a_pause_only_the_last_second_counts_even_across_the_pause() -> None:
    meter = make_meter(50, 10)
    meter.paused(10.0)
    meter.resumed(10.4)
    for number in range(5):
        meter.started(10.4 + number / 50)
    assert meter.upper_bound(10.5, inf) == pytest.approx(25 + 5, abs=2)
    assert meter.upper_bound(11.3, inf) == pytest.approx(5, abs=1)


def test_without_requests_the_lower_bound_is_the_minimum_and_the_upper_bound_half_a_request() -> None:
    meter = RateMeter(0.0)
    assert meter.lower_bound(inf) == MIN_RATE
    assert meter.upper_bound(5.0, inf) == 0.5
    assert meter.upper_bound(5.0, 0.2) == 0.2
    assert meter.close_interval(1.0) == 0
