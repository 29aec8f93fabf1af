"""The lengths of pauses, and the limits that end a run."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.events import TooManyPauses
from collector.governor.pauses import Pauses


def pauses(max_pause: float = 900.0, seed: int = 0) -> Pauses:
    return Pauses(max_pause, 0.0, Random(seed))


@given(st.floats(0.001, 900), st.integers())
def test_a_pause_is_never_shorter_and_slightly_longer_than_requested(wait: float, seed: int) -> None:
    seconds = pauses(seed=seed).begin(0.0, wait, "HTTP 429", throttled_probes=0)
    assert wait <= seconds <= wait + min(5.0, wait / 10)


@given(st.one_of(st.none(), st.just(0.0), st.floats(0.001, 900)), st.integers(0, 2000), st.integers())
def test_each_throttled_probe_doubles_the_backoff_up_to_a_minute(
    wait: float | None, throttled_probes: int, seed: int
) -> None:
    seconds = pauses(seed=seed).begin(0.0, wait, "HTTP 429", throttled_probes=throttled_probes)
    backoff = min(60.0, 2.0 ** min(throttled_probes - bool(wait), 10))
    assert max(wait or 0.0, 0.0 if throttled_probes < bool(wait) else backoff / 2) <= seconds
    assert seconds <= max((wait or 0.0) + 5.0, backoff)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 100), st.sampled_from("ab")), max_size=8))
def test_overlapping_pauses_are_counted_once_in_time_and_number(
    events: list[tuple[float, float, str]],
) -> None:
    history = pauses()
    now, end, planned, count = 0.0, 0.0, 0.0, 0
    for after, wait, reason in events:
        now += after
        count += now >= end
        until = now + history.begin(now, wait, reason, throttled_probes=0)
        planned += max(0.0, until - max(now, end))
        end = max(end, until)
    assert history.seconds(inf) == pytest.approx(planned)
    assert history.by_reason.total() == count
    assert all(history.by_reason.values())


def test_only_the_elapsed_part_of_a_pause_is_counted() -> None:
    history = pauses()
    seconds = history.begin(0.0, 800.0, "HTTP 429", throttled_probes=0)
    assert history.seconds(2.0) == pytest.approx(2.0)
    assert history.seconds(900.0) == pytest.approx(seconds)


def test_half_an_hour_of_pauses_ends_a_run_only_if_they_are_most_of_its_time() -> None:
    history, now = pauses(), 0.0
    for _ in range(100):
        now += 400.0 + history.begin(now, 300.0, "HTTP 429", throttled_probes=0)

    def only_pauses(now: float) -> None:
        for _ in range(300):
            now += history.begin(now, 300.0, "HTTP 429", throttled_probes=0)

    with pytest.raises(TooManyPauses):
        only_pauses(now)
