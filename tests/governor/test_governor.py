"""The governor's permits, and its reactions to the ends of requests."""

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
from tests.support.governor_harness import make_governor

TOLERANCE = 0.015  # seconds by which a permit may be early, see `rate_ceiling`
seeds = st.integers()


def acquire(governor: Governor, now: float) -> Permit:
    """Return a permit, which must be free now."""
    granted = governor.try_acquire(now)
    assert isinstance(granted, Permit), granted
    return granted


def wait_seconds(governor: Governor, now: float) -> float:
    """Return the seconds until the next permit; a permit that is free is taken."""
    granted = governor.try_acquire(now)
    return granted.seconds if isinstance(granted, Wait) else 0.0


def next_permit(governor: Governor, now: float) -> tuple[float, Permit]:
    """Wait for the first permit from now on, and return its time and itself."""
    while not isinstance(granted := governor.try_acquire(now), Permit):
        assert 0 < granted.seconds < inf, granted
        now += granted.seconds
    return now, granted


def fill(governor: Governor, size: int, now: float = 0.0) -> list[Permit]:
    """Return `size` permits in flight, after enough successes for the concurrency limit to allow them."""
    for _ in range(size):
        answer_all_in_flight(governor, now)
    return [acquire(governor, now) for _ in range(size)]


def answer_all_in_flight(governor: Governor, now: float) -> None:
    """Fill the concurrency limit and answer all, so that it grows."""
    in_flight = []
    while isinstance(granted := governor.try_acquire(now), Permit):
        in_flight.append(granted)
    for permit in in_flight:
        governor.answered(permit, now, is_success=True)


def throttle_next(governor: Governor, now: float, wait: float | None = None) -> tuple[float, float]:
    """Throttle the next request immediately; return the time and the length of the pause."""
    now, permit = next_permit(governor, now)
    governor.throttled(permit, now, wait, "HTTP 429", is_outage=False)
    return now, wait_seconds(governor, now)


def answer_next(governor: Governor, now: float) -> float:
    """Answer the next request immediately, and return the time."""
    now, permit = next_permit(governor, now)
    governor.answered(permit, now, is_success=True)
    return now


# Requested pauses.


@given(st.floats(0.001, 900), seeds)
def test_a_pause_is_never_shorter_and_slightly_longer_than_requested(wait: float, seed: int) -> None:
    _, paused = throttle_next(make_governor(seed=seed), 0.0, wait)
    assert wait <= paused <= wait + min(5.0, wait / 10) + 1e-9


@given(seeds, st.sampled_from([None, 0.0]))
def test_pauses_without_a_stated_length_grow_each_time(seed: int, wait: float | None) -> None:
    governor, now = make_governor(seed=seed), 0.0
    for episode in range(9):
        now, paused = throttle_next(governor, now, wait)
        max_pause = min(60.0, 2.0**episode)
        assert max_pause / 2 <= paused <= max_pause


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=9), seeds)
def test_pauses_grow_when_the_stated_length_is_repeatedly_too_short(waits: list[float], seed: int) -> None:
    governor, now = make_governor(seed=seed), 0.0
    for throttled_probes, wait in enumerate(waits):
        now, paused = throttle_next(governor, now, wait)
        backoff = min(60.0, 2.0 ** (throttled_probes - 1)) if throttled_probes else 0.0
        assert max(wait, backoff / 2) <= paused + 1e-9
        assert paused <= max(wait + min(5.0, wait / 10), backoff) + 1e-9


@given(st.integers(1, 8), seeds)
def test_a_success_resets_the_growth_of_pauses(throttles: int, seed: int) -> None:
    governor, now = make_governor(seed=seed), 0.0
    for _ in range(throttles):
        now, _ = throttle_next(governor, now)
    now = answer_next(governor, now)
    _, paused = throttle_next(governor, now)
    assert 0.5 <= paused <= 1


@pytest.mark.parametrize("wait", [None, 0.0])
def test_requests_throttled_together_cause_one_pause(wait: float | None) -> None:
    governor = make_governor()
    for permit in fill(governor, 20):
        governor.throttled(permit, 0.0, wait, "HTTP 429", is_outage=False)
    assert governor.pauses.seconds(inf) <= 1
    assert governor.pauses.by_reason == {"HTTP 429": 1}
    assert governor.in_flight == 0


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 100)), min_size=1, max_size=20), seeds)
def test_no_permit_is_granted_before_the_latest_end_of_any_pause_and_overlaps_count_once(
    throttles: list[tuple[float, float]], seed: int
) -> None:
    governor = make_governor(seed=seed)
    in_flight, now, end = fill(governor, len(throttles)), 0.0, 0.0
    for later, wait in throttles:
        if end and now + later >= end:
            break  # the pause has ended
        now += later if end else 0.0
        governor.throttled(in_flight.pop(), now, wait, "HTTP 429", is_outage=False)
        end = max(end, now + wait)
    max_pause = end + 5.0
    assert end - now <= wait_seconds(governor, now) <= max_pause - now
    assert end - 1e-6 <= governor.pauses.seconds(inf) <= max_pause


