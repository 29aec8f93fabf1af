"""The limits of a run's throughput."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.governor.report import throughput_of
from collector.model.throughput import Throughput, WaitReason
from tests.support.governor_harness import make_governor


def test_shares_are_of_the_runs_time_and_the_rest_is_latency() -> None:
    throughput = throughput_of(make_governor(), {WaitReason.SERVER: 5.0, WaitReason.OWN_RATE: 3.0}, 10.0, 10.0)
    assert throughput.limited_by == {
        WaitReason.SERVER: pytest.approx(0.5),
        WaitReason.OWN_RATE: pytest.approx(0.3),
        WaitReason.LATENCY: pytest.approx(0.2),
    }


def test_a_run_of_zero_seconds_has_no_shares() -> None:
    assert throughput_of(make_governor(), {}, 0.0, 0.0) == Throughput()


@given(*[st.floats(0, 1e6)] * 4)
def test_shares_sum_to_one(server: float, ceiling: float, latency: float, seconds: float) -> None:
    wait_seconds = {WaitReason.SERVER: server, WaitReason.OWN_RATE: ceiling, WaitReason.LATENCY: latency}
    shares = throughput_of(make_governor(), wait_seconds, seconds, seconds).limited_by.values()
    assert not shares or sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)
