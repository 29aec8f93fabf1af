"""The rate follows the server's limit: found, kept, and found again when it moves. In simulated time."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.limit_bars import Bars, judge
from bench.limits import ALGORITHMS, schedule
from collector.adaptive_rate import LOWEST, AdaptiveRate

from .simulation import FORMS, Simulation

STEPS = schedule((50, 5, 50), (90, 120, 120))


@pytest.mark.parametrize("latency", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_servers_limit_is_followed_down_and_up_whatever_it_says_of_it(
    algorithm: str, form: str, latency: float
) -> None:
    simulation = Simulation(ALGORITHMS[algorithm](), STEPS, FORMS[form], latency).run()
    assert simulation.stopped is None
    assert [judge(simulation.arrivals, segment, Bars()).missed for segment in STEPS] == [()] * 3


def test_a_limit_above_the_users_ceiling_is_never_met() -> None:
    simulation = Simulation(ALGORITHMS["sliding"](), schedule([50], [120]), FORMS["absent"], 0.1, rate=50).run()
    assert all(arrival.allowed for arrival in simulation.arrivals)
    assert len(simulation.arrivals) >= 0.95 * 120 * 50 / 1.05
    assert simulation.governor.settled_rate is None


def test_until_something_is_refused_there_is_no_rate() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 10)
        assert rate.at(moment / 10) == inf


def limited(answers: int = 100) -> AdaptiveRate:
    """A rate of 20 a second that met a limit after so many answers: of what was in flight four were refused."""
    rate = AdaptiveRate(0.0)
    for moment in range(answers):
        rate.answered(moment / 20)
    for number in range(4):
        rate.refused(5.0, begins=number == 0)
    return rate


def test_a_refusal_alone_makes_no_rate() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 20)
    assert not rate.refused(5.0)
    rate.resumed(6.0)
    assert rate.at(6.0) == inf


def test_refusals_of_what_was_in_flight_make_a_rate_of_what_the_server_took() -> None:
    assert 15 < limited().safe < 20


def test_after_a_limit_the_rate_starts_lower_and_is_back_in_seconds_and_holds_and_climbs() -> None:
    rate = limited()
    rate.resumed(6.0)
    assert rate.at(6.0) == pytest.approx(0.7 * rate.safe)
    assert rate.at(9.5) == rate.at(10.9) == rate.safe
    assert rate.safe < rate.at(15.0) < rate.at(20.0)
    assert rate.at(21.0) == pytest.approx(2 * rate.safe)


def test_a_refusal_right_after_a_pause_means_that_the_pause_was_short_and_not_that_the_rate_was_high() -> None:
    rate = limited()
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
    assert limited(answers=0).safe == 10


def test_what_the_server_says_of_its_limit_needs_no_evidence() -> None:
    rate = AdaptiveRate(0.0)
    for moment in range(100):
        rate.answered(moment / 20)
    rate.refused(5.0, is_certain=True)
    assert 15 < rate.safe < 20


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


def test_what_the_server_says_is_left_is_a_bound_until_it_says_something_else() -> None:
    rate = AdaptiveRate(0.0)
    rate.told(0.0, 1 / 800, 800.0)
    rate.start(0.0)
    assert rate.delay(1.0) > 700
    rate.told(1.0, 100.0, 10.0)
    assert rate.delay(1.0) <= 0.01
    rate.told(1.0, inf, 1.0)
    rate.start(1.0)
    assert rate.delay(1.0) == 0


def test_what_the_server_said_was_left_is_void_when_its_time_is_over() -> None:
    rate = AdaptiveRate(0.0)
    rate.told(0.0, 0.1, 10.0)
    rate.start(10.0)
    assert rate.delay(10.0) == 0
