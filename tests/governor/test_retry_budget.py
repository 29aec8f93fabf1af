"""The retry budget of a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.retry_budget import AFTER_FAILURE, AFTER_THROTTLE, FULL, RetryBudget


def test_it_covers_thirty_five_consecutive_failures() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(AFTER_FAILURE) for _ in range(36)] == [AFTER_FAILURE] * 35 + [10]
    assert budget.tokens == 0


def test_it_covers_a_hundred_throttled_requests() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(AFTER_THROTTLE) for _ in range(101)] == [AFTER_THROTTLE] * 100 + [0]


def test_a_refill_restores_all_tokens() -> None:
    budget = RetryBudget()
    budget.withdraw(FULL)
    budget.refill()
    assert budget.tokens == FULL


def test_it_lasts_while_one_request_in_five_fails_once() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        for _ in range(4):
            budget.deposit()
        assert budget.withdraw(AFTER_FAILURE) == AFTER_FAILURE
        budget.deposit(AFTER_FAILURE)
    assert budget.tokens > FULL // 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=200))
def test_withdrawals_and_deposits_keep_it_between_zero_and_full(events: list[tuple[bool, int]]) -> None:
    budget = RetryBudget()
    for is_withdrawal, tokens in events:
        if is_withdrawal:
            budget.withdraw(tokens)
        else:
            budget.deposit(tokens)
        assert 0 <= budget.tokens <= FULL
