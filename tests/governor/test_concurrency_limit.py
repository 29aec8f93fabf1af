"""The limit of requests in flight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.concurrency_limit import ConcurrencyLimit


def succeed(limit: ConcurrencyLimit, times: int) -> None:
    for _ in range(times):
        limit.succeeded(limit.limit)


def test_it_starts_small_and_below_the_ceiling() -> None:
    assert ConcurrencyLimit(32).limit == 4
    assert ConcurrencyLimit(2).limit == 2


def test_until_the_first_cut_every_success_adds_one() -> None:
    limit = ConcurrencyLimit(32)
    succeed(limit, 10)
    assert limit.limit == 14


def test_after_a_cut_as_many_successes_as_the_limit_add_one() -> None:
    limit = ConcurrencyLimit(100)
    succeed(limit, 16)
    assert limit.cut(0.0)
    assert limit.limit == 14
    succeed(limit, 13)
    assert limit.limit == 14
    succeed(limit, 1)
    assert limit.limit == 15
    succeed(limit, 15)
    assert limit.limit == 16


def test_an_unused_limit_does_not_grow() -> None:
    limit = ConcurrencyLimit(32)
    for _ in range(100):
        limit.succeeded(1)
    assert limit.limit == 4
    limit.succeeded(2)
    assert limit.limit == 5


def test_the_failures_of_one_second_cause_one_cut() -> None:
    limit = ConcurrencyLimit(32)
    succeed(limit, 28)
    assert [limit.cut(10.0), limit.cut(10.1), limit.cut(10.9)] == [True, False, False]
    assert limit.limit == 22
    assert limit.cut(11.0)
    assert limit.limit == 15


def test_it_is_below_its_ceiling_only_after_a_cut() -> None:
    limit = ConcurrencyLimit(8)
    assert not limit.is_below_ceiling
    succeed(limit, 4)
    limit.cut(0.0)
    assert limit.is_below_ceiling
    succeed(limit, 30)
    assert not limit.is_below_ceiling


@given(st.integers(1, 1000), st.lists(st.one_of(st.integers(0, 1000), st.floats(0, 1e6)), max_size=200))
def test_it_stays_between_one_and_the_ceiling(ceiling: int, events: list[int | float]) -> None:
    limit = ConcurrencyLimit(ceiling)
    for event in events:
        if isinstance(event, int):
            limit.succeeded(event)
        else:
            limit.cut(event)
        assert 1 <= limit.limit <= ceiling
