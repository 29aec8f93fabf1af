"""The circuit breaker stops all requests, then lets one probe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.governor.circuit_breaker import CircuitBreaker


def fail(breaker: CircuitBreaker, times: int, now: float = 0.0) -> list[bool]:
    """Fail `times` requests in flight."""
    return [breaker.failed(now, now, is_probe=False) for _ in range(times)]


def answer(breaker: CircuitBreaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.answered(now, is_probe=False)


def half_open() -> CircuitBreaker:
    """Return a breaker that opened for failures at 0, with its first probe in flight."""
    breaker = CircuitBreaker()
    answer(breaker, 20)
    fail(breaker, 10)
    breaker.begin_probe()
    return breaker


def test_it_opens_when_half_of_the_last_twenty_requests_failed() -> None:
    breaker = CircuitBreaker()
    answer(breaker, 20)
    assert fail(breaker, 10) == [False] * 9 + [True]
    assert breaker.is_open
    assert breaker.outage_wait == 1.0
    assert breaker.delay(0.0) == 1.0


def test_five_failures_open_it_after_ten_seconds_without_a_reply() -> None:
    breaker = CircuitBreaker()
    breaker.answered(0.0, is_probe=False)
    assert [breaker.failed(now, 0.0, is_probe=False) for now in (2.0, 4.0, 6.0, 8.0, 9.9, 10.0)] == [False] * 5 + [True]


def test_it_stays_closed_until_twenty_requests_have_ended() -> None:
    breaker = CircuitBreaker()
    assert fail(breaker, 20) == [False] * 19 + [True]


def test_one_failure_in_three_is_not_an_outage() -> None:
    breaker = CircuitBreaker()
    for _ in range(100):
        answer(breaker, 2)
        assert fail(breaker, 1) == [False]


def test_a_failed_probe_doubles_the_wait_up_to_a_minute() -> None:
    breaker, now, waits = CircuitBreaker(), 0.0, []
    answer(breaker, 20)
    fail(breaker, 10)
    for _ in range(9):
        waits.append(breaker.delay(now))
        now += waits[-1]
        breaker.begin_probe()
        breaker.failed(now, now, is_probe=True)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_failures_of_requests_in_flight_do_not_double_the_wait() -> None:
    breaker = CircuitBreaker()
    answer(breaker, 20)
    fail(breaker, 30)
    assert breaker.delay(0.0) == 1.0
    breaker.begin_probe()
    assert fail(breaker, 30, now=1.0) == [False] * 30
    breaker.failed(1.0, 1.0, is_probe=True)
    assert breaker.delay(1.0) == 2.0


def test_an_answered_probe_closes_it_and_resets_the_wait() -> None:
    breaker = half_open()
    breaker.failed(1.0, 1.0, is_probe=True)
    breaker.begin_probe()
    assert breaker.answered(3.0, is_probe=True)
    assert not breaker.is_open
    assert fail(breaker, 10, now=3.0) == [False] * 9 + [True]
    assert breaker.delay(3.0) == 1.0


def test_a_reply_to_a_request_in_flight_does_not_close_it() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 5.0, is_probe=False)
    assert not breaker.answered(1.0, is_probe=False)
    assert breaker.is_open


def test_of_several_pauses_the_latest_end_counts() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 10.0, is_probe=False)
    breaker.paused(1.0, 2.0, is_probe=False)
    assert breaker.delay(1.0) == 9.0
    assert breaker.outage_wait == 0


def test_a_throttled_probe_is_not_an_outage_but_a_failed_probe_after_a_pause_is() -> None:
    breaker = CircuitBreaker()
    breaker.paused(0.0, 1.0, is_probe=False)
    breaker.begin_probe()
    breaker.paused(1.0, 3.0, is_probe=True)
    assert (breaker.delay(1.0), breaker.outage_wait, breaker.is_probing) == (3.0, 0.0, False)
    breaker.begin_probe()
    breaker.failed(4.0, 4.0, is_probe=True)
    assert (breaker.delay(4.0), breaker.outage_wait) == (1.0, 1.0)


def test_after_an_abandoned_probe_another_follows_without_doubling_the_wait() -> None:
    breaker = half_open()
    breaker.failed(1.0, 1.0, is_probe=True)
    breaker.begin_probe()
    breaker.abandoned(3.0, is_probe=True)
    assert not breaker.is_probing
    assert breaker.is_open
    assert breaker.delay(3.0) == 2.0


def test_an_outage_begins_with_the_first_failure_after_the_last_reply() -> None:
    breaker = CircuitBreaker()
    answer(breaker, 20, now=5.0)
    for number in range(10):
        breaker.failed(14.0 + number, 10.0 + number, is_probe=False)
    assert breaker.is_open
    assert breaker.outage_seconds(100.0) == 0  # broken ids may be the cause
    breaker.begin_probe()
    breaker.failed(50.0, 49.0, is_probe=True)
    assert breaker.outage_seconds(100.0) == 90.0
    breaker.answered(100.0, is_probe=False)
    assert breaker.outage_seconds(101.0) == 0


def test_five_failures_are_an_outage_before_the_first_reply() -> None:
    breaker = CircuitBreaker()
    fail(breaker, 4)
    assert breaker.outage_seconds(10.0) == 0
    fail(breaker, 1)
    assert breaker.outage_seconds(10.0) == 10.0


def test_a_pause_requested_by_a_server_out_of_service_does_not_count_towards_the_outage() -> None:
    breaker = CircuitBreaker()
    breaker.unavailable(10.0, 105.0, requested=100.0, is_probe=False)
    breaker.unavailable(10.1, 105.0, requested=0.0, is_probe=False)
    assert breaker.delay(10.1) == 105.0
    assert breaker.outage_seconds(115.0) == 5.0


def test_failures_of_requests_sent_before_the_breaker_closed_are_ignored() -> None:
    breaker = half_open()
    breaker.answered(1.5, is_probe=True)
    assert not any(breaker.failed(2.0, 0.5, is_probe=False) for _ in range(30))
    assert fail(breaker, 10, now=2.0) == [False] * 9 + [True]


Event = st.sampled_from(["answered", "failed", "paused", "abandoned", "tripped"])


@given(st.lists(st.tuples(Event, st.booleans(), st.floats(0, 100)), max_size=100))
def test_a_probe_begins_only_in_an_open_breaker_and_waits_are_bounded(
    events: list[tuple[str, bool, float]],
) -> None:
    breaker, now = CircuitBreaker(), 0.0
    for kind, later, seconds in events:
        now += seconds if later else 0.0
        is_probe = breaker.is_open and not breaker.is_probing and breaker.delay(now) == 0
        if is_probe:
            breaker.begin_probe()
        match kind:
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
        assert 0 <= breaker.delay(now) <= 100 + 1e-9  # rounding of (a + b) - a
        assert 0 <= breaker.outage_wait <= 60
        assert not (breaker.is_probing and is_probe and kind != "tripped")
