"""The request rate within a server's stated quota."""

from __future__ import annotations

from math import inf

import pytest

from collector.governor.rate_limit_headers import Allowance, Quota, quota
from collector.governor.stated_quota import StatedQuota

LONGEST = 900.0


def test_a_policy_states_the_rate_directly() -> None:
    rate = StatedQuota().rate(Allowance(3, 1.0), Quota(50, 1.0), 0, LONGEST)
    assert rate == (0.95 * 49, 60.0)


def test_a_constant_reset_reveals_the_window() -> None:
    stated = StatedQuota()
    for _ in range(20):
        rate, _ = stated.rate(Allowance(9, 10.0), Quota(200, None), 0, LONGEST)
    assert rate == pytest.approx(0.95 * 19.9)


def test_the_rest_of_a_fixed_window_is_spread_to_its_end() -> None:
    stated = StatedQuota()
    for seconds in range(60, 2, -1):
        rate, validity = stated.rate(Allowance(100, float(seconds)), Quota(600, None), 5, LONGEST)
    assert (rate, validity) == (95 / 3, 3.0)


def test_a_short_window_without_a_quota_and_a_distant_reset_are_unlimited() -> None:
    assert StatedQuota().rate(Allowance(9, 1.0), None, 0, LONGEST)[0] == inf
    assert StatedQuota().rate(Allowance(9, 901.0), None, 0, LONGEST)[0] == inf


def test_the_quota_is_read_from_the_policy_or_the_limit() -> None:
    assert quota({"RateLimit-Policy": '"default";q=100;w=60'}) == Quota(100, 60.0)
    assert quota({"RateLimit-Policy": '"a";q=100;w=60,"b";q=1000;w=86400'}) is None
    assert quota({"RateLimit-Policy": '"a";q=100;w=60;qu="content-bytes"'}) is None
    assert quota({"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "3"}) == Quota(50, None)
    assert quota({"X-RateLimit-Limit": "a lot", "X-RateLimit-Remaining": "3"}) is None
    assert quota({}) is None
