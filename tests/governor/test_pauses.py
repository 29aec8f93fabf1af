"""How long everybody waits, and how much of that a run bears."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.events import TooManyPauses
from collector.governor.pauses import Pauses


def pauses(longest: float = 900.0, seed: int = 0) -> Pauses:
    return Pauses(longest, 0.0, Random(seed))


@given(st.floats(0.001, 900), st.integers())
def test_a_pause_is_never_shorter_than_the_server_asks_and_little_longer(wait: float, seed: int) -> None:
    seconds = pauses(seed=seed).begin(0.0, wait, "HTTP 429", throttled_probes=0)
    assert wait <= seconds <= wait + min(5.0, wait / 10)


@given(st.one_of(st.none(), st.just(0.0), st.floats(0.001, 900)), st.integers(0, 2000), st.integers())
def test_each_refusal_of_a_request_that_tried_doubles_an_own_pause_to_a_minute(
    wait: float | None, throttled_probes: int, seed: int
) -> None:
    seconds = pauses(seed=seed).begin(0.0, wait, "HTTP 429", throttled_probes=throttled_probes)
    backoff = min(60.0, 2.0 ** min(throttled_probes - bool(wait), 10))
    assert max(wait or 0.0, 0.0 if throttled_probes < bool(wait) else backoff / 2) <= seconds
    assert seconds <= max((wait or 0.0) + 5.0, backoff)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 100), st.sampled_from("ab")), max_size=8))
def test_paused_time_is_the_time_in_which_a_pause_ran_and_one_that_prolongs_another_is_none_of_its_own(
    begun: list[tuple[float, float, str]],
) -> None:
    counted = pauses()
    now, end, planned, count = 0.0, 0.0, 0.0, 0
    for after, wait, reason in begun:
        now += after
        count += now >= end
        until = now + counted.begin(now, wait, reason, throttled_probes=0)
        planned += max(0.0, until - max(now, end))
        end = max(end, until)
    assert counted.seconds(inf) == pytest.approx(planned)
    assert counted.by_reason.total() == count
    assert all(counted.by_reason.values())


def test_of_a_pause_only_what_has_passed_is_counted() -> None:
    counted = pauses()
    seconds = counted.begin(0.0, 800.0, "HTTP 429", throttled_probes=0)
    assert counted.seconds(2.0) == pytest.approx(2.0)
    assert counted.seconds(900.0) == pytest.approx(seconds)


def test_half_an_hour_of_pauses_ends_a_run_unless_it_makes_its_way() -> None:
    counted, now = pauses(), 0.0
    for _ in range(100):
        now += 400.0 + counted.begin(now, 300.0, "HTTP 429", throttled_probes=0)

    def only_pauses(now: float) -> None:
        for _ in range(300):
            now += counted.begin(now, 300.0, "HTTP 429", throttled_probes=0)

    with pytest.raises(TooManyPauses):
        only_pauses(now)
