"""Organizations in one process that share one rate ceiling."""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, inf
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.permit_queue import PermitQueue
from collector.governor.common_ceiling import CommonCeiling
from collector.governor.governor import Governor
from collector.governor.rate_ceiling import LocalCeiling, RateCeiling, interval_of
from collector.governor.shared_quota import SharedQuota
from tests.support.clock import StoppedClock, as_clock

GRACE = 0.05  # seconds by which a silent member may delay the others, once

rates = st.sampled_from([0.1, 1.0, 2.0, 10.0, 50.0, 500.0]) | st.floats(0.05, 600)
lateness = st.lists(st.sampled_from([0.0, 0.0001, 0.003, 0.014, 0.016, 0.1, 3.0]) | st.floats(0, 2), min_size=1)
gaps = st.lists(st.sampled_from([0.0, 0.0, 0.02, 0.3, 4.0]) | st.floats(0, 2), min_size=1)


class Organization:
    """Requests permits of its ceiling until a time; it pauses for the given seconds after each permit in turn.

    Its timers are late by the given values in turn.
    """

    def __init__(
        self,
        own_rate: float = 0.0,
        *,
        late: Sequence[float] = (0.0001,),
        gap: Sequence[float] = (0.0,),
        begin: float = 0.0,
        until: float = inf,
    ) -> None:
        self.own_rate = own_rate
        self.begin = begin
        self.until = until
        self.starts: list[float] = []
        self._late = late
        self._gap = gap
        self._attempts = 0

    def next_wake(self, now: float, wait: float) -> float:
        """Return the time of its next attempt after one at `now`."""
        self._attempts += 1
        if wait > 0:
            return now + wait + self._late[self._attempts % len(self._late)]
        self.starts.append(now)
        return now + max(self._gap[len(self.starts) % len(self._gap)], 1e-5)

    def count(self, begin: float = -inf, end: float = inf) -> int:
        return sum(begin <= start < end for start in self.starts)


def simulate(
    rate: float,
    organizations: Sequence[Organization],
    *,
    attempts: int = 100_000,
    wake: Callable[[float], float] = float,
) -> list[int]:
    """Let the organizations run under one ceiling until all have ended or have made this number of attempts.

    `wake` returns the time at which the event loop serves a timer. Returns the index of the organization that got each
    permit, in order.
    """
    served = []
    common = CommonCeiling(rate)
    ceilings = [common.member(LocalCeiling(each.own_rate)) for each in organizations]
    queue = [(each.begin, index) for index, each in enumerate(organizations)]
    heapq.heapify(queue)
    while attempts and queue:
        due, index = heapq.heappop(queue)
        now = wake(due)
        wait = ceilings[index].try_acquire(now)
        if wait == 0:
            served.append(index)
        later = organizations[index].next_wake(now, wait)
        if later < organizations[index].until:
            heapq.heappush(queue, (later, index))
        attempts -= 1
    return served


def all_starts(organizations: Sequence[Organization]) -> list[float]:
    return sorted(start for each in organizations for start in each.starts)


def most_in_a_second(starts: Sequence[float]) -> int:
    ordered = sorted(starts)
    return max((bisect_left(ordered, start + 1.0) - index for index, start in enumerate(ordered)), default=0)


def throughput(organizations: Sequence[Organization], begin: float, end: float) -> float:
    return sum(each.count(begin, end) for each in organizations) / (end - begin)