def test_after_a_pause_the_rate_ceiling_still_holds() -> None:
    governor = make_governor(rate=10, max_pause=inf)
    starts: list[float] = []
    now = 0.0
    for number in range(40):
        now, permit = next_permit(governor, now)
        starts.append(now)
        if number == 10:
            governor.throttled(permit, now, 5.0, "HTTP 429", is_outage=False)
        else:
            governor.answered(permit, now, is_success=True)
    assert starts[11] >= starts[10] + 5.0
    assert all(sum(permit <= other < permit + 1 for other in starts) <= 10 for permit in starts)


@given(
    st.sampled_from([0.0, 0.1, 1.0, 50.0]), st.floats(0.1, 100), seeds, st.sampled_from(["probe", "after", "in flight"])
)
def test_after_a_pause_one_request_probes_and_all_others_wait_for_its_end(
    rate: float, wait: float, seed: int, end: str
) -> None:
    governor = make_governor(rate=rate, seed=seed)
    throttled, other = (next_permit(governor, now)[1] for now in (0.0, 20.0))
    now = 30.0
    governor.throttled(throttled, now, wait, "HTTP 429", is_outage=False)
    now, probe = next_permit(governor, now)
    assert probe.is_probe
    for later in (0.0, 1.0, 1e6):
        assert governor.try_acquire(now + later) == Wait(inf, WaitReason.SERVER)
    if end == "in flight":
        governor.answered(other, now, is_success=True)
        assert governor.try_acquire(now + 1e6) == Wait(inf, WaitReason.SERVER)
    governor.answered(probe, now, is_success=end == "probe")
    _, permit = next_permit(governor, now)
    assert not permit.is_probe


def test_after_an_abandoned_probe_the_next_request_probes_after_the_same_wait() -> None:
    governor = make_governor()
    now, _ = throttle_next(governor, 0.0, 5.0)
    for _ in range(3):
        now, probe = next_permit(governor, now)
        assert probe.is_probe
        governor.abandoned(probe, now)
        assert wait_seconds(governor, now) == pytest.approx(1.0)


def test_a_pause_requested_during_a_probe_is_not_shortened_by_its_reply() -> None:
    governor = make_governor()
    first, second = (acquire(governor, 0.0) for _ in range(2))
    governor.throttled(first, 0.0, 1.0, "HTTP 429", is_outage=False)
    now, probe = next_permit(governor, 0.0)
    governor.throttled(second, now, 30.0, "HTTP 429", is_outage=False)
    governor.answered(probe, now + 0.1, is_success=True)
    assert next_permit(governor, now + 0.1)[0] >= now + 30.0


# Pauses that are too long.


@pytest.mark.parametrize("wait", [901.0, 1e6, inf])
def test_a_pause_over_the_maximum_stops_the_run(wait: float) -> None:
    governor = make_governor()
    permit = acquire(governor, 0.0)
    with pytest.raises(PauseTooLong) as caught:
        governor.throttled(permit, 0.0, wait, "HTTP 429", is_outage=False)
    assert (caught.value.wait, caught.value.max_pause) == (wait, 900.0)
    assert governor.in_flight == 0


def test_a_pause_of_exactly_the_maximum_is_waited_out() -> None:
    assert throttle_next(make_governor(), 0.0, 900.0)[1] >= 900.0


def test_half_an_hour_of_pauses_stops_a_run_that_mostly_pauses() -> None:
    governor, now = make_governor(), 0.0
    while governor.pauses.seconds(inf) < 1500:
        now, _ = throttle_next(governor, now, 310.0)
    with pytest.raises(TooManyPauses):
        throttle_next(governor, now, 310.0)


def test_pauses_that_are_a_small_part_of_a_long_run_do_not_stop_it() -> None:
    governor, now = make_governor(), 0.0
    while governor.pauses.seconds(inf) < 4000:
        now, _ = throttle_next(governor, now, 300.0)
        now = answer_next(governor, now) + 500.0
    assert governor.pauses.by_reason.total() >= 10


# Stated quotas.


