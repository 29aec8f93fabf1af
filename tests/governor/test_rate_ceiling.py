"""Permits under the user's rate ceiling."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.rate_ceiling import LocalCeiling, RateCeiling, interval_of, next_arrival, seconds_until_free

rates = st.integers(1, 500).map(float) | st.floats(0.1, 500)
lateness = st.lists(st.sampled_from([0.0, 0.0, 0.0001, 0.003, 0.014, 0.016, 0.1, 0.7, 3.0]) | st.floats(0, 2))
epochs = st.sampled_from([0.0, 0.3, 1e5, 1e9])


def starts_of(ceiling: RateCeiling, late: list[float], now: float, count: int) -> list[float]:
    """Return the permit times of a greedy caller whose timers are late by the given values in turn."""
    starts = []
    for index in range(count):
        while (wait := ceiling.try_acquire(now)) > 0:
            now += wait + (late[index % len(late)] if late else 0.0)
        starts.append(now)
    return starts


def most_in_a_window(starts: list[float], seconds: float) -> int:
    return max(sum(start <= other < start + seconds for other in starts) for start in starts)


@given(rates, lateness, epochs)
def test_no_window_of_a_second_holds_more_permits_than_the_rate(rate: float, late: list[float], epoch: float) -> None:
    starts = starts_of(LocalCeiling(rate), late, epoch, count=min(2 * ceil(rate) + 3, 300))
    assert most_in_a_window(starts, 1.0) <= ceil(rate)


@given(st.integers(1, 100).map(float), lateness)
def test_with_30_ms_of_jitter_no_second_exceeds_the_rate(rate: float, late: list[float]) -> None:
    starts = starts_of(LocalCeiling(rate), late, 0.0, count=2 * int(rate) + 3)
    assert most_in_a_window(starts, 1.03) <= rate


@given(rates, st.lists(st.floats(0, 3), min_size=5, max_size=100))
def test_idle_time_does_not_allow_a_burst(rate: float, idle: list[float]) -> None:
    ceiling = LocalCeiling(rate)
    now, starts = 0.0, []
    for seconds in idle:
        now += seconds
        wait = ceiling.try_acquire(now)
        now += wait
        if wait == 0 or ceiling.try_acquire(now) == 0:
            starts.append(now)
    assert not starts or most_in_a_window(starts, 1.0) <= ceil(rate)


def test_one_late_timer_does_not_cost_throughput() -> None:
    starts = starts_of(LocalCeiling(100), [0.003], 0.0, count=500)
    punctual = starts_of(LocalCeiling(100), [], 0.0, count=500)
    assert starts[-1] <= punctual[-1] * 1.001 + 0.02


def test_a_rate_of_zero_is_unlimited() -> None:
    assert starts_of(LocalCeiling(0), [], 5.0, count=1000) == [5.0] * 1000


def test_the_first_permit_is_free_immediately() -> None:
    assert LocalCeiling(0.1).try_acquire(1e9) == 0


@given(rates, st.floats(0, 1e6), st.integers(1, 5))
def test_an_early_request_takes_no_permit_and_learns_its_wait(rate: float, now: float, attempts: int) -> None:
    ceiling = LocalCeiling(rate)
    while (wait := ceiling.try_acquire(now)) == 0:
        pass
    assert [ceiling.try_acquire(now) for _ in range(attempts)] == [wait] * attempts
    assert ceiling.try_acquire(now + wait + 1e-9) == 0


@given(rates, st.floats(0, 1e6), st.floats(-5, 5))
def test_a_permit_is_due_exactly_when_the_wait_is_zero(rate: float, arrival: float, early: float) -> None:
    now = arrival - early
    after = next_arrival(arrival, now, interval_of(rate))
    assert (after is None) == (seconds_until_free(arrival, now) > 0)
    assert after is None or after >= max(arrival, now)


def test_the_repr_shows_the_interval() -> None:
    assert repr(LocalCeiling(10.5)) == "<LocalCeiling interval=0.1000s>"
