"""May a request start now, and what does its end say of the next?"""

from __future__ import annotations

from copy import deepcopy
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.governor.events import BreakerOpened, Paused, PauseTooLong, Resumed, TooManyPauses
from collector.governor.governor import Governor, Permit, Wait
from collector.governor.rate_limit_headers import Allowance
from collector.governor.retry_budget import AFTER_FAILURE, FULL
from collector.model.throughput import WaitReason
from tests.support.governor_harness import governor

EARLY = 0.015  # seconds by which a start may come before its time, see `rate_ceiling`
seeds = st.integers()


def started(governed: Governor, now: float) -> Permit:
    """A request that starts at this moment."""
    granted = governed.try_acquire(now)
    assert isinstance(granted, Permit), granted
    return granted


def wait_of(governed: Governor, now: float) -> float:
    """How long nothing may start; a start that may be taken is."""
    granted = governed.try_acquire(now)
    return granted.seconds if isinstance(granted, Wait) else 0.0


def next_start(governed: Governor, now: float) -> tuple[float, Permit]:
    """The first start that may be taken from now on, and when."""
    while not isinstance(granted := governed.try_acquire(now), Permit):
        assert 0 < granted.seconds < inf, granted
        now += granted.seconds
    return now, granted


def workers(governed: Governor, size: int, now: float = 0.0) -> list[Permit]:
    """So many requests in flight, after as many answers as it takes until so many may be."""
    for _ in range(size):
        answer_two_at_once(governed, now)
    return [started(governed, now) for _ in range(size)]


def answer_two_at_once(governed: Governor, now: float) -> None:
    """Answer as many as may be in flight, so that more may be."""
    flying = []
    while isinstance(granted := governed.try_acquire(now), Permit):
        flying.append(granted)
    for one in flying:
        governed.answered(one, now, is_success=True)


def refuse(governed: Governor, now: float, wait: float | None = None) -> tuple[float, float]:
    """The server refuses the next request, at once: when, and for how long do all pause then?"""
    now, permit = next_start(governed, now)
    governed.throttled(permit, now, wait, "HTTP 429", is_outage=False)
    return now, wait_of(governed, now)


def answer(governed: Governor, now: float) -> float:
    """The server answers the next request, at once: when?"""
    now, permit = next_start(governed, now)
    governed.answered(permit, now, is_success=True)
    return now


# Pauses that the server asks for.


@given(st.floats(0.001, 900), seeds)
def test_a_pause_is_never_shorter_than_the_server_asks_and_little_longer(wait: float, seed: int) -> None:
    _, paused = refuse(governor(seed=seed), 0.0, wait)
    assert wait <= paused <= wait + min(5.0, wait / 10) + 1e-9


@given(seeds, st.sampled_from([None, 0.0]))
def test_a_request_to_slow_down_without_a_time_is_waited_out_longer_each_time(seed: int, wait: float | None) -> None:
    governed, now = governor(seed=seed), 0.0
    for episode in range(9):
        now, paused = refuse(governed, now, wait)
        max_pause = min(60.0, 2.0**episode)
        assert max_pause / 2 <= paused <= max_pause


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=9), seeds)
def test_a_server_that_names_too_short_a_time_again_and_again_is_waited_for_longer_each_time(
    waits: list[float], seed: int
) -> None:
    governed, now = governor(seed=seed), 0.0
    for refused_probes, wait in enumerate(waits):
        now, paused = refuse(governed, now, wait)
        backoff = min(60.0, 2.0 ** (refused_probes - 1)) if refused_probes else 0.0
        assert max(wait, backoff / 2) <= paused + 1e-9
        assert paused <= max(wait + min(5.0, wait / 10), backoff) + 1e-9


@given(st.integers(1, 8), seeds)
def test_a_good_answer_ends_the_growth_of_pauses(throttles: int, seed: int) -> None:
    governed, now = governor(seed=seed), 0.0
    for _ in range(throttles):
        now, _ = refuse(governed, now)
    now = answer(governed, now)
    _, paused = refuse(governed, now)
    assert 0.5 <= paused <= 1


