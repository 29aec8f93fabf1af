"""What the server saw, counted."""

from __future__ import annotations

import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.request_log import UNANSWERED, Endpoint, PerId, RequestLog, Target, Visit


class Clock:
    """A clock that stands until it is moved. It does not start at zero."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


ME = Target(Endpoint.ME)
targets = st.builds(Target, st.sampled_from(Endpoint), st.none() | st.integers(0, 2_000))


@given(st.lists(st.integers(0, 8)))
def test_the_busiest_second_is_the_most_arrivals_in_any_half_open_second(quarters: list[int]) -> None:
    clock, arrivals = Clock(), []
    log = RequestLog(clock)
    for quarter in quarters:
        clock.now += quarter / 4
        arrivals.append(clock.now)
        log.arrive(ME)
    windows = [sum(start <= arrival < start + 1 for arrival in arrivals) for start in arrivals]
    assert log.summary().peak_per_second == max(windows, default=0)


@given(st.lists(st.tuples(targets, st.integers(300, 599))))
def test_the_log_gives_back_what_happened_in_order(happened: list[tuple[Target, int]]) -> None:
    clock = Clock()
    log = RequestLog(clock)
    for target, status in happened:
        clock.now += 0.5
        log.leave(log.arrive(target), status)
    entries = list(log.entries())
    assert [(entry.target, entry.status) for entry in entries] == happened
    assert [entry.t for entry in entries] == [0.5 * (number + 1) for number in range(len(happened))]


@given(st.lists(st.tuples(targets, st.sampled_from([UNANSWERED, 200, 404, 429]))))
def test_statuses_and_endpoints_each_sum_to_the_total(happened: list[tuple[Target, int]]) -> None:
    log = RequestLog(Clock())
    for target, status in happened:
        log.leave(log.arrive(target), status)
    summary = log.summary()
    assert summary.total == len(happened)
    assert summary.by_status == Counter(status for _, status in happened)
    assert summary.by_endpoint == Counter(target.endpoint.template for target, _ in happened)


@given(st.lists(st.integers(0, 50)))
def test_requests_are_counted_for_each_id(indexes: list[int]) -> None:
    log = RequestLog(Clock())
    for index in indexes:
        log.arrive(Target(Endpoint.CONNECTION, index))
    log.arrive(Target(Endpoint.CONNECTION))
    log.arrive(Target(Endpoint.TYPE, 3))
    counts = Counter(indexes)
    assert log.summary().per_id == PerId(ids=len(counts), max=max(counts.values(), default=0))


@given(st.lists(st.booleans()))
def test_the_most_in_flight_is_remembered(arriving: list[bool]) -> None:
    log, peak = RequestLog(Clock()), 0
    visits: list[Visit] = []
    for arrives in arriving:
        if arrives:
            visits.append(log.arrive(ME))
        elif visits:
            log.leave(visits.pop(0), 200)
        peak = max(peak, len(visits))
    assert log.summary().peak_in_flight == peak
    assert f"{len(visits)} in flight" in repr(log)


def test_a_request_under_way_counts_as_unanswered() -> None:
    log = RequestLog(Clock())
    visit = log.arrive(ME)
    assert log.summary().by_status == {UNANSWERED: 1}
    log.leave(visit, 200)
    assert log.summary().by_status == {200: 1}


def test_clearing_forgets_requests_but_not_those_under_way_nor_the_start() -> None:
    clock = Clock()
    log = RequestLog(clock)
    under_way = log.arrive(Target(Endpoint.CONNECTION, 9))
    log.clear()
    clock.now += 3
    after = log.arrive(ME)
    log.leave(under_way, 500)
    log.leave(after, 200)
    assert [(entry.t, entry.status) for entry in log.entries()] == [(3.0, 200)]
    summary = log.summary()
    assert (summary.total, summary.by_status, summary.per_id) == (1, {200: 1}, PerId(0, 0))
    assert summary.peak_in_flight == 2
    assert "0 in flight" in repr(log)


def test_entries_are_those_of_the_time_of_the_call() -> None:
    log = RequestLog(Clock())
    log.arrive(ME)
    entries = log.entries()
    log.clear()
    log.arrive(ME)
    log.arrive(ME)
    assert len(list(entries)) == 1


def test_a_request_takes_a_few_bytes() -> None:
    log, requests = RequestLog(Clock()), 20_000
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for index in range(requests):
        log.leave(log.arrive(Target(Endpoint.CONNECTION, index)), 200)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 32 * requests
