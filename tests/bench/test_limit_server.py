"""The server that measures how limits are followed: its algorithms, its headers, and its log."""

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

TICK = 1 / 64  # so that no sum of ticks is rounded

Judged = list[tuple[float, bool]]

moments = st.lists(st.integers(0, 100), min_size=1, max_size=150).map(
    lambda pauses: [TICK * ticks for ticks in accumulate(pauses)]
)
limits = st.integers(1, 12)


def judged(limit: Limit, moments: list[float], per_second: int) -> Judged:
    return [(now, limit.judge(now, per_second).allowed) for now in moments]


def most_in_a_second(moments: list[float]) -> int:
    return max((sum(begin <= now < begin + 1 for now in moments) for begin in moments), default=0)


def allowed_of(verdicts: Judged) -> list[float]:
    return [now for now, allowed in verdicts if allowed]


@given(moments, limits)
def test_sliding_allows_the_limit_in_any_second_and_refuses_only_beyond_it(moments: list[float], limit: int) -> None:
    verdicts = judged(Sliding(), moments, limit)
    assert most_in_a_second(allowed_of(verdicts)) <= limit
    for number, (now, is_allowed) in enumerate(verdicts):
        before = [at for at, allowed in verdicts[:number] if allowed and at > now - 1]
        assert is_allowed == (len(before) < limit)


@given(moments, limits)
def test_strict_counts_refused_requests_too(moments: list[float], limit: int) -> None:
    for number, (now, is_allowed) in enumerate(judged(ALGORITHMS["strict"](), moments, limit)):
        before = [at for at in moments[:number] if at > now - 1]
        assert is_allowed == (len(before) < limit)


@given(moments, limits)
def test_a_bucket_allows_its_burst_and_then_the_rate(moments: list[float], limit: int) -> None:
    allowed = allowed_of(judged(Bucket(), moments, limit))
    for first, begin in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= limit + Fraction(allowed[last] - begin) * limit


@given(moments, limits)
def test_fixed_allows_the_limit_in_each_second_of_the_clock(moments: list[float], limit: int) -> None:
    verdicts = judged(Fixed(), moments, limit)
    for second in {int(now) for now in moments}:
        asked = [allowed for now, allowed in verdicts if int(now) == second]
        assert asked == [number < limit for number in range(len(asked))]


@pytest.mark.parametrize("name", ALGORITHMS)
@given(moments=moments, before=limits, after=limits)
def test_who_waits_as_long_as_it_says_is_allowed(name: str, moments: list[float], before: int, after: int) -> None:
    """Even if the limit has just changed."""
    limit = ALGORITHMS[name]()
    for now in moments:
        limit.judge(now, before)
    verdict = limit.judge(moments[-1], after)
    assert 0 <= verdict.wait <= verdict.reset <= 1 + 1e-9
    assert (verdict.remaining > 0) == (verdict.wait == 0)
    assert limit.judge(moments[-1] + verdict.wait + 1e-6, after).allowed


@pytest.mark.parametrize("name", ALGORITHMS)
@given(per_second=st.integers(1, 60))
def test_a_steady_client_just_below_the_limit_is_never_refused(name: str, per_second: int) -> None:
    moments = [number * 1.001 / per_second for number in range(per_second * 5)]
    assert all(allowed for _, allowed in judged(ALGORITHMS[name](), moments, per_second))


@pytest.mark.parametrize("name", ["sliding", "bucket", "fixed"])
def test_a_flood_gets_what_the_limit_allows(name: str) -> None:
    allowed = allowed_of(judged(ALGORITHMS[name](), [TICK * tick for tick in range(64 * 10)], 50))
    assert 500 <= len(allowed) <= 550


def test_a_flood_gets_nothing_more_where_refused_requests_count() -> None:
    allowed = allowed_of(judged(ALGORITHMS["strict"](), [TICK * tick for tick in range(64 * 10)], 50))
    assert allowed == [TICK * tick for tick in range(50)]


