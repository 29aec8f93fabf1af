"""The adaptive rate finds the server's limit, keeps it, and finds it again after it moves, in simulated time."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.limit_thresholds import Thresholds, evaluate
from bench.limits import ALGORITHMS, Verdict, schedule
from collector.governor.adaptive_rate import AdaptiveRate
from collector.governor.limit_belief import MIN_RATE
from tests.support.simulation import FORMS, Simulation

STEPS = schedule((50, 5, 50), (90, 120, 120))


# `make test` runs each algorithm and each form of the stated wait, but not every combination.
ALWAYS_RUN = {("fixed", "absent"), ("bucket", "exact"), ("strict", "exact"), ("sliding", "whole seconds")}


@pytest.mark.parametrize("latency", [0.1, *(pytest.param(latency, marks=pytest.mark.soak) for latency in (0.02, 0.3))])
@pytest.mark.parametrize(
    ("algorithm", "form"),
    [
        pytest.param(*each, marks=() if each in ALWAYS_RUN else (pytest.mark.soak,))
        for each in product(ALGORITHMS, FORMS)
    ],
)
def test_the_rate_follows_the_servers_limit_down_and_up_whether_or_not_it_is_stated(
    algorithm: str, form: str, latency: float
) -> None:
    simulation = Simulation(ALGORITHMS[algorithm](), STEPS, FORMS[form], latency).run()
    assert simulation.stopped is None
    assert [evaluate(simulation.arrivals, segment, Thresholds()).missed for segment in STEPS] == [()] * 3


def test_a_limit_above_the_rate_ceiling_is_never_reached() -> None:
    simulation = Simulation(ALGORITHMS["sliding"](), schedule([50], [120]), FORMS["absent"], 0.1, rate=50).run()
    assert all(arrival.allowed for arrival in simulation.arrivals)
    assert len(simulation.arrivals) >= 0.95 * 120 * 50 / 1.05
    assert simulation.governor.settled_rate is None


class OnePer:
    """A limit of one request per `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = 0.0

    def check(self, now: float, limit: int) -> Verdict:
        allowed = now >= self._free_at
        if allowed:
            self._free_at = now + self._seconds
        return Verdict(allowed, self._free_at - now, 0, self._free_at - now)


@pytest.mark.parametrize("seconds", [2, 5])
def test_a_limit_below_one_request_a_second_is_found(seconds: int) -> None:
    simulation = Simulation(OnePer(seconds), schedule([1], [600]), FORMS["whole seconds"], 0.1).run()
    settled = [arrival for arrival in simulation.arrivals if arrival.at >= 120]
    assert sum(arrival.allowed for arrival in settled) >= 0.7 * 480 / seconds
    assert sum(not arrival.allowed for arrival in settled) <= 0.2 * len(settled)


@pytest.mark.parametrize("wait", [30.0, pytest.param(60.0, marks=pytest.mark.soak)])
def test_the_longer_the_pauses_the_more_rarely_the_limit_is_tested(wait: float) -> None:
    simulation = Simulation(ALGORITHMS["sliding"](), schedule([50], [1200]), lambda _: wait, 0.1).run()
    assert simulation.stopped is None
    assert sum(arrival.allowed for arrival in simulation.arrivals) >= 0.4 * 50 * 1200


class Player:
    """An adaptive rate and its clock: evenly spaced requests with immediate replies."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rate = AdaptiveRate(0.0)

    def send(self, seconds: float, per_second: float) -> Player:
        """Send `per_second` requests, or as many as the rate allows; the server accepts all."""
        until = self.now + seconds
        while self.now < until:
            self.now += max(1 / per_second, self.rate.delay(self.now))
            self.rate.started(self.now)
            self.rate.answered(self.now)
        return self

    def throttle(self, pause: float = 1.0, behind: int = 0, throttled: int = 0, *, is_certain: bool = False) -> Player:
        """Throttle one request, then `throttled` of the `behind` trailing ones, and pause."""
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


def test_the_rate_is_unlimited_until_a_request_is_throttled() -> None:
    assert Player().send(10, 20).rate.rate == inf


def test_a_single_throttled_request_does_not_limit_the_rate() -> None:
    player = Player().send(20, 20).throttle(behind=4)
    assert player.rate.rate == inf
    assert not player.rate.is_settled


def test_throttled_trailing_requests_limit_the_rate_below_the_throttled_rate() -> None:
    player = Player().send(20, 20).throttle(behind=4, throttled=4)
    assert 10 < player.rate.rate <= 20
    assert player.rate.is_settled


def test_a_limit_that_the_server_states_needs_no_further_evidence() -> None:
    assert 10 < Player().send(20, 20).throttle(is_certain=True).rate.rate <= 20


def test_a_rate_without_throttled_requests_is_kept_and_then_raised() -> None:
    player = Player().send(20, 20).throttle(behind=4, throttled=4)
    before = player.rate.rate
    assert player.send(3, 100).rate.rate < 1.3 * before
    assert player.send(120, 100).rate.rate > 2 * before


def test_a_throttled_probe_does_not_change_the_rate() -> None:
    player = Player().send(20, 20)
    player.rate.started(player.now)
    player.rate.throttled(player.now, sent=player.now)
    before = player.rate.rate, repr(player.rate)
    for _ in range(5):
        player.now += 1
        player.rate.started(player.now)
        assert not player.rate.throttled(player.now, sent=player.now)
    assert (player.rate.rate, repr(player.rate)) == before


def test_more_throttling_than_noise_explains_is_reported_once_per_pause() -> None:
    rate = Player().send(5, 20).rate
    assert not rate.throttled(5.0, sent=5.0)
    reports = []
    for _ in range(5):
        rate.trailing_answered(is_throttled=True)
        reports.append(rate.throttled(5.0, sent=5.0, begins_pause=False))
    assert reports == [False, True, False, False, False]


def test_a_run_that_is_throttled_before_its_first_reply_continues() -> None:
    assert Player().throttle().send(10, 20).rate.accepted >= 5


@given(st.lists(st.tuples(st.sampled_from(["answered", "throttled", "outage"]), st.floats(0, 30)), max_size=100))
def test_the_rate_never_falls_below_its_minimum(events: list[tuple[str, float]]) -> None:
    player = Player()
    for kind, seconds in events:
        player.now += seconds
        if kind == "answered":
            player.rate.started(player.now)
            player.rate.answered(player.now)
        elif kind == "throttled":
            player.throttle(seconds)
        else:
            player.rate.resumed(player.now)
        assert player.rate.rate >= MIN_RATE


def test_a_stated_quota_bounds_the_rate_until_the_next_statement() -> None:
    rate = AdaptiveRate(0.0)
    rate.stated(0.0, 1 / 800, 800.0)
    rate.started(0.0)
    assert rate.delay(1.0) > 700
    rate.stated(1.0, 100.0, 10.0)
    assert rate.delay(1.0) <= 0.01
    rate.stated(1.0, inf, 1.0)
    rate.started(1.0)
    assert rate.delay(1.0) == 0


def test_a_stated_quota_expires() -> None:
    rate = AdaptiveRate(0.0)
    rate.stated(0.0, 0.1, 10.0)
    rate.started(10.0)
    assert rate.delay(10.0) == 0
