"""Rate limit header fields in every form that servers send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf, isnan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from collector.governor.rate_limit_headers import allowance, requested_wait

NOW = 1_700_000_000.0
NAMES = [
    *("RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    *("X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Retry-After", "Date"),
]
PIECES = ['"a"', '"b"', "a", ";", "=", ",", " ", "r", "t", "w", "qu", "remaining", "reset", "-", ".", "?1", ":YQ==:"]
PIECES += ['"', "\\", "(", ")", "@1", '%"', "0", "5", "1700000030", "9" * 15, "9" * 400, "inf", "nan", "é", "\ud800"]
SPELLINGS = ["X-RateLimit", "X-Rate-Limit"]


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def lines(*fields: tuple[str, str]) -> Mapping[str, str]:
    """Return headers in aiohttp's type."""
    return CIMultiDictProxy(CIMultiDict(fields))


def counters(prefix: str, remaining: str, reset: str) -> dict[str, str]:
    return {f"{prefix}-Remaining": remaining, f"{prefix}-Reset": reset}


# Structured fields


@pytest.mark.parametrize(
    ("field", "remaining", "seconds"),
    [
        ('"default";r=50;t=30', 50, 30.0),
        ('"default";r=300000000;t=60;pk=:QXBwLTk5OQ==:', 300_000_000, 60.0),
        ('"problemPolicy";r=0;t=10', 0, 10.0),
        ('"default";r=1;t=7', 1, 7.0),
        ('"daily";r=1;t=36400', 1, 36_400.0),
        ('"permin";r=50;t=60', 50, 60.0),
        ('"sliding";q=12;r=6;t=1', 6, 1.0),
        ('  "default"; r=50; t=30  ', 50, 30.0),
        ('"default";t=30;acme-burst;r=50', 50, 30.0),
        ('"default";r=50;t=0', 50, 0.0),
        ('"de \\"fault\\"";r=50;t=30', 50, 30.0),
    ],
)
def test_a_structured_limit_states_a_count_and_a_time(field: str, remaining: int, seconds: float) -> None:
    assert allowance({"RateLimit": field}, NOW) == (remaining, seconds)


@pytest.mark.parametrize(
    ("policy", "limit", "expected"),
    [
        ('"fixedwindow";q=100;w=60', '"fixedwindow";r=99;t=50', (99, 50.0)),
        ('"fixedwindow";q=100;w=60', '"fixedwindow";r=99', (99, 60.0)),
        ('"permin";q=50;w=60,"perhr";q=1000;w=3600', '"perhr";r=7', (7, 3600.0)),
        ('"burst";q=100;w=60,"daily";q=1000;w=86400', '"burst";r=50, "daily";r=50', (50, 86_400.0)),
        ('"peruser";q=100;w=60;pk=:cHsdsRa894==:', '"peruser";r=3;pk=:cHsdsRa894==:', (3, 60.0)),
        ('"default";q=100;qu="requests";w=10', '"default";r=5', (5, 10.0)),
    ],
)
def test_a_limit_without_a_time_lasts_for_the_window_of_its_policy(
    policy: str, limit: str, expected: tuple[int, float]
) -> None:
    assert allowance({"RateLimit": limit, "RateLimit-Policy": policy}, NOW) == expected


@pytest.mark.parametrize(
    "policy", ["", '"other";q=1;w=60', '"default";q=100', '"default";w=0', '"default";w=-1', '"default";w=1.5', '"def']
)
def test_a_limit_without_a_time_or_a_window_is_ignored(policy: str) -> None:
    assert allowance({"RateLimit": '"default";r=999;pk=:dHJpYWwxMjEzMjM=:', "RateLimit-Policy": policy}, NOW) is None


def test_a_policy_alone_is_ignored() -> None:
    assert allowance({"RateLimit-Policy": '"default";q=100;w=10'}, NOW) is None


