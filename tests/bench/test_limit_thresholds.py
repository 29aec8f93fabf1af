"""The evaluation of runs with a stepping limit, on handmade logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.limit_log import Arrival, Log, load, save
from bench.limit_plot import per_second
from bench.limit_thresholds import Finding, Thresholds, evaluate
from bench.limits import Segment

FAST = Segment(210.0, 330.0, 50)
SLOW = Segment(90.0, 210.0, 5)


def steady(segment: Segment, per_second: float, begin: float = 0.0) -> list[Arrival]:
    """Return evenly spaced allowed requests, beginning `begin` seconds after the step."""
    count = int((segment.end - segment.start - begin) * per_second)
    return [Arrival(segment.start + begin + number / per_second, True) for number in range(count)]


def throttled(*times: float) -> list[Arrival]:
    return [Arrival(time, False) for time in times]


def evaluate_sorted(arrivals: list[Arrival], segment: Segment) -> Finding:
    return evaluate(sorted(arrivals), segment, Thresholds())


@pytest.mark.parametrize("segment", [FAST, SLOW])
def test_a_run_at_its_limit_meets_every_threshold(segment: Segment) -> None:
    finding = evaluate_sorted(steady(segment, segment.limit), segment)
    assert finding.missed == ()
    assert finding.offered == segment.limit * 90
    assert finding.used == 1
    assert finding.reached_after == pytest.approx(8, abs=0.3)


def test_other_segments_do_not_count() -> None:
    others = [*steady(Segment(0, 90, 50), 50), *throttled(*(150 + number / 100 for number in range(100)))]
    assert evaluate_sorted([*others, *steady(FAST, 50)], FAST) == evaluate_sorted(steady(FAST, 50), FAST)


def test_throttled_requests_of_the_first_30_s_do_not_count() -> None:
    early = throttled(*(210 + number / 100 for number in range(2_999)))
    assert evaluate_sorted([*early, *steady(FAST, 50)], FAST).missed == ()


@pytest.mark.parametrize(("count", "missed"), [(91, ()), (92, ("throttled",))])
def test_two_percent_may_be_throttled_at_a_fast_limit(count: int, missed: tuple[str, ...]) -> None:
    """With 4500 allowed and 91 throttled requests, 1.98 % are throttled."""
    finding = evaluate_sorted([*steady(FAST, 50), *throttled(*(240 + number / 2 for number in range(count)))], FAST)
    assert finding.throttled == count
    assert finding.missed == missed


@pytest.mark.parametrize(("count", "missed"), [(11, ()), (12, ("throttled",))])
def test_one_in_8_s_may_be_throttled_at_a_slow_limit(count: int, missed: tuple[str, ...]) -> None:
    """90 s are slightly more than 11 times 8 s."""
    finding = evaluate_sorted([*steady(SLOW, 5), *throttled(*(120 + number * 7 for number in range(count)))], SLOW)
    assert finding.throttled_per_interval == pytest.approx(count * 8 / 90)
    assert finding.max_throttled_per_interval == 2
    assert finding.missed == missed


def test_the_maximum_in_8_s_counts_any_8_s() -> None:
    arrivals = [*steady(SLOW, 5), *throttled(120, 127, 130, 134.9, 134.95, 135, 190)]
    assert evaluate_sorted(arrivals, SLOW).max_throttled_per_interval == 4


@pytest.mark.parametrize("segment", [FAST, SLOW])
@pytest.mark.parametrize(("share", "missed"), [(0.81, ()), (0.75, ("used", "reached"))])
def test_80_percent_of_the_limit_must_be_used(segment: Segment, share: float, missed: tuple[str, ...]) -> None:
    assert evaluate_sorted(steady(segment, segment.limit * share), segment).missed == missed


@pytest.mark.parametrize(("begin", "missed"), [(50, ()), (53, ("reached",))])
def test_80_percent_must_be_reached_within_60_s(begin: float, missed: tuple[str, ...]) -> None:
    """A window of 10 s must contain 80 %: 8 s at the limit, without earlier requests."""
    finding = evaluate_sorted(steady(FAST, 50, begin), FAST)
    assert finding.reached_after == pytest.approx(begin + 8, abs=0.1)
    assert finding.missed == missed


def test_requests_before_a_step_down_do_not_count_for_the_lower_limit() -> None:
    assert evaluate_sorted([*steady(Segment(0, 90, 50), 50), *steady(SLOW, 1)], SLOW).reached_after is None


def test_a_run_that_ended_early_misses_its_thresholds() -> None:
    assert evaluate_sorted([], FAST).missed == ("used", "reached")


def test_a_segment_that_is_too_short_is_rejected() -> None:
    with pytest.raises(ValueError, match="longer than 60 s"):
        evaluate([], Segment(0, 60, 50), Thresholds())
    assert evaluate([], Segment(0, 60, 50), Thresholds().scaled(0.5)).missed


def test_a_log_is_read_as_it_was_saved(tmp_path: Path) -> None:
    log = Log("limit: sliding", (SLOW, FAST), [Arrival(0.0, True), Arrival(1.25, False)])
    save(log, tmp_path / "log.json")
    assert load(tmp_path / "log.json") == log


def test_times_are_counted_by_the_second() -> None:
    assert per_second([0.0, 0.99, 1.0, 3.5, 9.0], 4) == [2, 1, 0, 1]