@pytest.mark.parametrize("wait", [None, 0.0])
def test_requests_refused_in_one_go_are_one_pause(wait: float | None) -> None:
    governed = governor()
    for permit in workers(governed, 20):
        governed.throttled(permit, 0.0, wait, "HTTP 429", is_outage=False)
    assert governed.pauses.seconds(inf) <= 1
    assert governed.pauses.by_reason == {"HTTP 429": 1}
    assert governed.in_flight == 0


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 100)), min_size=1, max_size=20), seeds)
def test_nothing_starts_before_the_latest_end_of_any_pause_and_overlaps_are_counted_once(
    throttles: list[tuple[float, float]], seed: int
) -> None:
    governed = governor(seed=seed)
    flying, now, end = workers(governed, len(throttles)), 0.0, 0.0
    for later, wait in throttles:
        if end and now + later >= end:
            break  # the pause is over
        now += later if end else 0.0
        governed.throttled(flying.pop(), now, wait, "HTTP 429", is_outage=False)
        end = max(end, now + wait)
    max_pause = end + 5.0
    assert end - now <= wait_of(governed, now) <= max_pause - now
    assert end - 1e-6 <= governed.pauses.seconds(inf) <= max_pause


def test_after_a_pause_the_users_rate_holds_as_before() -> None:
    governed = governor(rate=10, max_pause=inf)
    starts: list[float] = []
    now = 0.0
    for number in range(40):
        now, permit = next_start(governed, now)
        starts.append(now)
        if number == 10:
            governed.throttled(permit, now, 5.0, "HTTP 429", is_outage=False)
        else:
            governed.answered(permit, now, is_success=True)
    assert starts[11] >= starts[10] + 5.0
    assert all(sum(permit <= other < permit + 1 for other in starts) <= 10 for permit in starts)


@given(
    st.sampled_from([0.0, 0.1, 1.0, 50.0]), st.floats(0.1, 100), seeds, st.sampled_from(["probe", "after", "in flight"])
)
def test_after_a_pause_one_request_tries_and_nothing_else_starts_until_it_has_ended(
    rate: float, wait: float, seed: int, how: str
) -> None:
    governed = governor(rate=rate, seed=seed)
    throttled, other = (next_start(governed, now)[1] for now in (0.0, 20.0))
    now = 30.0
    governed.throttled(throttled, now, wait, "HTTP 429", is_outage=False)
    now, probe = next_start(governed, now)
    assert probe.is_probe
    for later in (0.0, 1.0, 1e6):
        assert governed.try_acquire(now + later) == Wait(inf, WaitReason.SERVER)
    if how == "in flight":
        governed.answered(other, now, is_success=True)
        assert governed.try_acquire(now + 1e6) == Wait(inf, WaitReason.SERVER)
    governed.answered(probe, now, is_success=how == "probe")
    _, permit = next_start(governed, now)
    assert not permit.is_probe


def test_a_probe_without_a_verdict_hands_the_probe_on_to_the_next_after_as_long_a_wait() -> None:
    governed = governor()
    now, _ = refuse(governed, 0.0, 5.0)
    for _ in range(3):
        now, probe = next_start(governed, now)
        assert probe.is_probe
        governed.abandoned(probe, now)
        assert wait_of(governed, now) == pytest.approx(1.0)


def test_a_pause_asked_for_while_a_request_tries_is_not_cut_short_by_its_answer() -> None:
    governed = governor()
    first, second = (started(governed, 0.0) for _ in range(2))
    governed.throttled(first, 0.0, 1.0, "HTTP 429", is_outage=False)
    now, probe = next_start(governed, 0.0)
    governed.throttled(second, now, 30.0, "HTTP 429", is_outage=False)
    governed.answered(probe, now + 0.1, is_success=True)
    assert next_start(governed, now + 0.1)[0] >= now + 30.0


# … that are too long.


@pytest.mark.parametrize("wait", [901.0, 1e6, inf])
def test_a_pause_over_the_limit_stops_the_run(wait: float) -> None:
    governed = governor()
    permit = started(governed, 0.0)
    with pytest.raises(PauseTooLong) as caught:
        governed.throttled(permit, 0.0, wait, "HTTP 429", is_outage=False)
    assert (caught.value.wait, caught.value.max_pause) == (wait, 900.0)
    assert governed.in_flight == 0


def test_a_pause_as_long_as_the_limit_is_waited_out() -> None:
    assert refuse(governor(), 0.0, 900.0)[1] >= 900.0


def test_pauses_that_are_most_of_the_run_stop_it_after_half_an_hour_of_them() -> None:
    governed, now = governor(), 0.0
    while governed.pauses.seconds(inf) < 1500:
        now, _ = refuse(governed, now, 310.0)
    with pytest.raises(TooManyPauses):
        refuse(governed, now, 310.0)