@pytest.mark.parametrize("unit", ["content-bytes", "concurrent-requests", "acme-points"])
def test_a_limit_of_another_unit_than_requests_is_ignored(unit: str) -> None:
    policy = f'"size";q=65535;qu="{unit}";w=10;pk=:sdfjLJUOUH==:,"count";q=9;w=60'
    assert allowance({"RateLimit": '"size";r=0;t=10', "RateLimit-Policy": policy}, NOW) is None
    assert allowance({"RateLimit": '"size";r=0;t=10,"count";r=8', "RateLimit-Policy": policy}, NOW) == (8, 60.0)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('"hour";r=900;t=3600, "minute";r=50;t=60', (900, 3600.0)),
        ('"minute";r=5;t=60, "hour";r=900;t=3600', (5, 60.0)),
        ('"a";r=1;t=86400, "b";r=0;t=1', (0, 1.0)),
        ('"a";r=0;t=5, "b";r=0;t=50, "c";r=0;t=20', (0, 50.0)),
        ('"a";r=1;t=0, "b";r=100;t=1', (100, 1.0)),
        ('"a";r=1;t=5, "b";r=50;t=99999999', (50, inf)),
    ],
)
def test_the_strictest_of_several_limits_counts(field: str, expected: tuple[int, float]) -> None:
    assert allowance({"RateLimit": field}, NOW) == expected


def test_the_lines_of_a_structured_field_are_one_list() -> None:
    headers = lines(
        ("RateLimit-Policy", '"sliding";q=100;w=60;burst=1000'),
        ("RateLimit-Policy", '"fixed";q=5000;w=3600;burst=0'),
        ("ratelimit", '"sliding";r=50;t=44'),
        ("ratelimit", '"fixed";r=2'),
    )
    assert allowance(headers, NOW) == (2, 3600.0)


@pytest.mark.parametrize(
    "field",
    [
        "",
        " ",
        '"default"',
        '"default";r=50',
        '"default";t=30',
        '"default";r=50;t=30,',
        '"default";r=50;t=30;',
        '"default" ;r=50;t=30',
        '"default;r=50;t=30',
        "'default';r=50;t=30",
        "default;r=50;t=30",
        "50;r=50;t=30",
        '("default");r=50;t=30',
        '"default";R=50;T=30',
        '"default";r=;t=30',
        '"default";r=-1;t=30',
        '"default";r=50;t=-30',
        '"default";r=5.5;t=30',
        '"default";r=50;t=30.0',
        '"default";r="50";t=30',
        '"default";r=?1;t=30',
        '"default";r;t=30',
        '"default";r=50;t=@30',
        '"défaut";r=50;t=30',
        '"default";r=5٣;t=30',
        '"default";r=50;t=1000000000000000',
        '"default";r=50;t=30 "other";r=1;t=1',
        '"\ud800";r=50;t=30',
        "quota;t=1",
    ],
)
def test_a_malformed_structured_limit_is_ignored(field: str) -> None:
    assert allowance({"RateLimit": field}, NOW) is None


def test_a_field_that_does_not_parse_is_ignored_entirely_and_an_invalid_item_alone() -> None:
    assert allowance({"RateLimit": '"a";r=5;t=1, "b;r=1'}, NOW) is None
    assert allowance({"RateLimit": '"a";r=5;t=1, "b";r=-1;t=9, c;r=0;t=9, "d";r=0'}, NOW) == (5, 1.0)


def test_a_malformed_policy_does_not_affect_a_limit_with_a_time() -> None:
    assert allowance({"RateLimit": '"a";r=5;t=1', "RateLimit-Policy": '"a";qu="content-bytes'}, NOW) == (5, 1.0)


@pytest.mark.parametrize(
    "field", ["limit=100, remaining=50, reset=5", "remaining=50,reset=5", "reset=5;x, remaining=50"]
)
def test_the_dictionary_of_an_older_draft_is_read(field: str) -> None:
    assert allowance({"RateLimit": field, "RateLimit-Policy": "100;w=60"}, NOW) == (50, 5.0)


