"""Faults that depend on earlier requests."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.endpoints import Endpoint
from collector.sandbox.fault_items import Decision, FaultKind
from collector.sandbox.fault_schedule import FaultSchedule
from collector.sandbox.faults import Faults
from tests.sandbox.client import Subject
from tests.sandbox.test_request_log import Clock

ME = Subject(Endpoint.ME)
THROTTLED = Decision(FaultKind.STATUS, status=429, retry_after="1")


def _schedule(text: str, clock: Clock | None = None) -> FaultSchedule:
    return FaultSchedule(Faults.parse(text), Random(3), clock or Clock())


@given(st.integers(1, 9), st.lists(st.integers(0, 8), max_size=60))
def test_a_rate_limit_allows_its_replies_in_any_second_and_no_fewer(limit: int, pauses: list[int]) -> None:
    clock = Clock()
    schedule = _schedule(f"rate-limit={limit}", clock)
    replies: list[float] = []
    for pause in pauses:
        clock.now += pause / 8
        in_window = sum(clock.now - reply < 1 for reply in replies)
        decision = schedule.draw(ME)
        assert decision == (THROTTLED if in_window >= limit else None)
        if decision is None:
            replies.append(clock.now)


def test_each_rate_limit_counts_the_requests_it_selects() -> None:
    schedule = _schedule("rate-limit@organization-2=1,rate-limit@organization-3=2")
    drawn = [schedule.draw(Subject(Endpoint.ME, organization)) for organization in (1, 1, 2, 2, 3, 3, 3, 1)]
    assert [decision is None for decision in drawn] == [True, True, True, False, True, True, False, True]


def test_a_throttled_request_counts_toward_no_limit() -> None:
    schedule = _schedule("rate-limit@me=1,rate-limit=2")
    subjects = [ME, ME, ME, Subject(Endpoint.USERS), Subject(Endpoint.USERS)]
    assert [schedule.draw(subject) is None for subject in subjects] == [True, False, False, True, False]


@given(st.integers(1, 9))
def test_a_fault_with_a_number_of_times_ends_after_them(times: int) -> None:
    schedule = _schedule(f"500@me=1:times={times},503=1")
    statuses = [decision.status for decision in (schedule.draw(ME) for _ in range(times + 3)) if decision]
    assert statuses == [500] * times + [503] * 3
    assert schedule.draw(Subject(Endpoint.USERS)) == Decision(FaultKind.STATUS, status=503)


@given(st.integers())
def test_without_such_faults_the_draw_is_that_of_the_faults(seed: int) -> None:
    faults = Faults.parse("500=0.3,hang=0.2,latency=uniform:1ms:2ms")
    schedule, rng = FaultSchedule(faults, Random(seed), Clock()), Random(seed)
    assert [schedule.draw(ME) for _ in range(20)] == [faults.draw(rng) for _ in range(20)]
