"""The belief over limits after accepted and throttled requests."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.limit_belief import MIN_RATE, LimitBelief

RATES = st.floats(0.01, 1e6)
EVENTS = st.one_of(
    st.tuples(st.just("accepted"), st.integers(1, 1_000_000), RATES),
    st.tuples(st.just("throttled"), RATES),
    st.tuples(st.just("trailing_throttled"), st.integers(0, 2_000), st.integers(0, 2_000), RATES),
    st.tuples(st.just("pass_time"), st.floats(0, 10_000)),
)


def after_limit(accepted: float = 40, throttled: float = 50, times: int = 3) -> LimitBelief:
    belief = LimitBelief()
    for _ in range(times):
        belief.accepted(200, accepted)
        belief.throttled(throttled)
    return belief


def test_at_first_a_limit_is_unlikely() -> None:
    belief = LimitBelief()
    assert belief.probability_below(1_000) < 0.3
    assert belief.best_rate(1.0, inf) > 10_000


def test_the_limit_lies_between_accepted_and_throttled_rates() -> None:
    belief = after_limit()
    assert belief.probability_below(38) < 0.1
    assert belief.probability_below(50) > 0.9
    assert 38 <= belief.best_rate(2.0, 1_000) <= 50


def test_the_same_throttled_share_at_every_rate_is_noise() -> None:
    belief, rng = LimitBelief(), Random(1)
    for number in range(60):
        rate = (20, 40, 60)[number % 3]
        belief.accepted(round(rng.expovariate(0.01)), rate)
        belief.throttled(rate)
    assert belief.noise == pytest.approx(0.01, rel=0.3)
    assert belief.probability_below(60) < 0.1
    assert belief.best_rate(2.0, 60) >= 60


@pytest.mark.parametrize(("throttled", "is_limit"), [(0, False), (20, True)])
def test_trailing_requests_distinguish_a_limit_from_noise(throttled: int, is_limit: bool) -> None:
    belief = LimitBelief()
    belief.throttled(100)
    belief.trailing_throttled(throttled, 20, 100)
    assert (belief.probability_below(100) > 0.9) is is_limit


def test_other_limits_become_more_likely_with_time() -> None:
    belief = after_limit()
    above, below = 1 - belief.probability_below(60), belief.probability_below(30)
    belief.pass_time(10)
    assert 1 - belief.probability_below(60) > 2 * above
    assert belief.probability_below(30) > 2 * below


def test_longer_pauses_make_the_best_rate_more_careful() -> None:
    belief = after_limit(times=1)
    belief.pass_time(5)
    best = [belief.best_rate(pause, 1_000) for pause in (0.1, 2.0, 30.0)]
    assert best == sorted(best, reverse=True)
    assert best[0] > best[-1]


def test_the_best_rate_never_exceeds_the_maximum() -> None:
    assert LimitBelief().best_rate(1.0, 30) <= 30 * 1.05
    assert LimitBelief().best_rate(1.0, 0.0) == MIN_RATE


@given(st.lists(EVENTS, max_size=30))
def test_the_belief_remains_a_probability_distribution(events: list[tuple[object, ...]]) -> None:
    belief = LimitBelief()
    for kind, *arguments in events:
        if kind == "trailing_throttled":
            arguments[:2] = sorted(arguments[:2])  # type: ignore[type-var]
        getattr(belief, str(kind))(*arguments)
        assert 0 < belief.noise < 0.101
        below = [belief.probability_below(rate) for rate in (0.01, 1, 10, 100, 1_000, 100_000)]
        assert below == sorted(below)
        assert below[0] == 0
        assert below[-1] < 1.001
        assert MIN_RATE <= belief.best_rate(2.0, 1_000) <= 1_050
