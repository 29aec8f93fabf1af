"""Ids whose attempts were spent, kept for one attempt more."""

from __future__ import annotations

from collector.model.outcome import Outcome, OutcomeKind
from collector.run.second_pass import Deferral


def outcome(one: str = "a", kind: OutcomeKind = OutcomeKind.EXHAUSTED, retried_s: float = 0.0) -> Outcome:
    return Outcome(one, kind, 5, "2026-01-01T00:00:00.000000Z", retried_s=retried_s)


def test_only_what_may_get_better_is_kept() -> None:
    deferral = Deferral()
    assert {kind for kind in OutcomeKind if deferral.takes(outcome(kind, kind), 0.0)} == {OutcomeKind.EXHAUSTED}
    assert deferral.ids == ["exhausted"]


def test_no_more_are_kept_than_memory_is_meant_for() -> None:
    deferral = Deferral()
    assert all(deferral.takes(outcome(str(number)), 0.0) for number in range(10_000))
    assert not deferral.takes(outcome("one more"), 0.0)


def test_it_is_worth_while_only_after_half_a_minute_of_retries() -> None:
    deferral = Deferral()
    assert not deferral.is_worth_while
    deferral.takes(outcome("a", retried_s=20.0), 0.0)
    assert not deferral.is_worth_while
    deferral.takes(outcome("b", retried_s=10.0), 0.0)
    assert deferral.is_worth_while


def test_the_last_one_given_up_has_half_a_minute_of_rest() -> None:
    deferral = Deferral()
    deferral.takes(outcome("a"), 100.0)
    deferral.takes(outcome("b"), 110.0)
    assert deferral.rest(115.0) == 25.0
    assert deferral.rest(500.0) == 0.0


def test_what_is_settled_is_kept_no_longer() -> None:
    deferral = Deferral()
    deferral.takes(outcome("a"), 0.0)
    assert deferral["a"] == outcome("a")
    deferral.settle("a")
    deferral.settle("a")
    assert len(deferral) == 0