@pytest.mark.parametrize(
    "field",
    ["limit=100, remaining=50", "limit=100, reset=5", "remaining=-1, reset=5", "remaining, reset", "remaining=5 "],
)
def test_a_dictionary_without_both_numbers_is_ignored(field: str) -> None:
    assert allowance({"RateLimit": field}, NOW) is None


# Counters


@pytest.mark.parametrize("limit", ["100", "100, 100;w=60", "", "100;w=1, 1000;w=60", "garbage"])
def test_the_counters_of_the_older_drafts_are_read_with_any_limit_field(limit: str) -> None:
    assert allowance({"RateLimit-Limit": limit, **counters("RateLimit", "50", "5")}, NOW) == (50, 5.0)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("30", 30.0), ("0", 0.0), (" 2.5 ", 2.5), ("2.", 2.0), ("007", 7.0), ("9999999", 9_999_999.0)],
)
def test_a_small_reset_is_seconds_from_now(spelling: str, reset: str, seconds: float) -> None:
    assert allowance(counters(spelling, "4", reset), 0.0) == (4, seconds)


@pytest.mark.parametrize("spelling", ["RateLimit", *SPELLINGS])
@pytest.mark.parametrize("reset", ["1700000030", "1700000030.0", "1700000030000"])
@pytest.mark.parametrize("clock", [NOW, NOW + 3600, NOW - 3600, 0.0])
def test_a_timestamp_counts_from_the_servers_date_not_from_the_local_clock(
    spelling: str, reset: str, clock: float
) -> None:
    assert allowance({"Date": date(NOW), **counters(spelling, "4", reset)}, clock) == (4, 30.0)


@pytest.mark.parametrize("headers", [{}, {"Date": "garbage"}, {"Date": ""}])
@pytest.mark.parametrize("reset", ["1700000030", "1700000030000"])
def test_a_timestamp_counts_from_the_local_clock_if_the_date_is_missing(headers: dict[str, str], reset: str) -> None:
    assert allowance({**headers, **counters("X-RateLimit", "4", reset)}, NOW) == (4, 30.0)


@pytest.mark.parametrize("reset", ["1699999999", "1699999999000", "1000000000", "1000000000000"])
def test_a_past_timestamp_is_zero_seconds(reset: str) -> None:
    assert allowance({"Date": date(NOW), **counters("X-RateLimit", "0", reset)}, NOW) == (0, 0.0)


@pytest.mark.parametrize("reset", ["10000000", "999999999", "9999999999", str(10**30), "9" * 400, "9" * 8000])
def test_a_reset_of_too_many_digits_is_infinite(reset: str) -> None:
    assert allowance(counters("X-RateLimit", "4", reset), NOW) == (4, inf)


@pytest.mark.parametrize(
    "garbage", ["", " ", "-1", "+5", "soon", "1e3", "1,5", "NaN", "inf", "0x10", "٣", "5 s", "5, 5"]
)
@pytest.mark.parametrize("prefix", ["RateLimit", *SPELLINGS])
def test_garbage_in_a_counter_is_ignored(prefix: str, garbage: str) -> None:
    assert allowance(counters(prefix, garbage, "30"), NOW) is None
    assert allowance(counters(prefix, "4", garbage), NOW) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_single_field_is_never_an_allowance(name: str) -> None:
    assert allowance({name: "30"}, NOW) is None


def test_without_headers_no_limit_is_stated() -> None:
    assert allowance({}, NOW) is None
    assert requested_wait({}, NOW) is None


def test_the_first_line_of_a_counter_counts() -> None:
    headers = lines(("x-ratelimit-remaining", "4"), ("X-RateLimit-Remaining", "0"), ("X-RATELIMIT-RESET", "30"))
    assert allowance(headers, NOW) == (4, 30.0)


# Precedence


def test_the_newest_usable_field_counts() -> None:
    headers = {
        "RateLimit": '"default";r=1;t=1',
        **counters("RateLimit", "2", "2"),
        **counters("X-RateLimit", "3", "3"),
        **counters("X-Rate-Limit", "4", "4"),
    }
    for expected_number in (1, 2, 3, 4):
        assert allowance(headers, NOW) == (expected_number, float(expected_number))
        broken = ("RateLimit", "RateLimit-Reset", "X-RateLimit-Remaining", "X-Rate-Limit-Reset")[expected_number - 1]
        headers[broken] = "garbage"
    assert allowance(headers, NOW) is None


