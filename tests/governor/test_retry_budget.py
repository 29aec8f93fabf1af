"""The retries a run may still make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.retry_budget import AFTER_FAILURE, AFTER_THROTTLE, FULL, RetryBudget


def test_it_pays_for_thirty_five_failures_in_a_row() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(AFTER_FAILURE) for _ in range(36)] == [AFTER_FAILURE] * 35 + [10]
    assert budget.tokens == 0


def test_it_pays_for_a_hundred_requests_to_slow_down() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(AFTER_THROTTLE) for _ in range(101)] == [AFTER_THROTTLE] * 100 + [0]


def test_after_a_halt_there_are_retries_again() -> None:
    budget = RetryBudget()
    budget.withdraw(FULL)
    budget.refill()
    assert budget.tokens == FULL


def test_with_one_request_in_five_failing_once_it_lasts_for_ever() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        for _ in range(4):
            budget.deposit()
        assert budget.withdraw(AFTER_FAILURE) == AFTER_FAILURE
        budget.deposit(AFTER_FAILURE)
    assert budget.tokens > FULL // 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=200))
def test_whatever_is_paid_and_earned_it_is_never_negative_and_never_overfull(events: list[tuple[bool, int]]) -> None:
    budget = RetryBudget()
    for is_payment, tokens in events:
        if is_payment:
            budget.withdraw(tokens)
        else:
            budget.deposit(tokens)
        assert 0 <= budget.tokens <= FULL