def test_pauses_that_are_little_of_a_long_run_do_not_stop_it() -> None:
    governed, now = governor(), 0.0
    while governed.pauses.seconds(inf) < 4000:
        now, _ = refuse(governed, now, 300.0)
        now = answer(governed, now) + 500.0
    assert governed.pauses.by_reason.total() >= 10


# What the server says is left.


@given(st.floats(0.1, 900), st.floats(0, 1))
def test_nothing_starts_before_the_reset_of_a_quota_that_is_used_up(seconds: float, later: float) -> None:
    governed = governor()
    first, second = (started(governed, 0.0) for _ in range(2))
    governed.answered(first, 1.0, is_success=True, allowance=Allowance(0, seconds))
    governed.answered(second, 1.0 + later / 20, is_success=True, allowance=Allowance(5, 1.0))
    now, permit = next_start(governed, 1.0 + later / 20)
    assert 1.0 + seconds <= now <= 1.0 + seconds + min(5.0, seconds / 10) + 1e-6
    assert permit.is_probe
    assert governed.pauses.by_reason == {"a used-up quota": 1}


def test_a_quota_that_is_back_at_once_says_nothing() -> None:
    governed = governor()
    for _ in range(100):
        governed.answered(started(governed, 0.0), 0.0, is_success=True, allowance=Allowance(0, 0.0))
    assert governed.settled_rate is None


def test_what_is_left_of_a_quota_is_spread_over_its_time() -> None:
    governed = governor()
    governed.answered(started(governed, 0.0), 0.0, is_success=True, allowance=Allowance(20, 10.0))
    now, taken = 0.0, 0
    while now < 9.9:
        now, permit = next_start(governed, now)
        governed.answered(permit, now, is_success=True)
        taken += 1
    assert 15 <= taken <= 21


def test_a_quota_is_no_limit_after_its_reset() -> None:
    governed = governor()
    governed.answered(started(governed, 0.0), 0.0, is_success=True, allowance=Allowance(10, 10.0))
    started(governed, 11.0)
    assert [wait_of(governed, 12.0) for _ in range(3)] == [0.0] * 3


@pytest.mark.parametrize("seconds", [901.0, inf])
def test_a_quota_that_is_used_up_for_too_long_stops_a_run_that_needs_more_of_it(seconds: float) -> None:
    governed = governor()
    governed.answered(started(governed, 0.0), 0.0, is_success=True, allowance=Allowance(0, seconds))
    with pytest.raises(PauseTooLong):
        governed.try_acquire(0.0)
    assert governed.in_flight == 0


# Outages.


def break_down(governed: Governor, now: float) -> float:
    """Let one request after the other fail until all halt, and tell when that was."""
    for _ in range(20):
        now, permit = next_start(governed, now)
        governed.failed(permit, now, "HTTP 500", is_timeout=False)
    return now


def test_an_outage_halts_all_and_then_one_request_tries_again_and_again_at_growing_intervals() -> None:
    governed = governor()
    now, waits = break_down(governed, 0.0), []
    for _ in range(9):
        tried, probe = next_start(governed, now)
        waits.append(tried - now)
        now = tried
        assert probe.is_probe
        governed.failed(probe, now, "HTTP 500", is_timeout=False)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(st.integers(1, 40), st.floats(0, 0.9))
def test_only_the_probes_own_failure_doubles_an_outages_wait(others: int, late: float) -> None:
    governed = governor()
    flying = workers(governed, others + 20)
    for permit in flying[:20]:
        governed.failed(permit, 0.0, "HTTP 500", is_timeout=False)
    assert wait_of(governed, 0.0) == 1.0
    for permit in flying[20:][::2]:
        governed.failed(permit, late, "HTTP 500", is_timeout=False)
    assert wait_of(governed, late) == pytest.approx(1.0 - late)
    now, probe = next_start(governed, late)
    for permit in flying[20:][1::2]:
        governed.failed(permit, now, "HTTP 500", is_timeout=False)
    assert governed.try_acquire(now + 1000) == Wait(inf, WaitReason.SERVER)
    governed.failed(probe, now, "HTTP 500", is_timeout=False)
    assert wait_of(governed, now) == 2.0