@given(st.floats(0.1, 900), st.floats(0, 1))
def test_no_permit_is_granted_before_an_exhausted_quota_resets(seconds: float, later: float) -> None:
    governor = make_governor()
    first, second = (acquire(governor, 0.0) for _ in range(2))
    governor.answered(first, 1.0, is_success=True, allowance=Allowance(0, seconds))
    governor.answered(second, 1.0 + later / 20, is_success=True, allowance=Allowance(5, 1.0))
    now, permit = next_permit(governor, 1.0 + later / 20)
    assert 1.0 + seconds <= now <= 1.0 + seconds + min(5.0, seconds / 10) + 1e-6
    assert permit.is_probe
    assert governor.pauses.by_reason == {"a used-up quota": 1}


def test_a_quota_that_resets_immediately_is_ignored() -> None:
    governor = make_governor()
    for _ in range(100):
        governor.answered(acquire(governor, 0.0), 0.0, is_success=True, allowance=Allowance(0, 0.0))
    assert governor.settled_rate is None


def test_the_remaining_quota_is_spread_over_its_time() -> None:
    governor = make_governor()
    governor.answered(acquire(governor, 0.0), 0.0, is_success=True, allowance=Allowance(20, 10.0))
    now, granted_count = 0.0, 0
    while now < 9.9:
        now, permit = next_permit(governor, now)
        governor.answered(permit, now, is_success=True)
        granted_count += 1
    assert 15 <= granted_count <= 21


def test_a_quota_does_not_limit_after_its_reset() -> None:
    governor = make_governor()
    governor.answered(acquire(governor, 0.0), 0.0, is_success=True, allowance=Allowance(10, 10.0))
    acquire(governor, 11.0)
    assert [wait_seconds(governor, 12.0) for _ in range(3)] == [0.0] * 3


@pytest.mark.parametrize("seconds", [901.0, inf])
def test_an_exhausted_quota_that_resets_too_late_stops_a_run_that_needs_it(seconds: float) -> None:
    governor = make_governor()
    governor.answered(acquire(governor, 0.0), 0.0, is_success=True, allowance=Allowance(0, seconds))
    with pytest.raises(PauseTooLong):
        governor.try_acquire(0.0)
    assert governor.in_flight == 0


# Outages.


def fail_until_open(governor: Governor, now: float) -> float:
    """Fail one request after the other until the breaker opens, and return the time."""
    for _ in range(20):
        now, permit = next_permit(governor, now)
        governor.failed(permit, now, "HTTP 500", is_timeout=False)
    return now


def test_during_an_outage_one_request_probes_at_growing_intervals() -> None:
    governor = make_governor()
    now, waits = fail_until_open(governor, 0.0), []
    for _ in range(9):
        probed_at, probe = next_permit(governor, now)
        waits.append(probed_at - now)
        now = probed_at
        assert probe.is_probe
        governor.failed(probe, now, "HTTP 500", is_timeout=False)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(st.integers(1, 40), st.floats(0, 0.9))
def test_only_a_failed_probe_doubles_the_wait_of_an_outage(others: int, late: float) -> None:
    governor = make_governor()
    in_flight = fill(governor, others + 20)
    for permit in in_flight[:20]:
        governor.failed(permit, 0.0, "HTTP 500", is_timeout=False)
    assert wait_seconds(governor, 0.0) == 1.0
    for permit in in_flight[20:][::2]:
        governor.failed(permit, late, "HTTP 500", is_timeout=False)
    assert wait_seconds(governor, late) == pytest.approx(1.0 - late)
    now, probe = next_permit(governor, late)
    for permit in in_flight[20:][1::2]:
        governor.failed(permit, now, "HTTP 500", is_timeout=False)
    assert governor.try_acquire(now + 1000) == Wait(inf, WaitReason.SERVER)
    governor.failed(probe, now, "HTTP 500", is_timeout=False)
    assert wait_seconds(governor, now) == 2.0


def test_the_beginning_and_the_end_of_an_outage_need_a_warning_but_pauses_do_not() -> None:
    governor = make_governor()
    now, _ = throttle_next(governor, 0.0, 5.0)
    now = answer_next(governor, now)
    paused, resumed = governor.events
    assert isinstance(paused, Paused)
    assert (paused.reason, paused.seconds >= 5.0) == ("HTTP 429", True)
    assert isinstance(resumed, Resumed)
    assert not resumed.ends_outage
    governor.events.clear()
    now = fail_until_open(governor, now)
    opened = list(governor.events)
    assert opened[0] == BreakerOpened(1.0, "HTTP 500", should_warn=True)
    now, probe = next_permit(governor, now)
    assert probe.is_probe
    governor.failed(probe, now, "HTTP 500", is_timeout=False)
    later = governor.events[1:]
    assert len(later) == len(opened)
    assert all(isinstance(event, BreakerOpened) and not event.should_warn for event in later)
    governor.events.clear()
    answer_next(governor, now)
    [resumed] = governor.events
    assert isinstance(resumed, Resumed)
    assert resumed.ends_outage


