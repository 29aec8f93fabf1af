"""Halts everything, then lets one request try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.circuit_breaker import CircuitBreaker


def failing(breaker: CircuitBreaker, times: int, now: float = 0.0) -> list[bool]:
    """So many failures of requests in flight."""
    return [breaker.failed(now, now, is_probe=False) for _ in range(times)]


def answering(breaker: CircuitBreaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.answered(now, is_probe=False)


def half_open() -> CircuitBreaker:
    """One that opened for failures at 0, with its first probe in flight."""
    breaker = CircuitBreaker()
    answering(breaker, 20)
    failing(breaker, 10)
    breaker.begin_probe()
    return breaker


def test_it_opens_when_half_of_the_last_twenty_failed() -> None:
    breaker = CircuitBreaker()
    answering(breaker, 20)
    assert failing(breaker, 10) == [False] * 9 + [True]
    assert breaker.is_open
    assert breaker.outage_wait == 1.0
    assert breaker.delay(0.0) == 1.0


def test_a_few_failures_tell_when_there_was_no_answer_for_ten_seconds() -> None:
    breaker = CircuitBreaker()
    breaker.answered(0.0, is_probe=False)
    assert [breaker.failed(now, 0.0, is_probe=False) for now in (2.0, 4.0, 6.0, 8.0, 9.9, 10.0)] == [False] * 5 + [True]


def test_fewer_than_twenty_requests_tell_nothing() -> None:
    breaker = CircuitBreaker()
    assert failing(breaker, 20) == [False] * 19 + [True]


def test_one_failure_in_three_is_no_outage() -> None:
    breaker = CircuitBreaker()
    for _ in range(100):
        answering(breaker, 2)
        assert failing(breaker, 1) == [False]


def test_a_probe_that_fails_doubles_the_wait_up_to_a_minute() -> None:
    breaker, now, waits = CircuitBreaker(), 0.0, []
    answering(breaker, 20)
    failing(breaker, 10)
    for _ in range(9):
        waits.append(breaker.delay(now))
        now += waits[-1]
        breaker.begin_probe()
        breaker.failed(now, now, is_probe=True)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_failures_of_requests_that_were_in_flight_do_not_double_the_wait() -> None:
    breaker = CircuitBreaker()
    answering(breaker, 20)
    failing(breaker, 30)
    assert breaker.delay(0.0) == 1.0
    breaker.begin_probe()
    assert failing(breaker, 30, now=1.0) == [False] * 30
    breaker.failed(1.0, 1.0, is_probe=True)
    assert breaker.delay(1.0) == 2.0


def test_a_probe_that_is_answered_closes_it_and_the_next_outage_begins_anew() -> None:
    breaker = half_open()
    breaker.failed(1.0, 1.0, is_probe=True)
    breaker.begin_probe()
    assert breaker.answered(3.0, is_probe=True)
    assert not breaker.is_open
    assert failing(breaker, 10, now=3.0) == [False] * 9 + [True]
    assert breaker.delay(3.0) == 1.0


def test_an_answer_to_a_request_that_was_in_flight_does_not_close_it() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 5.0, is_probe=False)
    assert not breaker.answered(1.0, is_probe=False)
    assert breaker.is_open


def test_of_several_pauses_the_one_that_ends_last_counts() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 10.0, is_probe=False)
    breaker.paused(1.0, 2.0, is_probe=False)
    assert breaker.delay(1.0) == 9.0
    assert breaker.outage_wait == 0


def test_a_probe_that_is_told_to_wait_is_no_outage_and_one_that_fails_after_a_pause_is() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 1.0, is_probe=False)
    breaker.begin_probe()
    breaker.paused(1.0, 3.0, is_probe=True)
    assert (breaker.delay(1.0), breaker.outage_wait, breaker.is_probing) == (3.0, 0.0, False)
    breaker.begin_probe()
    breaker.failed(4.0, 4.0, is_probe=True)
    assert (breaker.delay(4.0), breaker.outage_wait) == (1.0, 1.0)


def test_after_a_probe_without_a_verdict_another_one_tries_and_the_wait_is_not_doubled() -> None:
    breaker = half_open()
    breaker.failed(1.0, 1.0, is_probe=True)
    breaker.begin_probe()
    breaker.abandoned(3.0, is_probe=True)
    assert not breaker.is_probing
    assert breaker.is_open
    assert breaker.delay(3.0) == 2.0


def test_an_outage_lasts_from_the_first_failure_after_the_last_answer_while_it_is_waited_for() -> None:
    breaker = CircuitBreaker()
    answering(breaker, 20, now=5.0)
    for number in range(10):
        breaker.failed(14.0 + number, 10.0 + number, is_probe=False)
    assert breaker.is_open
    assert breaker.outage_seconds(100.0) == 0  # it may be the ids
    breaker.begin_probe()
    breaker.failed(50.0, 49.0, is_probe=True)
    assert breaker.outage_seconds(100.0) == 90.0
    breaker.answered(100.0, is_probe=False)
    assert breaker.outage_seconds(101.0) == 0


def test_where_nothing_was_ever_answered_five_failures_are_an_outage() -> None:
    breaker = CircuitBreaker()
    failing(breaker, 4)
    assert breaker.outage_seconds(10.0) == 0
    failing(breaker, 1)
    assert breaker.outage_seconds(10.0) == 10.0


def test_a_pause_that_a_server_out_of_service_asks_for_is_no_time_of_the_outage() -> None:
    breaker = CircuitBreaker()
    breaker.unavailable(10.0, 105.0, requested=100.0, is_probe=False)
    breaker.unavailable(10.1, 105.0, requested=0.0, is_probe=False)
    assert breaker.delay(10.1) == 105.0
    assert breaker.outage_seconds(115.0) == 5.0


def test_what_began_before_the_breaker_closed_says_nothing_new() -> None:
    breaker = half_open()
    breaker.answered(1.5, is_probe=True)
    assert not any(breaker.failed(2.0, 0.5, is_probe=False) for _ in range(30))
    assert failing(breaker, 10, now=2.0) == [False] * 9 + [True]


Event = st.sampled_from(["answered", "failed", "paused", "dropped", "tripped"])


@given(st.lists(st.tuples(Event, st.booleans(), st.floats(0, 100)), max_size=100))
def test_whatever_comes_a_probe_starts_only_in_an_open_breaker_and_waits_are_bounded(
    events: list[tuple[str, bool, float]],
) -> None:
    breaker, now = CircuitBreaker(), 0.0
    for what, later, seconds in events:
        now += seconds if later else 0.0
        is_probe = breaker.is_open and not breaker.is_probing and breaker.delay(now) == 0
        if is_probe:
            breaker.begin_probe()
        match what:
            case "answered":
                assert breaker.answered(now, is_probe=is_probe) is is_probe
            case "failed":
                breaker.failed(now, now, is_probe=is_probe)
            case "paused":
                breaker.paused(now, seconds, is_probe=is_probe)
            case "tripped":
                breaker.trip(now)
            case _:
                breaker.abandoned(now, is_probe=is_probe)
        assert 0 <= breaker.delay(now) <= 100 + 1e-9  # a sum of two floats, less one of them
        assert 0 <= breaker.outage_wait <= 60
        assert not (breaker.is_probing and is_probe and what != "tripped")
