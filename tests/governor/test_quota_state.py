"""Turns of several runs that share a rate ceiling."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Sequence
from math import ceil, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.quota_state import SIZE, UNKNOWN, QuotaState, decode, encode, request_permit
from collector.governor.rate_ceiling import interval_of, next_arrival, seconds_until_free

rates = st.sampled_from([0.1, 1.0, 2.0, 10.0, 50.0, 500.0]) | st.floats(0.05, 600)
lateness = st.lists(st.sampled_from([0.0, 0.0001, 0.003, 0.014, 0.016, 0.1, 3.0]) | st.floats(0, 2), min_size=1)
numbers = st.floats() | st.floats(0, 1e6)


class Run:
    """A greedy run that requests permits as often as allowed; its timers are late by the given values in turn."""

    def __init__(self, rate: float, late: Sequence[float] = (0.0001,), until: float = inf) -> None:
        self.rate = rate
        self.until = until
        self.starts: list[float] = []
        self._late = late
        self._interval = interval_of(rate)
        self._arrival = -inf
        self._waiting_since = inf
        self._attempts = 0

    def try_acquire(self, quota: QuotaState, now: float) -> tuple[QuotaState, float]:
        arrival = next_arrival(self._arrival, now, self._interval)
        if arrival is None:
            return quota, seconds_until_free(self._arrival, now)
        self._waiting_since = min(self._waiting_since, now)
        quota, wait = request_permit(quota, now, self._interval, self._waiting_since)
        if wait == 0:
            self._arrival, self._waiting_since = arrival, inf
            self.starts.append(now)
        return quota, wait

    def next_wake(self, now: float, wait: float) -> float:
        self._attempts += 1
        return now + wait + (self._late[self._attempts % len(self._late)] if wait else 1e-5)


def simulate(runs: Sequence[Run], attempts: int = 3000, now: float = 0.0) -> None:
    """Let the runs share one state until they have made this number of attempts, or all have ended."""
    quota = UNKNOWN
    queue = [(now, index) for index in range(len(runs))]
    while attempts and queue:
        now, index = heapq.heappop(queue)
        quota, wait = runs[index].try_acquire(decode(encode(quota), now), now)
        if (later := runs[index].next_wake(now, wait)) < runs[index].until:
            heapq.heappush(queue, (later, index))
        attempts -= 1


def most_in_a_second(starts: Sequence[float]) -> int:
    ordered = sorted(starts)
    return max((bisect_left(ordered, start + 1.0) - index for index, start in enumerate(ordered)), default=0)


def all_starts(runs: Sequence[Run]) -> list[float]:
    return [start for run in runs for start in run.starts]


@given(st.lists(st.builds(Run, rates, lateness), min_size=1, max_size=4), st.sampled_from([0.0, 1e5, 1e9]))
def test_in_any_second_all_runs_together_keep_the_highest_rate_and_each_run_its_own(
    runs: list[Run], epoch: float
) -> None:
    simulate(runs, attempts=1500, now=epoch)
    assert most_in_a_second(all_starts(runs)) <= ceil(max(run.rate for run in runs))
    assert all(most_in_a_second(run.starts) <= ceil(run.rate) for run in runs)


@pytest.mark.parametrize("rate", [1, 50, 500])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_run_gets_at_least_half_its_share_even_with_late_timers(rate: float, count: int) -> None:
    fast, slow = Run(rate, (0.0001,)), Run(rate, (0.002, 0.006, 0.004))
    runs = [fast, slow, *(Run(rate, (0.0005,)) for _ in range(count - 2))]
    simulate(runs, attempts=20_000)
    assert min(len(run.starts) for run in runs) >= 0.5 * len(all_starts(runs)) / count


def test_a_run_whose_loop_is_always_late_does_not_starve() -> None:
    fast, busy = Run(50, (0.0001,)), Run(50, (0.02,))
    simulate([fast, busy], attempts=20_000)
    assert len(busy.starts) >= 0.15 * len(fast.starts)


def test_sharing_costs_no_throughput() -> None:
    runs = [Run(50, (0.001,), until=60.0), Run(50, (0.003,), until=60.0)]
    simulate(runs, attempts=100_000)
    assert len(all_starts(runs)) >= 0.98 * 60 / interval_of(50)


def test_a_slow_run_does_not_slow_a_fast_one_down_to_its_rate() -> None:
    fast, slow_run = Run(50, (0.001,), until=60.0), Run(2, (0.001,), until=60.0)
    simulate([fast, slow_run], attempts=100_000)
    assert len(fast.starts) >= 0.9 * 60 * 50 - len(slow_run.starts)
    assert len(slow_run.starts) >= 0.9 * 60 * 2


def test_after_a_fast_run_ends_the_slow_ones_together_keep_their_rate() -> None:
    fast, slow_runs = Run(50, until=10.0), [Run(10, until=40.0), Run(10, (0.002,), until=40.0)]
    simulate([fast, *slow_runs], attempts=100_000)
    assert most_in_a_second([start for start in all_starts(slow_runs) if start > 12.0]) <= 10


def test_a_fast_run_does_not_wait_out_the_interval_of_a_slow_one_that_ended() -> None:
    quota, _ = request_permit(UNKNOWN, 100.0, interval_of(0.001), waiting_since=100.0)
    assert request_permit(quota, 100.1, interval_of(50), waiting_since=100.1)[1] == 0.0


def test_a_dead_run_that_waited_longest_delays_the_others_once_by_a_head_start() -> None:
    dead = QuotaState(arrival=100.0, shared_interval=0.02, seen_at=99.98, waiting_since=10.0)
    quota, now, total_wait = dead, 100.0, 0.0
    while (wait := request_permit(quota, now, 0.02, waiting_since=99.9)[1]) > 0:
        now, total_wait = now + wait, total_wait + wait
    quota, _ = request_permit(quota, now, 0.02, waiting_since=99.9)
    assert total_wait <= 0.25
    assert quota.waiting_since == inf


@given(st.builds(QuotaState, numbers, numbers, numbers, numbers), st.floats(0.01, 600), st.floats(0, 1e6))
def test_with_any_file_content_a_run_waits_little_longer_than_its_own_interval(
    held: QuotaState, rate: float, now: float
) -> None:
    interval = interval_of(rate)
    latest = now + interval + 1.0 + 0.25 + 0.01
    current = now
    while (wait := request_permit(decode(encode(held), current), current, interval, waiting_since=now)[1]) > 0:
        current = max(current + wait, current + 1e-3)
        assert current <= latest


@given(st.builds(QuotaState, st.floats(0, 100), st.floats(0.01, 10), st.floats(0, 90), st.floats(0, 90) | st.just(inf)))
def test_an_encoded_state_is_decoded(quota: QuotaState) -> None:
    assert decode(encode(quota), now=100.0) == quota


@given(st.binary(max_size=2 * SIZE).filter(lambda block: not block.startswith(b"quota")))
def test_garbage_is_unknown(block: bytes) -> None:
    assert decode(block, now=100.0) == UNKNOWN


@pytest.mark.parametrize("size", [0, 1, 8, SIZE - 1, SIZE + 1])
def test_a_block_of_the_wrong_size_is_unknown(size: int) -> None:
    block = encode(QuotaState(100.0, 0.02, 99.9, inf)) + b"\0"
    assert decode(block[:size], now=100.0) == UNKNOWN


@pytest.mark.parametrize(
    "impossible",
    [
        QuotaState(nan, 0.02, 99.0, inf),
        QuotaState(100.0, nan, 99.0, inf),
        QuotaState(100.0, 0.02, nan, inf),
        QuotaState(100.0, 0.02, 99.0, nan),
        QuotaState(100.0, 0.0, 99.0, inf),
        QuotaState(100.0, inf, 99.0, inf),
        QuotaState(inf, 0.02, 99.0, inf),
        QuotaState(102.0, 0.02, 99.0, inf),
        QuotaState(100.0, 0.02, 102.0, inf),
    ],
    ids=str,
)
def test_an_impossible_state_such_as_a_time_in_the_future_is_unknown(impossible: QuotaState) -> None:
    assert decode(encode(impossible), now=100.0) == UNKNOWN
