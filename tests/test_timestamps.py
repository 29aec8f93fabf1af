"""Points in time as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.timestamps import is_utc, stamp, to_utc

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

offsets = st.integers(-(24 * 60) + 1, 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)


@given(moments)
def test_a_timestamp_of_any_offset_is_the_same_moment_in_utc(moment: datetime) -> None:
    found = to_utc(moment.isoformat())
    assert found is not None
    assert FORM.fullmatch(found)
    assert datetime.fromisoformat(found) == moment


@given(moments, st.sampled_from(["T", "t", " "]), st.sampled_from(["Z", "z", "+00:00", "-00:00"]))
def test_every_spelling_rfc_3339_allows_is_one_form(moment: datetime, between: str, zone: str) -> None:
    plain = moment.replace(tzinfo=None)
    found = to_utc(plain.isoformat(sep=between, timespec="microseconds") + zone)
    assert found == f"{plain.isoformat(timespec='microseconds')}Z"


@given(moments)
def test_what_was_converted_once_stays_as_it_is(moment: datetime) -> None:
    once = to_utc(moment.isoformat())
    assert once is not None
    assert to_utc(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T09:30:00Z", "2024-01-15T09:30:00.000000Z"),
        ("2024-01-15T09:30:00.1Z", "2024-01-15T09:30:00.100000Z"),
        ("2024-01-15T09:30:00.123456789Z", "2024-01-15T09:30:00.123456Z"),
        ("2024-01-15T09:30:00.999999999Z", "2024-01-15T09:30:00.999999Z"),
        ("2024-01-15T09:30:00.999999999+05:30", "2024-01-15T04:00:00.999999Z"),
        ("2023-12-31T23:30:00-01:00", "2024-01-01T00:30:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_digits_beyond_microseconds_are_cut_off_and_missing_ones_are_zero(text: str, expected: str) -> None:
    assert to_utc(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-01-15",
        "2024-01-15T09:30Z",
        "2024-01-15T09:30:00",
        "2024-01-15T09:30:00 Z",
        "2024-01-15T09:30:00.Z",
        "2024-01-15T09:30:00+0100",
        "2024-01-15T09:30:00+01",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-01-15T24:00:00Z",
        "2024-01-15T24:00:00+01:00",
        "2024-01-15T09:60:00Z",
        "2024-01-15T23:59:60Z",
        "2024-01-15T09:30:00+24:00",
        "20240115T093000Z",
        "2024-W03-1T09:30:00Z",
        "٢٠٢٤-01-15T09:30:00Z",
        "2024-01-15T09:30:00Z\n",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1705311000",
    ],
)
def test_what_is_no_timestamp_is_none(text: str) -> None:
    assert to_utc(text) is None


@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z"))
def test_no_text_raises_and_every_answer_has_the_form(text: str) -> None:
    found = to_utc(text)
    assert found is None or FORM.fullmatch(found)


@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)\Z"))
@example("2024-02-29T23:59:59.999999Z")
@example("2023-02-29T23:59:59.999999Z")
@example("2024-01-15T09:30:00.000000Z\n")
def test_a_text_is_in_the_form_when_bringing_it_there_changes_nothing(text: str) -> None:
    assert is_utc(text) == (to_utc(text) == text)


@given(st.floats(0, 32_503_680_000))
@example(0.0)
@example(1_700_000_000.9999999)
def test_a_stamp_is_its_moment_to_the_microsecond(seconds: float) -> None:
    found = stamp(seconds)
    assert FORM.fullmatch(found)
    away = datetime.fromisoformat(found) - datetime(1970, 1, 1, tzinfo=UTC)
    assert abs(away.total_seconds() - seconds) < 2e-5


def test_stamps_sort_as_their_times_do() -> None:
    times = [1_700_000_000.0, 1_700_000_000.000002, 1_700_000_000.5, 1_700_000_001.0, 1_700_000_059.25, 1_700_000_060.0]
    assert [stamp(time) for time in times] == sorted(stamp(time) for time in times)
    assert stamp(1_700_000_000.5) == "2023-11-14T22:13:20.500000Z"
