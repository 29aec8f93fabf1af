"""The benchmark's server with a limit: its algorithms, headers and log."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from fractions import Fraction
from itertools import accumulate

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.limit_server import FORMS, serving
from bench.limits import ALGORITHMS, Bucket, Fixed, Limit, Segment, Sliding, Verdict, limit_at, schedule
from collector.governor.rate_limit_headers import retry_after

TICK = 1 / 64  # a power of two, so that sums are exact

Decisions = list[tuple[float, bool]]

times = st.lists(st.integers(0, 100), min_size=1, max_size=150).map(
    lambda pauses: [TICK * ticks for ticks in accumulate(pauses)]
)
limits = st.integers(1, 12)


def decisions_of(limit: Limit, times: list[float], per_second: int) -> Decisions:
    return [(now, limit.check(now, per_second).allowed) for now in times]


def most_in_a_second(times: list[float]) -> int:
    return max((sum(begin <= now < begin + 1 for now in times) for begin in times), default=0)


def allowed_of(verdicts: Decisions) -> list[float]:
    return [now for now, allowed in verdicts if allowed]


@given(times, limits)
def test_sliding_allows_the_limit_in_any_second_and_throttles_only_beyond_it(times: list[float], limit: int) -> None:
    verdicts = decisions_of(Sliding(), times, limit)
    assert most_in_a_second(allowed_of(verdicts)) <= limit
    for number, (now, is_allowed) in enumerate(verdicts):
        before = [at for at, allowed in verdicts[:number] if allowed and at > now - 1]
        assert is_allowed == (len(before) < limit)


@given(times, limits)
def test_strict_also_counts_throttled_requests(times: list[float], limit: int) -> None:
    for number, (now, is_allowed) in enumerate(decisions_of(ALGORITHMS["strict"](), times, limit)):
        before = [at for at in times[:number] if at > now - 1]
        assert is_allowed == (len(before) < limit)


@given(times, limits)
def test_a_bucket_allows_its_burst_and_then_the_rate(times: list[float], limit: int) -> None:
    allowed = allowed_of(decisions_of(Bucket(), times, limit))
    for first, begin in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= limit + Fraction(allowed[last] - begin) * limit


@given(times, limits)
def test_fixed_allows_the_limit_in_each_second_of_the_clock(times: list[float], limit: int) -> None:
    verdicts = decisions_of(Fixed(), times, limit)
    for second in {int(now) for now in times}:
        fetch = [allowed for now, allowed in verdicts if int(now) == second]
        assert fetch == [number < limit for number in range(len(fetch))]


@pytest.mark.parametrize("name", ALGORITHMS)
@given(times=times, before=limits, after=limits)
def test_a_request_after_the_stated_wait_is_allowed(name: str, times: list[float], before: int, after: int) -> None:
    """This holds even if the limit has just changed."""
    limit = ALGORITHMS[name]()
    for now in times:
        limit.check(now, before)
    verdict = limit.check(times[-1], after)
    assert 0 <= verdict.wait <= verdict.reset <= 1 + 1e-9
    assert (verdict.remaining > 0) == (verdict.wait == 0)
    assert limit.check(times[-1] + verdict.wait + 1e-6, after).allowed


@pytest.mark.parametrize("name", ALGORITHMS)
@given(per_second=st.integers(1, 60))
def test_a_steady_client_just_below_the_limit_is_never_throttled(name: str, per_second: int) -> None:
    times = [number * 1.001 / per_second for number in range(per_second * 5)]
    assert all(allowed for _, allowed in decisions_of(ALGORITHMS[name](), times, per_second))


@pytest.mark.parametrize("name", ["sliding", "bucket", "fixed"])
def test_a_flood_gets_what_the_limit_allows(name: str) -> None:
    allowed = allowed_of(decisions_of(ALGORITHMS[name](), [TICK * tick for tick in range(64 * 10)], 50))
    assert 500 <= len(allowed) <= 550


def test_a_flood_is_allowed_only_once_if_throttled_requests_count() -> None:
    allowed = allowed_of(decisions_of(ALGORITHMS["strict"](), [TICK * tick for tick in range(64 * 10)], 50))
    assert allowed == [TICK * tick for tick in range(50)]


def test_a_schedule_steps_at_its_times_and_keeps_its_last_limit() -> None:
    segments = schedule([50, 5, 50], [90, 120, 120])
    assert segments == (Segment(0, 90, 50), Segment(90, 210, 5), Segment(210, 330, 50))
    assert [limit_at(segments, at) for at in (0, 89.9, 90, 209.9, 210, 1000)] == [50, 50, 5, 5, 50, 50]
    with pytest.raises(ValueError, match="longer"):
        schedule([50, 5], [90])


def headers(form: str, verdict: Verdict) -> dict[str, str]:
    """Return the headers at a limit of 5, half a second after a whole one."""
    return dict(line.split(": ", 1) for line in FORMS[form](verdict, 5, 1_000_000_000.5))


THROTTLED = Verdict(allowed=False, wait=0.1234, remaining=0, reset=0.75)
ALLOWED = Verdict(allowed=True, wait=0.0, remaining=3, reset=0.25)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("integer", {"Retry-After": "1"}),
        ("decimal", {"Retry-After": "0.124"}),
        ("date", {"Retry-After": "Sun, 09 Sep 2001 01:46:41 GMT"}),
        ("absent", {}),
        ("ratelimit", {"RateLimit-Policy": '"default";q=5;w=1', "RateLimit": '"default";r=0;t=1'}),
        ("x", {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000002"}),
    ],
)
def test_a_throttled_reply_states_the_wait_in_each_form(form: str, expected: dict[str, str]) -> None:
    assert headers(form, THROTTLED) == expected


@pytest.mark.parametrize("form", FORMS)
def test_only_forms_for_every_reply_add_headers_to_an_allowed_one(form: str) -> None:
    assert bool(headers(form, ALLOWED)) == (form in {"ratelimit", "x"})


@pytest.mark.parametrize("form", ["integer", "decimal", "date"])
@given(wait=st.floats(1e-6, 1))
def test_a_retry_after_is_never_too_short(form: str, wait: float) -> None:
    expected = {**headers(form, THROTTLED._replace(wait=wait)), "Date": "Sun, 09 Sep 2001 01:46:40 GMT"}
    assert (retry_after(expected, 0) or 0) >= wait


async def fetch(url: str, *ids: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Send one request after the other on one connection, and return the replies."""
    async with aiohttp.ClientSession() as session:
        replies = []
        for arrival in ids:
            async with session.get(f"{url}/api/connections/{arrival}") as reply:
                replies.append((reply.status, dict(reply.headers), await reply.read()))
        return replies