@given(
    rates,
    st.lists(
        st.builds(
            Organization, st.just(0.0) | rates, late=lateness, gap=gaps, begin=st.floats(0, 5), until=st.floats(5, 60)
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_in_any_second_all_members_together_keep_the_rate_and_each_its_own(
    rate: float, organizations: list[Organization]
) -> None:
    simulate(rate, organizations, attempts=1500)
    assert most_in_a_second(all_starts(organizations)) <= ceil(rate)
    for each in organizations:
        assert not each.own_rate or most_in_a_second(each.starts) <= ceil(each.own_rate)


@given(st.floats(0.05, 199), st.lists(st.lists(st.floats(0, 0.02), min_size=1), min_size=2, max_size=8))
def test_hungry_members_take_turns_strictly(rate: float, late: list[list[float]]) -> None:
    """Each member's timers are late in their own way, but by less than the grace."""
    served = simulate(rate, [Organization(late=each) for each in late], attempts=1000)
    for index in range(len(late) - 1, len(served)):
        assert len(set(served[index - len(late) + 1 : index + 1])) == len(late)


@given(st.floats(200, 10_000), st.lists(st.lists(st.floats(0, 0.02), min_size=1), min_size=2, max_size=8))
def test_at_high_rates_a_turn_is_the_permits_of_10_ms(rate: float, late: list[list[float]]) -> None:
    served = simulate(rate, [Organization(late=each) for each in late], attempts=1000)
    counts = Counter(served)
    assert max(counts.values()) - min(counts[index] for index in range(len(late))) <= 0.01 * rate


@given(rates, st.lists(st.floats(0, 3), min_size=2, max_size=8))
def test_a_member_that_arrives_later_takes_turns_from_then_on(rate: float, begins: list[float]) -> None:
    organizations = [Organization(begin=begin) for begin in begins]
    simulate(rate, organizations, attempts=2000)
    counts = [each.count(begin=max(begins) + interval_of(rate)) for each in organizations]
    assert max(counts) - min(counts) <= 2 * max(0.01 * rate, 1)


@pytest.mark.parametrize("rate", [0.5, 5, 50, 500, 5000])
@pytest.mark.parametrize("count", [1, 2, 4, 32])
def test_sharing_costs_no_throughput(rate: float, count: int) -> None:
    end = max(100 * interval_of(rate), 0.5)
    organizations = [Organization(late=(0.0005, 0.002), until=end) for _ in range(count)]
    simulate(rate, organizations)
    assert len(all_starts(organizations)) >= 0.99 * end / interval_of(rate)


def test_a_busy_event_loop_changes_no_turn() -> None:
    """The loop serves all timers that are due only every 200 ms, in the order of their times."""
    organizations = [Organization(late=(0.0,), until=60.0) for _ in range(4)]
    served = simulate(50, organizations, wake=lambda due: ceil(due * 5) / 5)
    assert len(served) > 200
    assert served == [index % 4 for index in range(len(served))]


def test_a_busy_event_loop_does_not_prefer_a_member_whose_reply_arrives() -> None:
    """After each delay, the loop serves replies before timers."""
    common = CommonCeiling(50)
    waiting, replying = common.member(LocalCeiling(0)), common.member(LocalCeiling(0))
    assert replying.try_acquire(0.0) == 0
    assert waiting.try_acquire(0.0) > 0
    assert replying.try_acquire(5.0) > 0
    assert waiting.try_acquire(5.0) == 0


@pytest.mark.parametrize("rate", [1, 50, 500])
def test_members_that_go_silent_delay_the_others_once_by_the_grace_each(rate: float) -> None:
    quiet_after = 20 * interval_of(rate)
    end = 100 * interval_of(rate)
    silent = [Organization(until=quiet_after) for _ in range(3)]
    remaining = Organization(until=end)
    simulate(rate, [*silent, remaining])
    starts = all_starts([*silent, remaining])
    late = [after - before - interval_of(rate) for before, after in pairwise(starts)]
    assert sum(delay for delay in late if delay > 0.005) <= 3 * GRACE + 0.01
    assert len(starts) >= 99 - rate * (3 * GRACE + 0.01)


def test_the_claim_of_a_silent_member_ends_with_the_first_permit_that_passes_it() -> None:
    common = CommonCeiling(50)
    silent, other = common.member(LocalCeiling(0)), common.member(LocalCeiling(0))
    now = other.try_acquire(0.0)
    assert silent.try_acquire(now) > 0
    while wait := other.try_acquire(now):
        now += wait
    assert now <= GRACE + interval_of(50)
    assert other.try_acquire(now + 1.0) == 0


def test_a_member_with_rare_requests_costs_the_others_nothing() -> None:
    hungry = [Organization(until=100.0) for _ in range(3)]
    rare = Organization(gap=(2.0,), until=100.0)
    simulate(50, [*hungry, rare])
    assert throughput([*hungry, rare], 0, 100) >= 0.99 / interval_of(50)
    assert len(rare.starts) >= 0.97 * 100 / 2


def test_unused_turns_do_not_add_up_to_a_burst() -> None:
    hungry, idle = Organization(until=100.0), Organization(begin=90.0, until=100.0)
    simulate(50, [hungry, idle])
    assert abs(idle.count(begin=90.0) - hungry.count(begin=90.0)) <= 2


def test_members_with_slower_own_ceilings_neither_slow_the_others_nor_waste_permits() -> None:
    slow = [Organization(5, late=(0.0005,), until=100.0) for _ in range(2)]
    fast = [Organization(late=(0.001,), until=100.0) for _ in range(2)]
    simulate(50, [*slow, *fast])
    assert throughput([*slow, *fast], 0, 100) >= 0.99 / interval_of(50)
    assert abs(len(fast[0].starts) - len(fast[1].starts)) <= 1
    for each in slow:
        assert len(each.starts) >= 0.9 * 100 / interval_of(5)


def test_an_own_ceiling_that_refuses_takes_no_common_permit() -> None:
    common = CommonCeiling(50)
    slow, other = common.member(LocalCeiling(0.01)), common.member(LocalCeiling(0))
    assert slow.try_acquire(0.0) == 0
    assert slow.try_acquire(10.0) > 80
    assert other.try_acquire(10.0) == 0


def test_a_common_ceiling_that_refuses_takes_no_own_permit() -> None:
    common = CommonCeiling(1)
    own = LocalCeiling(0.01)
    member, other = common.member(own), common.member(LocalCeiling(0))
    assert other.try_acquire(0.0) == 0
    assert member.try_acquire(0.0) > 0
    assert own.try_acquire(0.0) == 0


@given(rates, st.lists(st.sampled_from([0.0, 0.001, 0.02, 1.0]) | st.floats(0, 3), min_size=1), st.booleans())
def test_a_single_member_behaves_like_a_ceiling_of_its_own(rate: float, steps: list[float], is_common: bool) -> None:
    """That holds for a common ceiling without an own one, and the other way round."""
    member = CommonCeiling(rate if is_common else 0).member(LocalCeiling(0 if is_common else rate))
    single, now = LocalCeiling(rate), 0.0
    for step in steps:
        now += step
        assert member.try_acquire(now) == single.try_acquire(now)


def test_a_rate_of_zero_is_unlimited_and_leaves_the_own_ceilings() -> None:
    common = CommonCeiling(0)
    unlimited, limited = common.member(LocalCeiling(0)), common.member(LocalCeiling(1))
    assert [unlimited.try_acquire(5.0) for _ in range(1000)] == [0.0] * 1000
    assert limited.try_acquire(5.0) == 0
    assert limited.try_acquire(5.0) > 0


def test_closing_a_member_withdraws_its_claim_and_closes_its_own_ceiling_only(tmp_path: Path) -> None:
    common = CommonCeiling(50)
    quotas = [SharedQuota(tmp_path / "folder" / name, 50, warn=pytest.fail) for name in ("one", "other")]
    member, other = map(common.member, quotas)
    other.try_acquire(0.0)
    free = member.try_acquire(0.0)
    assert other.try_acquire(free) > 0, "the turn belongs to the member"
    member.close()
    assert other.try_acquire(free) == 0
    assert [quota.is_shared for quota in quotas] == [False, True]
    member.close()
    other.close()


def test_a_member_whose_quota_other_processes_share_gets_its_share_of_both(tmp_path: Path) -> None:
    """The rival acts as a second process: it shares the file, but not the common ceiling."""
    common, file = CommonCeiling(50), tmp_path / "folder" / "quota"
    member, rival = (SharedQuota(file, 50, warn=pytest.fail) for _ in range(2))
    others = [common.member(LocalCeiling(0)) for _ in range(3)]
    counts = permits_of([common.member(member), rival, *others], seconds=40)
    fair = 40 / interval_of(50) / 4
    assert sum(counts) - counts[1] >= 0.97 * 40 / interval_of(50)
    assert counts[0] >= 0.5 * fair
    assert counts[1] >= 2 * fair


@pytest.mark.parametrize("members", [1, 4])
def test_two_processes_stay_under_the_rate_together_and_share_it(tmp_path: Path, members: int) -> None:
    quotas = [SharedQuota(tmp_path / "folder" / "quota", 50, warn=pytest.fail) for _ in range(2)]
    processes = [CommonCeiling(50, quota) for quota in quotas]
    ceilings = [process.member(LocalCeiling(50)) for process in processes for _ in range(members)]
    counts = permits_of(ceilings, seconds=40)
    assert sum(counts) <= 40 * 50
    assert sum(counts) >= 0.9 * 40 / interval_of(50)
    for part in (counts[:members], counts[members:]):
        assert sum(part) >= 0.4 * sum(counts)
        assert min(part) >= 0.5 * sum(part) / members
    for process in processes:
        process.close()
    assert not any(quota.is_shared for quota in quotas)


def test_a_quota_that_another_process_has_taken_costs_no_permit_of_the_common_ceiling(tmp_path: Path) -> None:
    quota, rival = (SharedQuota(tmp_path / "folder" / "quota", 1, warn=pytest.fail) for _ in range(2))
    member = CommonCeiling(1, quota).member(LocalCeiling(0))
    assert rival.try_acquire(100.0) == 0
    assert member.try_acquire(100.1) > 0
    assert member.try_acquire(101.2) == 0
    assert rival.seconds_until_permit(101.3) > 0
    assert rival.seconds_until_permit(102.3) == rival.seconds_until_permit(102.3) == 0  # it takes none
    assert rival.try_acquire(102.3) == 0


def permits_of(ceilings: Sequence[RateCeiling], seconds: float) -> list[int]:
    """Return the number of permits of each greedy caller; the timers are late by 0.1 ms."""
    counts = [0] * len(ceilings)
    queue = [(0.0, index) for index in range(len(ceilings))]
    while queue[0][0] < seconds:
        now, index = heapq.heappop(queue)
        wait = ceilings[index].try_acquire(now)
        counts[index] += wait == 0
        heapq.heappush(queue, (now + wait + 0.0001, index))
    return counts


def test_the_reprs_show_members_and_claims() -> None:
    common = CommonCeiling(10.5)
    one, other = common.member(LocalCeiling(0)), common.member(LocalCeiling(0))
    one.try_acquire(100.0)
    other.try_acquire(100.0)
    assert repr(common) == "<CommonCeiling interval=0.1000s members=2 claims=1>"
    assert repr(one) == f"<Member of {common!r}, last_turn=1, no claim, own=<LocalCeiling interval=0.0000s>>"
    assert repr(other) == f"<Member of {common!r}, last_turn=0, claims at 100.085, own=<LocalCeiling interval=0.0000s>>"


class HungryRun:
    """An organization with a real governor and queue; its workers send requests with a latency of 50 ms."""

    def __init__(self, clock: StoppedClock, ceiling: RateCeiling) -> None:
        self.starts: list[float] = []
        self._clock = clock
        self._governor = Governor(ceiling, 8, clock.now(), max_pause=900, rng=Random(0))
        self._queue = PermitQueue(self._governor, as_clock(clock))

    async def work(self) -> None:
        while True:
            permit = self._queue.try_acquire() or await self._queue.acquire_in_turn()
            self.starts.append(permit.at)
            await self._clock.sleep(0.05)
            self._governor.answered(permit, self._clock.now(), is_success=True)
            self._queue.wake()


async def test_four_governors_with_hungry_queues_share_the_rate_equally() -> None:
    clock, common = StoppedClock(), CommonCeiling(50)
    runs = [HungryRun(clock, common.member(LocalCeiling(50))) for _ in range(4)]
    workers = [asyncio.create_task(run.work()) for run in runs for _ in range(3)]
    await clock.advance(4.0)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    counts = [len(run.starts) for run in runs]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) >= 0.98 * 4 / interval_of(50)
    assert most_in_a_second([start for run in runs for start in run.starts]) <= 50