def test_the_length_and_the_last_failure_of_an_outage_are_known_until_a_reply_ends_it() -> None:
    governor = make_governor()
    for number in range(5):
        assert governor.outage_seconds(100.0) == 0
        permit = acquire(governor, 10.0 + number)
        governor.failed(permit, 30.0, f"failure {number}", is_timeout=False)
    assert governor.outage_seconds(100.0) == 90.0
    assert governor.last_failure == "failure 4"
    answer_next(governor, 100.0)
    assert governor.outage_seconds(200.0) == 0


def test_a_server_out_of_service_is_an_outage_and_a_throttling_server_is_not() -> None:
    for is_outage in (False, True):
        governor, now = make_governor(), 0.0
        for _ in range(6):
            now, permit = next_permit(governor, now)
            governor.throttled(permit, now, 10.0, "HTTP 503", is_outage=is_outage)
        assert (governor.outage_seconds(now + 100) > 0) is is_outage


def test_throttled_requests_from_before_the_end_of_a_pause_do_not_lower_the_rate() -> None:
    governor = make_governor(max_pause=inf)
    late = fill(governor, 10)
    governor.throttled(late.pop(), 0.0, 1.0, "HTTP 429", is_outage=False)
    now = answer_next(governor, 0.0)
    rate = governor.settled_rate
    for permit in late:
        governor.throttled(permit, now + 0.1, None, "HTTP 429", is_outage=False)
    assert governor.settled_rate == rate
    assert not next_permit(governor, now + 3.0)[1].is_probe
    assert governor.pauses.by_reason.total() == 1


