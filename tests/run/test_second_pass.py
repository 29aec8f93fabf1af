"""Ids whose attempts were spent, kept for one attempt more."""

from __future__ import annotations

from collector.model.outcome import Outcome, OutcomeKind
from collector.run.second_pass import SecondPass


def outcome(one: str = "a", kind: OutcomeKind = OutcomeKind.EXHAUSTED, retried_s: float = 0.0) -> Outcome:
    return Outcome(one, kind, 5, "2026-01-01T00:00:00.000000Z", retried_s=retried_s)


def test_only_what_may_get_better_is_kept() -> None:
    second_pass = SecondPass()
    assert {kind for kind in OutcomeKind if second_pass.keeps(outcome(kind, kind), 0.0)} == {OutcomeKind.EXHAUSTED}
    assert second_pass.ids == ["exhausted"]


def test_no_more_are_kept_than_memory_is_meant_for() -> None:
    second_pass = SecondPass()
    assert all(second_pass.keeps(outcome(str(number)), 0.0) for number in range(10_000))
    assert not second_pass.keeps(outcome("one more"), 0.0)


def test_it_is_worth_while_only_after_half_a_minute_of_retries() -> None:
    second_pass = SecondPass()
    assert not second_pass.is_worth_while
    second_pass.keeps(outcome("a", retried_s=20.0), 0.0)
    assert not second_pass.is_worth_while
    second_pass.keeps(outcome("b", retried_s=10.0), 0.0)
    assert second_pass.is_worth_while


def test_the_last_one_given_up_has_half_a_minute_of_rest() -> None:
    second_pass = SecondPass()
    second_pass.keeps(outcome("a"), 100.0)
    second_pass.keeps(outcome("b"), 110.0)
    assert second_pass.cool_down(115.0) == 25.0
    assert second_pass.cool_down(500.0) == 0.0


def test_what_is_settled_is_kept_no_longer() -> None:
    second_pass = SecondPass()
    second_pass.keeps(outcome("a"), 0.0)
    assert second_pass["a"] == outcome("a")
    second_pass.remove("a")
    second_pass.remove("a")
    assert len(second_pass) == 0