# The wait that a throttled reply requests


@pytest.mark.parametrize("stated", ["3", date(NOW + 3)])
def test_retry_after_takes_precedence_over_any_limit(stated: str) -> None:
    headers = {"Retry-After": stated, "Date": date(NOW), "RateLimit": '"default";r=0;t=50'}
    assert requested_wait(headers, NOW + 3600) == 3.0


@pytest.mark.parametrize("garbage", ["", "soon", "-1"])
def test_an_exhausted_limit_counts_if_retry_after_is_invalid(garbage: str) -> None:
    assert requested_wait({"Retry-After": garbage, "RateLimit": '"default";r=0;t=50'}, NOW) == 50.0


@pytest.mark.parametrize("prefix", ["RateLimit", *SPELLINGS])
def test_an_exhausted_limit_asks_to_wait_for_its_reset(prefix: str) -> None:
    assert requested_wait(counters(prefix, "0", "30"), NOW) == 30.0
    assert requested_wait(counters(prefix, "1", "30"), NOW) is None


@pytest.mark.parametrize("prefix", ["RateLimit", *SPELLINGS])
@pytest.mark.parametrize("reset", ["30", "1700000030", "1700000030000"])
def test_a_reset_without_a_count_asks_to_wait_for_it(prefix: str, reset: str) -> None:
    assert requested_wait({f"{prefix}-Reset": reset, f"{prefix}-Limit": "100"}, NOW) == 30.0


@pytest.mark.parametrize("prefix", ["RateLimit", *SPELLINGS])
def test_a_reset_with_an_invalid_count_is_ignored(prefix: str) -> None:
    assert requested_wait(counters(prefix, "-1", "30"), NOW) is None


# Properties


TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.from_regex(r'("a";r=[0-9]{1,3}(;t=[0-9]{1,9})?(, "b";r=0;t=[0-9])?|[0-9]{1,14}(\.[0-9])?)', fullmatch=True),
)


@given(st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=6))
@example([("X-RateLimit-Remaining", "9" * 5000), ("X-RateLimit-Reset", "5")])
@example([("RateLimit", '"a";r=0;t=@999999999999999')])
def test_no_header_raises_and_every_result_is_a_count_and_a_time(fields: list[tuple[str, str]]) -> None:
    for headers in (lines(*fields), dict(fields)):
        limit, wait = allowance(headers, NOW), requested_wait(headers, NOW)
        assert limit is None or (limit.remaining >= 0 and limit.seconds >= 0 and not isnan(limit.seconds))
        assert wait is None or (wait >= 0 and not isnan(wait))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 9_999_999)), min_size=1, max_size=5))
def test_the_result_is_the_strictest_of_the_limits(limits: list[tuple[int, int]]) -> None:
    field = ", ".join(f'"{number}";r={remaining};t={seconds}' for number, (remaining, seconds) in enumerate(limits))
    found = allowance({"RateLimit": field}, NOW)
    assert found is not None
    assert found in limits
    for remaining, seconds in limits:
        if found.remaining == 0:
            assert remaining > 0 or seconds <= found.seconds
        else:
            assert remaining > 0
            assert remaining * found.seconds >= found.remaining * seconds


@given(st.integers(0, 10**15 - 1), st.integers(0, 9_999_999), st.integers(-86_400, 86_400))
def test_the_three_forms_of_a_reset_agree(remaining: int, seconds: int, clock_error: int) -> None:
    timestamp = int(NOW) + seconds
    results = [
        allowance({"Date": date(NOW), **counters("X-RateLimit", str(remaining), reset)}, NOW + clock_error)
        for reset in (str(seconds), str(timestamp), str(timestamp * 1000))
    ]
    assert results == [(remaining, seconds)] * 3