def test_an_empty_retry_budget_opens_the_breaker_until_the_server_answers() -> None:
    governor = make_governor()
    for _ in range(FULL // AFTER_FAILURE):
        governor.spend_retry(AFTER_FAILURE, 0.0)
    assert not acquire(governor, 0.0).is_probe
    governor.spend_retry(AFTER_FAILURE, 0.0)
    governor.spend_retry(AFTER_FAILURE, 0.5)
    now, probe = next_permit(governor, 0.0)
    assert (now, probe.is_probe) == (1.0, True)
    governor.answered(probe, now, is_success=True)
    assert not acquire(governor, now).is_probe


# Reasons of waits.


def test_the_users_concurrency_is_never_exceeded() -> None:
    governor = make_governor(concurrency=3)
    for _ in range(10):
        answer_all_in_flight(governor, 0.0)
    in_flight = [acquire(governor, 0.0) for _ in range(3)]
    assert governor.try_acquire(1e6) == Wait(inf, WaitReason.LATENCY)
    governor.abandoned(in_flight.pop(), 0.0)
    acquire(governor, 0.0)


def test_a_timeout_reduces_the_concurrency_and_counts_as_a_wait_for_the_server() -> None:
    governor = make_governor()
    in_flight = [acquire(governor, 0.0) for _ in range(4)]
    assert governor.try_acquire(0.0) == Wait(inf, WaitReason.LATENCY)
    governor.failed(in_flight.pop(), 1.0, "no reply in time", is_timeout=True)
    assert governor.try_acquire(1.0) == Wait(inf, WaitReason.SERVER)


def test_waits_for_the_rate_ceiling_and_for_the_server_are_distinguished() -> None:
    governor = make_governor(rate=1)
    acquire(governor, 0.0)
    granted = governor.try_acquire(0.0)
    assert isinstance(granted, Wait)
    assert granted.reason is WaitReason.OWN_RATE
    assert granted.seconds == pytest.approx(1.05 - TOLERANCE)
    governor = make_governor()
    throttle_next(governor, 0.0, 5.0)
    assert governor.try_acquire(0.0)[1] is WaitReason.SERVER


def test_a_rate_is_settled_only_after_more_throttling_than_noise_explains() -> None:
    governor, now, behind = make_governor(), 0.0, []
    for _ in range(40):
        now = answer_next(governor, now + 0.02)
    for _ in range(4):
        now, permit = next_permit(governor, now + 0.02)
        behind.append(permit)
    assert governor.settled_rate is None
    governor.throttled(behind.pop(0), now, None, "HTTP 429", is_outage=False)
    assert governor.settled_rate is None
    for permit in behind:
        governor.throttled(permit, now, None, "HTTP 429", is_outage=False)
    answer_next(governor, now)
    assert governor.settled_rate is not None
    assert 20 < governor.settled_rate < 60


def test_the_repr_shows_the_requests_in_flight_and_the_limits() -> None:
    governor = make_governor()
    fill(governor, 2)
    assert repr(governor).startswith("<Governor 2 in flight, <CircuitBreaker closed>, <AdaptiveRate ")


class GovernorMachine(RuleBasedStateMachine):
    """Requests begin and end in any way and order, at any time; some permits are only requested."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.in_flight: list[Permit] = []
        self.paused_until = 0.0
        self.exhausted_until = 0.0

    @initialize(rate=st.sampled_from([0.0, 2.0, 50.0]), concurrency=st.integers(1, 30), seed=seeds)
    def begin(self, rate: float, concurrency: int, seed: int) -> None:
        self.concurrency = concurrency
        self.governor = make_governor(rate=rate, concurrency=concurrency, seed=seed)

    @rule(seconds=st.floats(0, 3) | st.floats(0, 200))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(times=st.integers(1, 8))
    def start(self, times: int) -> None:
        for _ in range(times):
            granted = self.governor.try_acquire(self.now)
            if isinstance(granted, Wait):
                assert granted.seconds > 0
                assert granted.seconds < inf or self.in_flight
                return
            assert not any(permit.is_probe for permit in self.in_flight)
            assert self.now >= max(self.paused_until, self.exhausted_until)
            assert granted.at == self.now
            self.in_flight.append(granted)

    @precondition(lambda self: self.in_flight)
    @rule(
        data=st.data(),
        is_success=st.booleans(),
        allowance=st.none() | st.builds(Allowance, st.integers(0, 20), st.floats(0, 100)),
    )
    def be_answered(self, data: st.DataObject, is_success: bool, allowance: Allowance | None) -> None:
        permit = self._remove_any(data)
        if allowance is not None and allowance.remaining == 0:
            self.exhausted_until = max(self.exhausted_until, self.now + allowance.seconds)
        self.governor.answered(permit, self.now, is_success=is_success, allowance=allowance)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), wait=st.none() | st.floats(0, 60), is_outage=st.booleans())
    def be_throttled(self, data: st.DataObject, wait: float | None, is_outage: bool) -> None:
        permit = self._remove_any(data)
        self.paused_until = max(self.paused_until, self.now + (wait or 0.0))
        try:
            self.governor.throttled(permit, self.now, wait, "HTTP 429", is_outage=is_outage)
        except TooManyPauses:
            assert self.governor.pauses.seconds(inf) > self.now / 2
            self.in_flight.clear()
            self.paused_until = self.exhausted_until = 0.0
            self.begin(0.0, self.concurrency, 0)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), is_timeout=st.booleans())
    def fail(self, data: st.DataObject, is_timeout: bool) -> None:
        self.governor.failed(self._remove_any(data), self.now, "HTTP 500", is_timeout=is_timeout)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def be_abandoned(self, data: st.DataObject) -> None:
        self.governor.abandoned(self._remove_any(data), self.now)

    @rule(cost=st.integers(0, 100), times=st.integers(1, 10))
    def spend_retry(self, cost: int, times: int) -> None:
        for _ in range(times):
            self.governor.spend_retry(cost, self.now)

    @rule(tokens=st.integers(0, 100))
    def deposit(self, tokens: int) -> None:
        self.governor.retry_budget.deposit(tokens)

    def _remove_any(self, data: st.DataObject) -> Permit:
        return self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    @invariant()
    def requests_in_flight_have_a_permit_and_have_not_ended(self) -> None:
        assert 0 <= self.governor.in_flight == len(self.in_flight) <= self.concurrency

    @invariant()
    def the_retry_budget_is_never_negative(self) -> None:
        assert 0 <= self.governor.retry_budget.tokens <= FULL

    @invariant()
    def a_permit_becomes_free_eventually(self) -> None:
        if not self.in_flight:
            next_permit(deepcopy(self.governor), self.now)


class LongGovernorMachine(GovernorMachine):
    """The same state machine, for `make soak`."""


GovernorMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=60)
LongGovernorMachine.TestCase.settings = settings(max_examples=2000, stateful_step_count=60)
TestGovernorMachine = GovernorMachine.TestCase
TestLongGovernorMachine = pytest.mark.soak(LongGovernorMachine.TestCase)
