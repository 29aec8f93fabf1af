"""Is a refusal noise, or does it speak of a limit?"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.refusals import MILD, Refusals
from collector.trial import Trial


@pytest.mark.parametrize("noise", [0.002, 0.005, 0.01])
def test_the_noise_is_learned_from_refusals_that_come_alone(noise: float) -> None:
    refusals, dice = Refusals(), Random(1)
    for _ in range(60):
        refusals.refused(round(dice.expovariate(noise)), begins=True)
        if refusals.nats > 5:
            refusals.acquit()
    assert 0.4 * noise <= refusals.noise <= 2 * noise


def test_refusals_in_a_row_are_beyond_any_noise() -> None:
    refusals = Refusals()
    for number in range(4):
        assert not refusals.are_beyond_noise
        refusals.refused(100 if number == 0 else 0, begins=number == 0)
    assert refusals.are_beyond_noise
    assert not refusals.are_mild(MILD / 2)


def test_what_a_limit_was_convicted_of_is_no_noise() -> None:
    refusals = Refusals()
    before = refusals.noise
    for _ in range(5):
        refusals.refused(5, begins=True)
    refusals.charge()
    refusals.convict()
    assert refusals.noise <= before


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans(), st.sampled_from(["", "charge", "acquit", "expect"]))))
def test_whatever_comes_the_noise_is_a_small_probability(events: list[tuple[int, bool, str]]) -> None:
    refusals = Refusals()
    for accepted, begins, verdict in events:
        refusals.refused(accepted, begins=begins)
        assert refusals.nats >= 0
        if verdict:
            getattr(refusals, verdict)()
        assert 0 < refusals.noise <= 0.02


def test_a_trial_without_a_refusal_convicts_and_one_with_as_many_acquits() -> None:
    trial = Trial(100.0, 200.0)
    assert trial.would_be_limit(800)
    trial.accepted(150)
    assert not trial.is_limit
    assert not trial.is_noise
    trial.refused()
    assert trial.is_noise
    trial.accepted(1_500)
    assert trial.is_limit