def test_a_schedule_steps_at_its_seconds_and_stays_at_its_end() -> None:
    segments = schedule([50, 5, 50], [90, 120, 120])
    assert segments == (Segment(0, 90, 50), Segment(90, 210, 5), Segment(210, 330, 50))
    assert [limit_at(segments, at) for at in (0, 89.9, 90, 209.9, 210, 1000)] == [50, 50, 5, 5, 50, 50]
    with pytest.raises(ValueError, match="longer"):
        schedule([50, 5], [90])


def headers(form: str, verdict: Verdict) -> dict[str, str]:
    """At a limit of 5, half a second after a whole one."""
    return dict(line.split(": ", 1) for line in FORMS[form](verdict, 5, 1_000_000_000.5))


REFUSED = Verdict(allowed=False, wait=0.1234, remaining=0, reset=0.75)
ALLOWED = Verdict(allowed=True, wait=0.0, remaining=3, reset=0.25)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("integer", {"Retry-After": "1"}),
        ("decimal", {"Retry-After": "0.124"}),
        ("date", {"Retry-After": "Sun, 09 Sep 2001 01:46:41 GMT"}),
        ("absent", {}),
        ("ratelimit", {"RateLimit-Policy": '"default";q=5;w=1', "RateLimit": '"default";r=0;t=1'}),
        ("x", {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000002"}),
    ],
)
def test_a_refusal_says_when_in_each_form(form: str, said: dict[str, str]) -> None:
    assert headers(form, REFUSED) == said


@pytest.mark.parametrize("form", FORMS)
def test_only_forms_of_every_reply_say_something_with_an_allowed_one(form: str) -> None:
    assert bool(headers(form, ALLOWED)) == (form in {"ratelimit", "x"})


@pytest.mark.parametrize("form", ["integer", "decimal", "date"])
@given(wait=st.floats(1e-6, 1))
def test_a_retry_after_is_never_too_short(form: str, wait: float) -> None:
    said = {**headers(form, REFUSED._replace(wait=wait)), "Date": "Sun, 09 Sep 2001 01:46:40 GMT"}
    assert (retry_after(said, 0) or 0) >= wait


async def asked(url: str, *ids: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Replies to one request after the other on one connection."""
    async with aiohttp.ClientSession() as session:
        replies = []
        for one in ids:
            async with session.get(f"{url}/api/connections/{one}") as reply:
                replies.append((reply.status, dict(reply.headers), await reply.read()))
        return replies


async def test_the_server_answers_refuses_and_logs_both() -> None:
    async with serving(schedule([2], [60]), Sliding(), form="date", latency=0.001) as server:
        (_, _, body), second, third = await asked(server.url, "id-1", "id-2", "id-3")
    assert json.loads(body)["data"]["id"] == "id-1"
    assert (second[0], third[0]) == (200, 429)
    wait = parsedate_to_datetime(third[1]["Retry-After"]) - parsedate_to_datetime(third[1]["Date"])
    assert 1 <= wait.total_seconds() <= 2
    assert [one.allowed for one in server.arrivals] == [True, True, False]
    assert server.arrivals[0].at == 0
    assert len(server.replied) == 3


async def test_a_reply_leaves_after_the_latency() -> None:
    async with serving(schedule([100], [60]), Sliding(), form="absent", latency=0.05, jitter=0.2) as server:
        await asked(server.url, *map(str, range(10)))
    waited = [left - came.at for came, left in zip(server.arrivals, server.replied, strict=True)]
    assert min(waited) >= 0.04
    assert max(waited) - min(waited) > 0.001  # no two are alike


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
async def test_the_limit_steps_with_the_time_since_the_first_request(algorithm: Callable[[], Limit]) -> None:
    async with serving(schedule([1_000, 1], [0.2, 60]), algorithm(), form="absent", latency=0.01) as server:
        statuses = [status for status, _, _ in await asked(server.url, *map(str, range(40)))]
    early = [status for status, one in zip(statuses, server.arrivals, strict=True) if one.at < 0.2]
    assert len(early) > 1  # of which a limit of one a second would allow the first alone
    assert set(early) == {200}
    assert 429 in statuses


async def test_another_path_is_no_connection_and_no_arrival() -> None:
    async with (
        serving(schedule([2], [60]), Sliding(), form="absent", latency=0.001) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/api/me") as reply,
    ):
        assert reply.status == 404
    assert not server.arrivals
