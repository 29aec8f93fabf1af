"""What is said about a run whose limit steps, on logs made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.limit_log import Arrival, Log, load, save
from bench.limit_plot import per_second
from bench.limit_thresholds import Bars, Finding, judge
from bench.limits import Segment

FAST = Segment(210.0, 330.0, 50)
SLOW = Segment(90.0, 210.0, 5)


def steady(segment: Segment, per_second: float, begin: float = 0.0) -> list[Arrival]:
    """Allowed requests at even distances, from so many seconds after the step."""
    count = int((segment.end - segment.start - begin) * per_second)
    return [Arrival(segment.start + begin + number / per_second, True) for number in range(count)]


def throttled(*moments: float) -> list[Arrival]:
    return [Arrival(moment, False) for moment in moments]


def found(arrivals: list[Arrival], segment: Segment) -> Finding:
    return judge(sorted(arrivals), segment, Bars())


@pytest.mark.parametrize("segment", [FAST, SLOW])
def test_a_run_at_its_limit_misses_nothing(segment: Segment) -> None:
    finding = found(steady(segment, segment.limit), segment)
    assert finding.missed == ()
    assert finding.offered == segment.limit * 90
    assert finding.used == 1
    assert finding.reached_after == pytest.approx(8, abs=0.3)


def test_other_segments_do_not_count() -> None:
    others = [*steady(Segment(0, 90, 50), 50), *throttled(*(150 + number / 100 for number in range(100)))]
    assert found([*others, *steady(FAST, 50)], FAST) == found(steady(FAST, 50), FAST)


def test_refusals_of_the_first_30_s_do_not_count() -> None:
    early = throttled(*(210 + number / 100 for number in range(2_999)))
    assert found([*early, *steady(FAST, 50)], FAST).missed == ()


@pytest.mark.parametrize(("count", "missed"), [(91, ()), (92, ("refused",))])
def test_two_percent_may_be_refused_at_a_fast_limit(count: int, missed: tuple[str, ...]) -> None:
    """Of 4500 allowed and 91 refused, 1.98 % are refused."""
    finding = found([*steady(FAST, 50), *throttled(*(240 + number / 2 for number in range(count)))], FAST)
    assert finding.throttled == count
    assert finding.missed == missed


@pytest.mark.parametrize(("count", "missed"), [(11, ()), (12, ("refused",))])
def test_one_in_8_s_may_be_refused_at_a_slow_limit(count: int, missed: tuple[str, ...]) -> None:
    """90 s are 11 times 8 s and a bit."""
    finding = found([*steady(SLOW, 5), *throttled(*(120 + number * 7 for number in range(count)))], SLOW)
    assert finding.refused_in == pytest.approx(count * 8 / 90)
    assert finding.most_refused_in == 2
    assert finding.missed == missed


def test_the_most_refusals_in_8_s_are_those_of_any_8_s() -> None:
    assert found([*steady(SLOW, 5), *throttled(120, 127, 130, 134.9, 134.95, 135, 190)], SLOW).most_refused_in == 4


@pytest.mark.parametrize("segment", [FAST, SLOW])
@pytest.mark.parametrize(("share", "missed"), [(0.81, ()), (0.75, ("used", "reached"))])
def test_80_percent_of_the_limit_has_to_be_used(segment: Segment, share: float, missed: tuple[str, ...]) -> None:
    assert found(steady(segment, segment.limit * share), segment).missed == missed


@pytest.mark.parametrize(("begin", "missed"), [(50, ()), (53, ("reached",))])
def test_80_percent_has_to_be_reached_within_60_s(begin: float, missed: tuple[str, ...]) -> None:
    """A window of 10 s has to hold it: 8 s at the limit, and nothing before."""
    finding = found(steady(FAST, 50, begin), FAST)
    assert finding.reached_after == pytest.approx(begin + 8, abs=0.1)
    assert finding.missed == missed


def test_what_was_allowed_before_a_step_down_does_not_make_the_lower_limit_reached() -> None:
    assert found([*steady(Segment(0, 90, 50), 50), *steady(SLOW, 1)], SLOW).reached_after is None


def test_a_run_that_ended_early_misses_what_it_did_not_do() -> None:
    assert found([], FAST).missed == ("used", "reached")


def test_a_segment_too_short_to_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 60 s"):
        judge([], Segment(0, 60, 50), Bars())
    assert judge([], Segment(0, 60, 50), Bars().scaled(0.5)).missed


def test_a_log_is_read_as_it_was_saved(tmp_path: Path) -> None:
    log = Log("limit: sliding", (SLOW, FAST), [Arrival(0.0, True), Arrival(1.25, False)])
    save(log, tmp_path / "log.json")
    assert load(tmp_path / "log.json") == log


def test_moments_are_counted_by_the_second() -> None:
    assert per_second([0.0, 0.99, 1.0, 3.5, 9.0], 4) == [2, 1, 0, 1]
