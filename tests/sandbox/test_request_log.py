"""The log of received requests, and its counts."""

from __future__ import annotations

import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.endpoints import Endpoint
from collector.sandbox.request_log import UNANSWERED, OpenRequest, PerId, RequestLog, Target


class Clock:
    """A clock that only the test advances. It does not start at zero."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


ME = Target(Endpoint.ME)
targets = st.builds(Target, st.sampled_from(Endpoint), st.none() | st.integers(0, 2_000), st.integers(0, 999))


@given(st.lists(st.integers(0, 8)))
def test_the_peak_is_the_maximum_of_arrivals_in_any_half_open_second(quarters: list[int]) -> None:
    clock, arrivals = Clock(), []
    log = RequestLog(clock)
    for quarter in quarters:
        clock.now += quarter / 4
        arrivals.append(clock.now)
        log.begin(ME)
    windows = [sum(start <= arrival < start + 1 for arrival in arrivals) for start in arrivals]
    assert log.summary().peak_per_second == max(windows, default=0)


@given(st.lists(st.tuples(targets, st.integers(300, 599))))
def test_the_log_returns_all_requests_in_order(requests: list[tuple[Target, int]]) -> None:
    clock = Clock()
    log = RequestLog(clock)
    for target, status in requests:
        clock.now += 0.5
        log.end(log.begin(target), status)
    entries = list(log.entries())
    assert [(entry.target, entry.status) for entry in entries] == requests
    assert [entry.arrival for entry in entries] == [0.5 * (number + 1) for number in range(len(requests))]


@given(st.lists(st.tuples(targets, st.sampled_from([UNANSWERED, 200, 404, 429]))))
def test_statuses_and_endpoints_each_sum_to_the_total(requests: list[tuple[Target, int]]) -> None:
    log = RequestLog(Clock())
    for target, status in requests:
        log.end(log.begin(target), status)
    summary = log.summary()
    assert summary.total == len(requests)
    assert summary.by_status == Counter(status for _, status in requests)
    assert summary.by_endpoint == Counter(target.endpoint.template for target, _ in requests)
    assert summary.by_organization == Counter(target.organization + 1 for target, _ in requests)


@given(st.lists(st.integers(0, 50)))
def test_requests_are_counted_per_id(indexes: list[int]) -> None:
    log = RequestLog(Clock())
    for index in indexes:
        log.begin(Target(Endpoint.CONNECTION, index))
    log.begin(Target(Endpoint.CONNECTION))
    log.begin(Target(Endpoint.TYPE, 3))
    counts = Counter(indexes)
    assert log.summary().per_id == PerId(ids=len(counts), max=max(counts.values(), default=0))


def test_the_same_index_in_two_organizations_is_two_connections() -> None:
    log = RequestLog(Clock())
    for organization in (0, 1, 1, 2):
        log.begin(Target(Endpoint.CONNECTION, 7, organization))
    assert log.summary().per_id == PerId(ids=3, max=2)


@given(st.lists(st.booleans()))
def test_the_peak_in_flight_is_recorded(is_begin: list[bool]) -> None:
    log, peak = RequestLog(Clock()), 0
    open_requests: list[OpenRequest] = []
    for begins in is_begin:
        if begins:
            open_requests.append(log.begin(ME))
        elif open_requests:
            log.end(open_requests.pop(0), 200)
        peak = max(peak, len(open_requests))
    assert log.summary().peak_in_flight == peak
    assert f"{len(open_requests)} in flight" in repr(log)


def test_a_request_in_progress_counts_as_unanswered() -> None:
    log = RequestLog(Clock())
    open_request = log.begin(ME)
    assert log.summary().by_status == {UNANSWERED: 1}
    log.end(open_request, 200)
    assert log.summary().by_status == {200: 1}


def test_clearing_keeps_the_requests_in_progress_and_the_start_time() -> None:
    clock = Clock()
    log = RequestLog(clock)
    in_progress = log.begin(Target(Endpoint.CONNECTION, 9))
    log.clear()
    clock.now += 3
    after = log.begin(ME)
    log.end(in_progress, 500)
    log.end(after, 200)
    assert [(entry.arrival, entry.status) for entry in log.entries()] == [(3.0, 200)]
    summary = log.summary()
    assert (summary.total, summary.by_status, summary.per_id) == (1, {200: 1}, PerId(0, 0))
    assert summary.peak_in_flight == 2
    assert "0 in flight" in repr(log)


def test_entries_are_those_that_existed_at_the_call() -> None:
    log = RequestLog(Clock())
    log.begin(ME)
    entries = log.entries()
    log.clear()
    log.begin(ME)
    log.begin(ME)
    assert len(list(entries)) == 1


def test_a_request_takes_fewer_than_32_bytes() -> None:
    log, requests = RequestLog(Clock()), 20_000
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for index in range(requests):
        log.end(log.begin(Target(Endpoint.CONNECTION, index)), 200)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 32 * requests