def test_the_beginning_and_the_end_of_an_outage_are_news_and_pauses_are_not() -> None:
    governed = governor()
    now, _ = refuse(governed, 0.0, 5.0)
    now = answer(governed, now)
    paused, resumed = governed.events
    assert isinstance(paused, Paused)
    assert (paused.reason, paused.seconds >= 5.0) == ("HTTP 429", True)
    assert isinstance(resumed, Resumed)
    assert not resumed.ends_outage
    governed.events.clear()
    now = break_down(governed, now)
    halted = list(governed.events)
    assert halted[0] == BreakerOpened(1.0, "HTTP 500", should_warn=True)
    now, probe = next_start(governed, now)
    assert probe.is_probe
    governed.failed(probe, now, "HTTP 500", is_timeout=False)
    later = governed.events[1:]
    assert len(later) == len(halted)
    assert all(isinstance(event, BreakerOpened) and not event.should_warn for event in later)
    governed.events.clear()
    answer(governed, now)
    [resumed] = governed.events
    assert isinstance(resumed, Resumed)
    assert resumed.ends_outage


def test_how_long_an_outage_lasts_is_told_with_its_last_failure_and_ends_with_an_answer() -> None:
    governed = governor()
    for number in range(5):
        assert governed.outage_seconds(100.0) == 0
        permit = started(governed, 10.0 + number)
        governed.failed(permit, 30.0, f"failure {number}", is_timeout=False)
    assert governed.outage_seconds(100.0) == 90.0
    assert governed.last_failure == "failure 4"
    answer(governed, 100.0)
    assert governed.outage_seconds(200.0) == 0


def test_a_server_that_serves_nobody_for_now_is_an_outage_and_one_that_serves_less_is_not() -> None:
    for is_outage in (False, True):
        governed, now = governor(), 0.0
        for _ in range(6):
            now, permit = next_start(governed, now)
            governed.throttled(permit, now, 10.0, "HTTP 503", is_outage=is_outage)
        assert (governed.outage_seconds(now + 100) > 0) is is_outage


def test_a_refusal_of_what_was_sent_before_the_last_pause_ended_makes_nothing_slower() -> None:
    governed = governor(max_pause=inf)
    late = workers(governed, 10)
    governed.throttled(late.pop(), 0.0, 1.0, "HTTP 429", is_outage=False)
    now = answer(governed, 0.0)
    rate = governed.settled_rate
    for permit in late:
        governed.throttled(permit, now + 0.1, None, "HTTP 429", is_outage=False)
    assert governed.settled_rate == rate
    assert not next_start(governed, now + 3.0)[1].is_probe
    assert governed.pauses.by_reason.total() == 1


