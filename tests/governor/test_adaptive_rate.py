"""The rate follows the server's limit: found, kept, and found again when it moves. In simulated time."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.limit_thresholds import Bars, judge
from bench.limits import ALGORITHMS, Verdict, schedule
from collector.governor.adaptive_rate import AdaptiveRate
from collector.governor.limit_belief import MIN_RATE
from tests.support.simulation import FORMS, Simulation

STEPS = schedule((50, 5, 50), (90, 120, 120))


# `make test` tries each algorithm and each form of what the server says, but not each with each.
AT_ONCE = {("fixed", "absent"), ("bucket", "exact"), ("strict", "exact"), ("sliding", "whole seconds")}


@pytest.mark.parametrize("latency", [0.1, *(pytest.param(latency, marks=pytest.mark.soak) for latency in (0.02, 0.3))])
@pytest.mark.parametrize(
    ("algorithm", "form"),
    [pytest.param(*each, marks=() if each in AT_ONCE else (pytest.mark.soak,)) for each in product(ALGORITHMS, FORMS)],
)
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


class Rarely:
    """A limit of one request in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = 0.0

    def judge(self, now: float, limit: int) -> Verdict:
        allowed = now >= self._free_at
        if allowed:
            self._free_at = now + self._seconds
        return Verdict(allowed, self._free_at - now, 0, self._free_at - now)


@pytest.mark.parametrize("seconds", [2, 5])
def test_a_limit_below_one_request_a_second_is_found(seconds: int) -> None:
    simulation = Simulation(Rarely(seconds), schedule([1], [600]), FORMS["whole seconds"], 0.1).run()
    late = [arrival for arrival in simulation.arrivals if arrival.at >= 120]
    assert sum(arrival.allowed for arrival in late) >= 0.7 * 480 / seconds
    assert sum(not arrival.allowed for arrival in late) <= 0.2 * len(late)


@pytest.mark.parametrize("wait", [30.0, pytest.param(60.0, marks=pytest.mark.soak)])
def test_the_longer_a_refusal_pauses_the_more_rarely_the_limit_is_tried(wait: float) -> None:
    simulation = Simulation(ALGORITHMS["sliding"](), schedule([50], [1200]), lambda _: wait, 0.1).run()
    assert simulation.stopped is None
    assert sum(arrival.allowed for arrival in simulation.arrivals) >= 0.4 * 50 * 1200


class Played:
    """A rate and its clock: requests at even distances, with their answers at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rate = AdaptiveRate(0.0)

    def goes(self, seconds: float, per_second: float) -> Played:
        """So many start a second, or fewer if fewer may, and all are taken."""
        until = self.now + seconds
        while self.now < until:
            self.now += max(1 / per_second, self.rate.delay(self.now))
            self.rate.started(self.now)
            self.rate.answered(self.now)
        return self

    def is_throttled(
        self, pause: float = 1.0, behind: int = 0, throttled: int = 0, *, is_certain: bool = False
    ) -> Played:
        """One is refused, then so many of those behind it, and all pause."""
        sent = self.now
        self.rate.started(sent)
        self.rate.throttled(sent, sent=sent, is_certain=is_certain)
        for number in range(behind):
            self.rate.trailing_answered(is_throttled=number < throttled)
            if number < throttled:
                self.rate.throttled(sent, sent=sent, begins_pause=False)
        self.now += pause
        self.rate.resumed(self.now)
        return self


def test_until_something_is_refused_there_is_no_rate() -> None:
    assert Played().goes(10, 20).rate.rate == inf


def test_a_refusal_alone_makes_no_rate() -> None:
    played = Played().goes(20, 20).is_throttled(behind=4)
    assert played.rate.rate == inf
    assert not played.rate.is_settled


def test_refusals_of_what_was_in_flight_make_a_rate_below_what_was_refused() -> None:
    played = Played().goes(20, 20).is_throttled(behind=4, throttled=4)
    assert 10 < played.rate.rate <= 20
    assert played.rate.is_settled


def test_what_the_server_says_of_its_limit_needs_no_more_evidence() -> None:
    assert 10 < Played().goes(20, 20).is_throttled(is_certain=True).rate.rate <= 20


def test_a_rate_that_goes_well_is_kept_and_then_exceeded() -> None:
    played = Played().goes(20, 20).is_throttled(behind=4, throttled=4)
    before = played.rate.rate
    assert played.goes(3, 100).rate.rate < 1.3 * before
    assert played.goes(120, 100).rate.rate > 2 * before


def test_a_probe_that_is_refused_says_nothing_of_the_rate() -> None:
    played = Played().goes(20, 20)
    played.rate.started(played.now)
    played.rate.throttled(played.now, sent=played.now)
    before = played.rate.rate, repr(played.rate)
    for _ in range(5):
        played.now += 1
        played.rate.started(played.now)
        assert not played.rate.throttled(played.now, sent=played.now)
    assert (played.rate.rate, repr(played.rate)) == before


def test_that_more_is_refused_than_noise_explains_is_told_once_a_pause() -> None:
    rate = Played().goes(5, 20).rate
    assert not rate.throttled(5.0, sent=5.0)
    stated = []
    for _ in range(5):
        rate.trailing_answered(is_throttled=True)
        stated.append(rate.throttled(5.0, sent=5.0, begins_pause=False))
    assert stated == [False, True, False, False, False]


def test_a_run_that_is_refused_before_it_has_an_answer_goes_on() -> None:
    assert Played().is_throttled().goes(10, 20).rate.accepted >= 5


@given(st.lists(st.tuples(st.sampled_from(["answered", "refused", "outage"]), st.floats(0, 30)), max_size=100))
def test_whatever_comes_the_rate_is_never_below_its_lowest(events: list[tuple[str, float]]) -> None:
    played = Played()
    for what, seconds in events:
        played.now += seconds
        if what == "answered":
            played.rate.started(played.now)
            played.rate.answered(played.now)
        elif what == "refused":
            played.is_throttled(seconds)
        else:
            played.rate.resumed(played.now)
        assert played.rate.rate >= MIN_RATE


def test_what_the_server_says_is_left_is_a_bound_until_it_says_something_else() -> None:
    rate = AdaptiveRate(0.0)
    rate.stated(0.0, 1 / 800, 800.0)
    rate.started(0.0)
    assert rate.delay(1.0) > 700
    rate.stated(1.0, 100.0, 10.0)
    assert rate.delay(1.0) <= 0.01
    rate.stated(1.0, inf, 1.0)
    rate.started(1.0)
    assert rate.delay(1.0) == 0


def test_what_the_server_said_was_left_is_void_when_its_time_is_over() -> None:
    rate = AdaptiveRate(0.0)
    rate.stated(0.0, 0.1, 10.0)
    rate.started(10.0)
    assert rate.delay(10.0) == 0