async def test_the_server_logs_allowed_and_throttled_requests() -> None:
    async with serving(schedule([2], [60]), Sliding(), form="date", latency=0.001) as server:
        (_, _, body), second, third = await fetch(server.url, "id-1", "id-2", "id-3")
    assert json.loads(body)["data"]["id"] == "id-1"
    assert (second[0], third[0]) == (200, 429)
    wait = parsedate_to_datetime(third[1]["Retry-After"]) - parsedate_to_datetime(third[1]["Date"])
    assert 1 <= wait.total_seconds() <= 2
    assert [arrival.allowed for arrival in server.arrivals] == [True, True, False]
    assert server.arrivals[0].at == 0
    assert len(server.replied) == 3


async def test_a_reply_is_sent_after_the_latency() -> None:
    async with serving(schedule([100], [60]), Sliding(), form="absent", latency=0.05, jitter=0.2) as server:
        await fetch(server.url, *map(str, range(10)))
    latencies = [sent - arrival.at for arrival, sent in zip(server.arrivals, server.replied, strict=True)]
    assert min(latencies) >= 0.04
    assert max(latencies) - min(latencies) > 0.001  # the latency varies


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
async def test_the_limit_steps_with_the_time_since_the_first_request(algorithm: Callable[[], Limit]) -> None:
    async with serving(schedule([1_000, 1], [0.2, 60]), algorithm(), form="absent", latency=0.01) as server:
        statuses = [status for status, _, _ in await fetch(server.url, *map(str, range(40)))]
    early = [status for status, arrival in zip(statuses, server.arrivals, strict=True) if arrival.at < 0.2]
    assert len(early) > 1  # a limit of one request/s would allow only the first
    assert set(early) == {200}
    assert 429 in statuses


async def test_another_path_is_not_found_and_not_logged() -> None:
    async with (
        serving(schedule([2], [60]), Sliding(), form="absent", latency=0.001) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/api/me") as reply,
    ):
        assert reply.status == 404
    assert not server.arrivals
