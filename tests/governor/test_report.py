"""What a run's speed was limited by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.report import throughput_of
from collector.model.throughput import Throughput, WaitReason
from tests.support.governor_harness import governor


def test_shares_are_of_the_runs_time_and_what_is_not_waiting_is_latency() -> None:
    pace = throughput_of(governor(), {WaitReason.SERVER: 5.0, WaitReason.OWN_RATE: 3.0}, 10.0, 10.0)
    assert pace.limited_by == {
        WaitReason.SERVER: pytest.approx(0.5),
        WaitReason.OWN_RATE: pytest.approx(0.3),
        WaitReason.LATENCY: pytest.approx(0.2),
    }


def test_a_run_that_took_no_time_was_limited_by_nothing() -> None:
    assert throughput_of(governor(), {}, 0.0, 0.0) == Throughput()


@given(*[st.floats(0, 1e6)] * 4)
def test_shares_sum_to_one(server: float, own: float, latency: float, seconds: float) -> None:
    wait_seconds = {WaitReason.SERVER: server, WaitReason.OWN_RATE: own, WaitReason.LATENCY: latency}
    shares = throughput_of(governor(), wait_seconds, seconds, seconds).limited_by.values()
    assert not shares or sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)
