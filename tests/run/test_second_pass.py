"""Exhausted ids, kept for one more attempt."""

from __future__ import annotations

from collector.model.outcome import Outcome, OutcomeKind
from collector.run.second_pass import SecondPass


def outcome(one: str = "a", kind: OutcomeKind = OutcomeKind.EXHAUSTED, retried_s: float = 0.0) -> Outcome:
    return Outcome(one, kind, 5, "2026-01-01T00:00:00.000000Z", retried_s=retried_s)


def test_only_exhausted_outcomes_are_kept() -> None:
    second_pass = SecondPass()
    assert {kind for kind in OutcomeKind if second_pass.keep_if_exhausted(outcome(kind, kind), 0.0)} == {
        OutcomeKind.EXHAUSTED
    }
    assert second_pass.ids == ["exhausted"]


def test_at_most_ten_thousand_outcomes_are_kept() -> None:
    second_pass = SecondPass()
    assert all(second_pass.keep_if_exhausted(outcome(str(number)), 0.0) for number in range(10_000))
    assert not second_pass.keep_if_exhausted(outcome("one more"), 0.0)


def test_a_second_pass_is_worthwhile_after_30_seconds_of_retries() -> None:
    second_pass = SecondPass()
    assert not second_pass.is_worthwhile
    second_pass.keep_if_exhausted(outcome("a", retried_s=20.0), 0.0)
    assert not second_pass.is_worthwhile
    second_pass.keep_if_exhausted(outcome("b", retried_s=10.0), 0.0)
    assert second_pass.is_worthwhile


def test_the_last_exhausted_id_cools_down_for_30_seconds() -> None:
    second_pass = SecondPass()
    second_pass.keep_if_exhausted(outcome("a"), 100.0)
    second_pass.keep_if_exhausted(outcome("b"), 110.0)
    assert second_pass.remaining_cool_down(115.0) == 25.0
    assert second_pass.remaining_cool_down(500.0) == 0.0


def test_a_final_outcome_is_removed() -> None:
    second_pass = SecondPass()
    second_pass.keep_if_exhausted(outcome("a"), 0.0)
    assert second_pass["a"] == outcome("a")
    second_pass.remove("a")
    second_pass.remove("a")
    assert len(second_pass) == 0
