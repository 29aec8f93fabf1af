"""The rate follows the server's limit: found, kept, and found again when it moves. In simulated time."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.adaptive_rate import LOWEST, AdaptiveRate

from .simulation import FORMS, LIMITS, Arrival, Simulation

STEPS = ((0, 50), (90, 5), (210, 50))
END = 330.0


class Segment:
    """What the server saw from one step of its limit to the next."""

    def __init__(self, arrivals: Sequence[Arrival], start: float, limit: int, end: float) -> None:
        self.limit = limit
        self._arrivals = [arrival for arrival in arrivals if start <= arrival.at < end]
        self._start = start
        self._end = end

    def refused_after(self, seconds: float) -> tuple[int, int]:
        """How many were refused, and how many there were, from so long after the step on."""
        late = [arrival for arrival in self._arrivals if arrival.at >= self._start + seconds]
        return sum(not arrival.is_allowed for arrival in late), len(late)

    def share_after(self, seconds: float) -> float:
        """The allowed ones as a share of the limit, from so long after the step on."""
        late = sum(arrival.is_allowed for arrival in self._arrivals if arrival.at >= self._start + seconds)
        return late / (self.limit * (self._end - self._start - seconds))

    def reached(self, share: float) -> float:
        """Seconds after the step until the last ten seconds held that share of the limit."""
        allowed = [arrival.at for arrival in self._arrivals if arrival.is_allowed]
        for moment in range(int(self._start) + 10, int(self._end)):
            if bisect(allowed, moment) - bisect(allowed, moment - 10) >= share * self.limit * 10:
                return moment - self._start
        return inf

    @property
    def seconds(self) -> float:
        return self._end - self._start


def segments(simulation: Simulation) -> list[Segment]:
    ends = [start for start, _ in STEPS[1:]] + [END]
    return [Segment(simulation.arrivals, start, limit, end) for (start, limit), end in zip(STEPS, ends, strict=True)]


@pytest.mark.parametrize("latency", [0.02, 0.1])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limit", LIMITS)
def test_the_servers_limit_is_followed_down_and_up_whatever_it_says_of_it(
    limit: str, form: str, latency: float
) -> None:
    simulation = Simulation(LIMITS[limit](STEPS), FORMS[form], latency, END).run()
    assert simulation.stopped is None
    for segment in segments(simulation):
        refused, asked = segment.refused_after(30)
        assert refused <= (0.02 * asked if segment.limit == 50 else (segment.seconds - 30) / 8)
        assert segment.share_after(60) >= 0.8
        assert segment.reached(0.8) <= 60


@pytest.mark.parametrize("limit", LIMITS)
def test_far_away_a_limit_is_followed_too(limit: str) -> None:
    simulation = Simulation(LIMITS[limit](STEPS), FORMS["whole seconds"], 0.3, END).run()
    for segment in segments(simulation):
        refused, asked = segment.refused_after(30)
        assert refused <= (0.02 * asked if segment.limit == 50 else (segment.seconds - 30) / 8)
        assert segment.share_after(60) >= 0.75


def test_a_limit_above_the_users_ceiling_is_never_met() -> None:
    simulation = Simulation(LIMITS["sliding window"](((0, 50),)), FORMS["absent"], 0.1, 120, rate=50).run()
    assert all(arrival.is_allowed for arrival in simulation.arrivals)
    assert len(simulation.arrivals) >= 0.95 * 120 * 50 / 1.05
    assert simulation.governor.settled_rate is None


def test_until_something_is_refused_there_is_no_rate() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 10)
        assert rate.at(moment / 10) == inf


def test_the_first_refusal_makes_a_rate_of_what_the_server_took() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 20)  # 20 a second
    rate.refused(5.0)
    assert 15 < rate.safe < 20


def test_after_a_pause_the_rate_starts_lower_and_is_back_in_seconds_and_holds_and_climbs() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 20)
    rate.refused(5.0)
    rate.resumed(6.0)
    assert rate.at(6.0) == pytest.approx(0.7 * rate.safe)
    assert rate.at(9.5) == rate.at(10.9) == rate.safe
    assert rate.safe < rate.at(15.0) < rate.at(20.0)
    assert rate.at(21.0) == pytest.approx(2 * rate.safe)


def test_a_refusal_right_after_a_pause_means_that_the_pause_was_short_and_not_that_the_rate_was_high() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 20)
    rate.refused(5.0)
    before = rate.safe
    rate.resumed(6.0)
    rate.answered(6.0)
    rate.refused(6.01)
    assert rate.safe == before
    rate.resumed(7.0)
    rate.answered(7.0)
    rate.refused(7.01)
    assert rate.safe == pytest.approx(0.8 * before)


def test_a_run_that_is_refused_before_it_has_answers_begins_with_a_guess_and_not_with_a_crawl() -> None:
    rate = AdaptiveRate(0.0)
    rate.refused(0.1)
    assert rate.safe == 10


@given(st.lists(st.tuples(st.sampled_from(["answered", "refused"]), st.floats(0, 30)), max_size=200))
def test_whatever_comes_the_rate_is_never_below_its_lowest(events: list[tuple[str, float]]) -> None:
    rate, now = AdaptiveRate(0.0), 0.0
    for what, seconds in events:
        now += seconds
        if what == "answered":
            rate.answered(now)
        else:
            rate.refused(now)
            now += seconds
            rate.resumed(now)
        assert rate.safe >= LOWEST
        assert rate.at(now) >= 0.7 * LOWEST
