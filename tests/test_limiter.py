"""When may the next request start?"""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from collector.limiter import Limiter

rates = st.integers(1, 500).map(float) | st.floats(0.1, 500)
lateness = st.lists(st.sampled_from([0.0, 0.0, 0.0001, 0.003, 0.014, 0.016, 0.1, 0.7, 3.0]) | st.floats(0, 2))
epochs = st.sampled_from([0.0, 0.3, 1e5, 1e9])


def starts_of(limiter: Limiter, late: list[float], now: float, count: int) -> list[float]:
    """The times of starts of a greedy user whose timers wake him late, by so much each, over and over."""
    starts = []
    for index in range(count):
        while (delay := limiter.delay(now)) > 0:
            now += delay + (late[index % len(late)] if late else 0.0)
        limiter.start(now)
        starts.append(now)
    return starts


def most_in_a_window(starts: list[float], seconds: float) -> int:
    return max(sum(start <= other < start + seconds for other in starts) for start in starts)


@given(rates, lateness, epochs)
def test_no_window_of_a_second_holds_more_starts_than_the_rate(rate: float, late: list[float], epoch: float) -> None:
    starts = starts_of(Limiter(rate), late, epoch, count=min(2 * ceil(rate) + 3, 300))
    assert most_in_a_window(starts, 1.0) <= ceil(rate)


@given(st.integers(1, 100).map(float), lateness)
def test_a_network_that_jitters_by_30_ms_does_not_push_a_second_over_the_rate(rate: float, late: list[float]) -> None:
    starts = starts_of(Limiter(rate), late, 0.0, count=2 * int(rate) + 3)
    assert most_in_a_window(starts, 1.03) <= rate


@given(rates, st.lists(st.floats(0, 3), min_size=5, max_size=100))
def test_idle_time_is_not_saved_up_for_a_burst(rate: float, idle: list[float]) -> None:
    limiter = Limiter(rate)
    now, starts = 0.0, []
    for seconds in idle:
        now += seconds
        now += limiter.delay(now)
        if limiter.delay(now) <= 0:
            limiter.start(now)
            starts.append(now)
    assert not starts or most_in_a_window(starts, 1.0) <= ceil(rate)


def test_one_late_timer_does_not_cost_throughput() -> None:
    starts = starts_of(Limiter(100), [0.003], 0.0, count=500)
    punctual = starts_of(Limiter(100), [], 0.0, count=500)
    assert starts[-1] <= punctual[-1] * 1.001 + 0.02


def test_a_rate_of_zero_is_no_ceiling() -> None:
    limiter = Limiter(0)
    assert starts_of(limiter, [], 5.0, count=1000) == [5.0] * 1000


def test_the_first_request_starts_at_once() -> None:
    assert Limiter(0.1).delay(1e9) == 0


@given(
    rates | st.just(0.0),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 100)), min_size=1, max_size=8),
    st.floats(0, 200),
)
def test_nothing_starts_before_the_latest_end_of_any_pause(
    rate: float, pauses: list[tuple[float, float]], later: float
) -> None:
    limiter = Limiter(rate)
    now, end = 0.0, 0.0
    for after, seconds in pauses:
        now += after
        limiter.pause(now, seconds)
        end = max(end, now + seconds)
    moment = now + later
    assert limiter.delay(moment) >= end - moment
    assert limiter.is_paused(moment) == (moment < end)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 100)), max_size=8))
def test_paused_time_is_the_time_in_which_a_pause_ran(pauses: list[tuple[float, float]]) -> None:
    limiter = Limiter(10)
    now, end, paused = 0.0, 0.0, 0.0
    for after, seconds in pauses:
        now += after
        limiter.pause(now, seconds)
        paused += max(0.0, now + seconds - max(now, end))
        end = max(end, now + seconds)
    assert abs(limiter.paused_s - paused) < 1e-6
    assert limiter.paused_s <= end + 1e-6


def test_after_a_pause_the_rate_holds_as_before() -> None:
    limiter = Limiter(10)
    before = starts_of(limiter, [], 0.0, count=10)
    limiter.pause(before[-1], 5.0)
    after = starts_of(limiter, [], before[-1], count=30)
    assert after[0] >= before[-1] + 5.0
    assert most_in_a_window(before + after, 1.0) <= 10


def test_the_repr_tells_the_interval_and_the_pauses() -> None:
    limiter = Limiter(10.5)
    limiter.pause(0.0, 2.0)
    assert repr(limiter) == "<Limiter interval=0.1000s paused=2.0s>"