def test_when_the_budget_for_retries_is_spent_all_halt_until_the_server_answers() -> None:
    governed = governor()
    for _ in range(FULL // AFTER_FAILURE):
        governed.spend_retry(AFTER_FAILURE, 0.0)
    assert not started(governed, 0.0).is_probe
    governed.spend_retry(AFTER_FAILURE, 0.0)
    governed.spend_retry(AFTER_FAILURE, 0.5)
    now, probe = next_start(governed, 0.0)
    assert (now, probe.is_probe) == (1.0, True)
    governed.answered(probe, now, is_success=True)
    assert not started(governed, now).is_probe


# What a start waits for.


def test_the_users_concurrency_is_never_passed() -> None:
    governed = governor(concurrency=3)
    for _ in range(10):
        answer_two_at_once(governed, 0.0)
    flying = [started(governed, 0.0) for _ in range(3)]
    assert governed.try_acquire(1e6) == Wait(inf, WaitReason.LATENCY)
    governed.abandoned(flying.pop(), 0.0)
    started(governed, 0.0)


def test_a_time_out_leaves_less_room_and_that_is_the_servers_doing() -> None:
    governed = governor()
    flying = [started(governed, 0.0) for _ in range(4)]
    assert governed.try_acquire(0.0) == Wait(inf, WaitReason.LATENCY)
    governed.failed(flying.pop(), 1.0, "no reply in time", is_timeout=True)
    assert governed.try_acquire(1.0) == Wait(inf, WaitReason.SERVER)


def test_the_users_rate_is_told_apart_from_the_servers() -> None:
    governed = governor(rate=1)
    started(governed, 0.0)
    granted = governed.try_acquire(0.0)
    assert isinstance(granted, Wait)
    assert granted.reason is WaitReason.OWN_RATE
    assert granted.seconds == pytest.approx(1.05 - EARLY)
    governed = governor()
    refuse(governed, 0.0, 5.0)
    assert governed.try_acquire(0.0)[1] is WaitReason.SERVER


def test_a_rate_is_settled_on_only_once_the_server_has_refused_more_than_noise() -> None:
    governed, now, behind = governor(), 0.0, []
    for _ in range(40):
        now = answer(governed, now + 0.02)
    for _ in range(4):
        now, permit = next_start(governed, now + 0.02)
        behind.append(permit)
    assert governed.settled_rate is None
    governed.throttled(behind.pop(0), now, None, "HTTP 429", is_outage=False)
    assert governed.settled_rate is None
    for permit in behind:
        governed.throttled(permit, now, None, "HTTP 429", is_outage=False)
    answer(governed, now)
    assert governed.settled_rate is not None
    assert 20 < governed.settled_rate < 60


def test_the_repr_tells_what_is_in_flight_and_what_forbids_a_start() -> None:
    governed = governor()
    workers(governed, 2)
    assert repr(governed).startswith("<Governor 2 in flight, <CircuitBreaker closed>, <AdaptiveRate ")


class Life(RuleBasedStateMachine):
    """Requests start and end in any way and order, at any time; some starts are only asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.flying: list[Permit] = []
        self.paused_until = 0.0
        self.used_up_until = 0.0

    @initialize(rate=st.sampled_from([0.0, 2.0, 50.0]), concurrency=st.integers(1, 30), seed=seeds)
    def begin(self, rate: float, concurrency: int, seed: int) -> None:
        self.concurrency = concurrency
        self.governor = governor(rate=rate, concurrency=concurrency, seed=seed)

    @rule(seconds=st.floats(0, 3) | st.floats(0, 200))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(times=st.integers(1, 8))
    def start(self, times: int) -> None:
        for _ in range(times):
            granted = self.governor.try_acquire(self.now)
            if isinstance(granted, Wait):
                assert granted.seconds > 0
                assert granted.seconds < inf or self.flying
                return
            assert not any(one.is_probe for one in self.flying)
            assert self.now >= max(self.paused_until, self.used_up_until)
            assert granted.at == self.now
            self.flying.append(granted)

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        is_success=st.booleans(),
        allowance=st.none() | st.builds(Allowance, st.integers(0, 20), st.floats(0, 100)),
    )
    def be_answered(self, data: st.DataObject, is_success: bool, allowance: Allowance | None) -> None:
        permit = self._land(data)
        if allowance is not None and allowance.remaining == 0:
            self.used_up_until = max(self.used_up_until, self.now + allowance.seconds)
        self.governor.answered(permit, self.now, is_success=is_success, allowance=allowance)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), wait=st.none() | st.floats(0, 60), is_outage=st.booleans())
    def be_refused(self, data: st.DataObject, wait: float | None, is_outage: bool) -> None:
        permit = self._land(data)
        self.paused_until = max(self.paused_until, self.now + (wait or 0.0))
        try:
            self.governor.throttled(permit, self.now, wait, "HTTP 429", is_outage=is_outage)
        except TooManyPauses:
            assert self.governor.pauses.seconds(inf) > self.now / 2
            self.flying.clear()
            self.paused_until = self.used_up_until = 0.0
            self.begin(0.0, self.concurrency, 0)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), is_timeout=st.booleans())
    def fail(self, data: st.DataObject, is_timeout: bool) -> None:
        self.governor.failed(self._land(data), self.now, "HTTP 500", is_timeout=is_timeout)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def be_dropped(self, data: st.DataObject) -> None:
        self.governor.abandoned(self._land(data), self.now)

    @rule(cost=st.integers(0, 100), times=st.integers(1, 10))
    def spend_retry(self, cost: int, times: int) -> None:
        for _ in range(times):
            self.governor.spend_retry(cost, self.now)

    @rule(tokens=st.integers(0, 100))
    def deposit(self, tokens: int) -> None:
        self.governor.retry_budget.deposit(tokens)

    def _land(self, data: st.DataObject) -> Permit:
        return self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))

    @invariant()
    def what_is_in_flight_is_what_started_and_has_not_ended(self) -> None:
        assert 0 <= self.governor.in_flight == len(self.flying) <= self.concurrency

    @invariant()
    def the_budget_is_never_negative(self) -> None:
        assert 0 <= self.governor.retry_budget.tokens <= FULL

    @invariant()
    def somebody_may_start_some_time(self) -> None:
        if not self.flying:
            next_start(deepcopy(self.governor), self.now)


class LongSearch(Life):
    """The same, for `make soak`."""


Life.TestCase.settings = settings(max_examples=50, stateful_step_count=60)
LongSearch.TestCase.settings = settings(max_examples=2000, stateful_step_count=60)
TestAnyLife = Life.TestCase
TestVeryManyLives = pytest.mark.soak(LongSearch.TestCase)
