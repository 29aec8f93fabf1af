"""`Retry-After` in the forms that servers send in practice."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from collector.governor.rate_limit_headers import retry_after

NOW = 1_700_000_000.0
PIECES = ["Mon", "Tue,", "06", "Nov", "1994", "99999", "-1", "08:49:37", "25:61:61", "GMT", "+9999", "-", ":"]


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), ("2.0", 2.0), ("2.5", 2.5), ("2.", 2.0), (" 120 ", 120.0), ("0", 0.0), ("007", 7.0)],
)
def test_seconds_are_read_with_and_without_decimals(value: str, seconds: float) -> None:
    assert retry_after({"Retry-After": value}, NOW) == seconds


@pytest.mark.parametrize("clock", [NOW, NOW + 3600, NOW - 3600, 0.0, NOW + 86_400 * 365])
def test_a_date_counts_from_the_servers_date_not_from_the_local_clock(clock: float) -> None:
    headers = {"Retry-After": date(NOW + 30), "Date": date(NOW)}
    assert retry_after(headers, clock) == 30.0


@pytest.mark.parametrize("headers", [{}, {"Date": "garbage"}, {"Date": ""}])
def test_a_date_counts_from_the_local_clock_if_the_servers_is_missing(headers: dict[str, str]) -> None:
    assert retry_after({"Retry-After": date(NOW + 30), **headers}, NOW) == 30.0


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
def test_the_two_obsolete_forms_of_a_date_are_read(form: str) -> None:
    value = datetime.fromtimestamp(NOW + 90, UTC).strftime(form)
    assert retry_after({"Retry-After": value, "Date": date(NOW)}, 0.0) == 90.0


@pytest.mark.parametrize("clock", [NOW, NOW + 3600, 0.0])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (f"{NOW + 30:.0f}", 30.0),
        (f"{NOW + 30.5:.1f}", 30.5),
        (f"{(NOW + 30) * 1000:.0f}", 30.0),
        (f"{NOW * 1000 + 250:.0f}", 0.25),
        (f"{NOW - 30:.0f}", 0.0),
        (f"{(NOW - 30) * 1000:.0f}", 0.0),
        (f"{NOW + 10**7:.0f}", inf),
        (f"{NOW + 10**7 - 1:.0f}", 9_999_999.0),
    ],
)
def test_a_timestamp_counts_from_the_servers_date(value: str, seconds: float, clock: float) -> None:
    assert retry_after({"Retry-After": value, "Date": date(NOW)}, clock) == pytest.approx(seconds)


def test_a_timestamp_counts_from_the_local_clock_if_the_servers_date_is_missing() -> None:
    assert retry_after({"Retry-After": f"{NOW + 7:.0f}"}, NOW) == 7.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("30s", 30.0), ("1m0s", 60.0), ("1m30s", 90.0), ("2m59.56s", 179.56), ("370ms", 0.37), ("1h2m3s", 3723.0)),
        *(("1.5S", 1.5), ("5m", 300.0), ("0s", 0.0), ("1h", 3600.0), ("99999999h", inf)),
    ],
)
def test_a_duration_in_gos_format_is_read(value: str, seconds: float) -> None:
    assert retry_after({"Retry-After": value}, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["1", "30"], 30.0),
        (["30", "1"], 30.0),
        (["soon", "7"], 7.0),
        (["2", date(NOW + 90)], 90.0),
        (["soon", ""], None),
    ],
)
def test_of_several_lines_the_longest_wait_counts(lines: list[str], seconds: float | None) -> None:
    fields = [("Date", date(NOW)), *(("retry-after", line) for line in lines)]
    assert retry_after(CIMultiDictProxy(CIMultiDict(fields)), NOW) == seconds


def test_a_past_date_is_zero_seconds() -> None:
    assert retry_after({"Retry-After": date(NOW - 30), "Date": date(NOW)}, NOW) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "-1",
        "-0.5",
        "+5",
        "soon",
        "1e3",
        "1,5",
        "NaN",
        "inf",
        "0x10",
        "٣",
        "5 s",
        "1 2",
        "60, 60",
        '"30"',
        "s",
        "ms",
        "1s1m",
        "1ms2",
        "٣s",
    ],
)
def test_garbage_is_ignored(value: str) -> None:
    assert retry_after({"Retry-After": value}, NOW) is None


def test_a_missing_header_is_not_a_wait() -> None:
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize("value", [str(10**30), "9" * 400, "10000000.5", "9" * 100_000])
def test_a_number_of_too_many_digits_is_infinite(value: str) -> None:
    assert retry_after({"Retry-After": value}, NOW) == inf


@given(st.text(), st.text())
def test_no_header_raises_and_every_result_is_a_wait(value: str, server_date: str) -> None:
    found = retry_after({"Retry-After": value, "Date": server_date}, NOW)
    assert found is None or (found >= 0 and not isnan(found))


@given(st.lists(st.sampled_from(PIECES)))
def test_pieces_of_dates_never_raise(pieces: list[str]) -> None:
    found = retry_after({"Retry-After": " ".join(pieces), "Date": " ".join(reversed(pieces))}, NOW)
    assert found is None or found >= 0


@given(st.integers(0, 9_999_999))
def test_any_number_of_seconds_is_read_exactly(seconds: int) -> None:
    assert retry_after({"Retry-After": str(seconds)}, NOW) == seconds
