"""Timestamps as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.model.timestamps import is_utc, stamp, to_utc

FORMAT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

offsets = st.integers(-(24 * 60) + 1, 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)


@given(instants)
def test_a_timestamp_with_any_offset_becomes_the_same_instant_in_utc(instant: datetime) -> None:
    found = to_utc(instant.isoformat())
    assert found is not None
    assert FORMAT.fullmatch(found)
    assert datetime.fromisoformat(found) == instant


@given(instants, st.sampled_from(["T", "t", " "]), st.sampled_from(["Z", "z", "+00:00", "-00:00"]))
def test_every_rfc_3339_spelling_becomes_the_same_text(instant: datetime, separator: str, zone: str) -> None:
    plain = instant.replace(tzinfo=None)
    found = to_utc(plain.isoformat(sep=separator, timespec="microseconds") + zone)
    assert found == f"{plain.isoformat(timespec='microseconds')}Z"


@given(instants)
def test_converting_a_converted_timestamp_changes_nothing(instant: datetime) -> None:
    once = to_utc(instant.isoformat())
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
def test_digits_beyond_microseconds_are_truncated_and_missing_ones_are_zero(text: str, expected: str) -> None:
    assert to_utc(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-01-15",
        "2024-01-15T09:30:00",
        "2024-01-15T09:30:00.Z",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-01-15T09:60:00Z",
        "2024-01-15T09:30:00+24:00",
        "2024-01-15T09:30:61Z",
        "2024-01-15T09:60Z",
        "2024-01-15T24:00:00.1Z",
        "2024-01-15T24:00:01Z",
        "2024-01-15T24:01Z",
        "2024-01-15T24:00:60Z",
        "2024-01-15T25:00Z",
        "9999-12-31T24:00:00Z",
        "2024-01-15T09:30:00+01:60",
        "2024-01-15T09:30:00+01:00:60",
        "2024-01-15T09:3000Z",
        "2024-01-15T0930:00Z",
        "2024-0115T09:30:00Z",
        "202401-15T09:30:00Z",
        "2024-01-15T093000",
        "20240115T093000",
        "2024-01-15 09:30:00 ",
        "2024-01-15T09:30:00,Z",
        "2024-01-15+02:00",
        "2024-01+02:00",
        "20240115093000Z",
        "24-01-15T09:30:00Z",
        "2024-01-15T09:30:00 CET",
        "2024-01-15T09:30:00[Europe/Berlin]",
        "2024-01-15T9:30:00Z",
        "2024-1-15T09:30:00Z",
        "2024-01-15T-09:30:00Z",
        "2024-W03-1T09:30:00Z",
        "2024W031T093000Z",
        "2024-015T09:30:00Z",
        "2024015T093000Z",
        "+002024-01-15T09:30:00Z",
        "Mon, 15 Jan 2024 09:30:00 +0000",
        "2024-01-15T09:30:00+2",
        "2024-01-15T09:30:00+020",
        "٢٠٢٤-01-15T09:30:00Z",
        "2024-01-15T09:30:00Z\n",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1705311000",
    ],
)
def test_an_invalid_timestamp_is_not_converted(text: str) -> None:
    assert to_utc(text) is None


HALF_PAST_NINE = "2024-01-15T09:30:00.000000Z"


@pytest.mark.parametrize(
    ("text", "printed_by"),
    [
        ("2024-01-15T09:30:00+0000", "strftime %z, Java, Jira"),
        ("2024-01-15T09:30:00+00", "PostgreSQL, JSON"),
        ("2024-01-15 09:30:00+00", "PostgreSQL"),
        ("2024-01-15 15:00:00+05:30", "PostgreSQL in India"),
        ("2024-01-15 11:30:00.000+02", "PostgreSQL"),
        ("2024-01-15T04:30:00-0500", "strftime %z"),
        ("2024-01-15T04:30:00\u22120500", "ISO 8601 with its minus sign"),
        ("2024-01-15 09:30:00 +0000", "Ruby, Perl, git"),
        ("2024-01-15 09:30:00 UTC", "Ruby, BigQuery"),
        ("2024-01-15 09:30:00 GMT", "Snowflake"),
        ("2024-01-15 09:30:00 +0000 UTC", "Go"),
        ("2024-01-15 11:30:00 +0200 CEST", "Go"),
        ("2024-01-15T10:30:00+01:00[Europe/Paris]", "Java, RFC 9557"),
        ("2024-01-15T09:30:00Z[UTC][u-ca=gregory]", "RFC 9557"),
        ("2024-01-15T11:30:00.0000000+02:00", ".NET"),
        ("2024-01-15  09:30:00Z", "padded"),
        ("2024-01-15t09:30:00z", "RFC 3339 in small letters"),
        ("2024-01-15 09:30:00z", "a space and a small letter"),
        ("2024-01-15T09:30:00,000Z", "ISO 8601 with a comma, log4j"),
        ("2024-01-15T09:30Z", "ISO 8601 to the minute"),
        ("2024-01-15T11:30+02", "ISO 8601 to the minute"),
        ("2024-01-15T09.5Z", "ISO 8601 with a fraction of the hour"),
        ("2024-01-15T09:29.999999999Z", "ISO 8601 with a fraction of the minute"),
        ("20240115T093000Z", "ISO 8601, basic, AWS"),
        ("20240115T0930Z", "ISO 8601, basic"),
        ("20240115T113000+0200", "ISO 8601, basic"),
        ("20240115T093000.000000Z", "ISO 8601, basic"),
        ("20240115 09:30:00+0000", "basic date, extended time"),
        ("2024-01-15T11:38:10+02:08:10", "an offset with seconds, as before 1900"),
    ],
)
def test_a_time_with_an_explicit_offset_is_normalized_in_the_formats_of_many_systems(
    text: str, printed_by: str
) -> None:
    expected = "2024-01-15T09:29:59.999999Z" if "29.999999999" in text else HALF_PAST_NINE
    assert to_utc(text) == expected, printed_by


@given(
    instants,
    st.sampled_from(["%Y-%m-%d", "%Y%m%d"]),
    st.sampled_from(["T", "t", " ", "  "]),
    st.sampled_from(["%H:%M:%S.%f", "%H%M%S.%f", "%H:%M:%S,%f", "%H%M%S,%f"]),
    st.sampled_from(["", " "]),
    st.sampled_from([":", ""]),
)
def test_every_mixture_of_iso_8601_forms_is_the_same_instant(
    instant: datetime, date: str, separator: str, time: str, before_offset: str, colon: str
) -> None:
    offset = f"{instant:%z}"  # of whole minutes
    # Python's %Y omits leading zeros on some systems
    text = instant.strftime(f"{date.replace('%Y', f'{instant.year:04d}')}{separator}{time}{before_offset}")
    found = to_utc(f"{text}{offset[:3]}{colon}{offset[3:]}")
    assert found == to_utc(instant.isoformat())
    assert to_utc(text.rstrip()) is None  # ambiguous without an offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250000Z"),
        ("2017-01-01 05:29:60+0530", "2017-01-01T00:00:00.000000Z"),
        ("20161231T155960-08", "2017-01-01T00:00:00.000000Z"),
        ("2015-06-30t23:59:60z", "2015-07-01T00:00:00.000000Z"),
    ],
)
def test_a_leap_second_becomes_the_next_second(text: str, expected: str) -> None:
    assert to_utc(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T24:00:00Z", "2024-01-16T00:00:00.000000Z"),
        ("2024-01-15T24:00:00.000Z", "2024-01-16T00:00:00.000000Z"),
        ("2024-12-31T24:00Z", "2025-01-01T00:00:00.000000Z"),
        ("2024-02-28T24:00:00+01:00", "2024-02-28T23:00:00.000000Z"),
        ("20240228T24Z", "2024-02-29T00:00:00.000000Z"),
    ],
)
def test_hour_24_is_the_start_of_the_next_day(text: str, expected: str) -> None:
    """ISO 8601-1:2019/Amd 1:2022, 5.3.2."""
    assert to_utc(text) == expected


def test_long_texts_are_parsed_in_linear_time() -> None:
    for text in (
        "2024-01-15T09:30:00." + "1" * 100_000,
        "2024-01-15" + " " * 100_000,
        "2024-01-15T09Z" + "[a]" * 50_000,
    ):
        assert to_utc(text + "!") is None
    assert to_utc("2024-01-15T09:30:00," + "1" * 100_000 + "+0000") == "2024-01-15T09:30:00.111111Z"


@given(
    st.text()
    | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
    | st.from_regex(r"\A[0-9]{4}-?[01][0-9]-?[0-3][0-9][T ][0-2][0-9](:?[0-6][0-9]){0,2}([.,][0-9]+)?(Z|[+-][0-9:]+)\Z")
)
def test_converting_any_text_raises_nothing_and_gives_the_format_or_none(text: str) -> None:
    found = to_utc(text)
    assert found is None or FORMAT.fullmatch(found)


@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)\Z"))
@example("2024-02-29T23:59:59.999999Z")
@example("2023-02-29T23:59:59.999999Z")
@example("2024-01-15T09:30:00.000000Z\n")
def test_a_text_is_utc_if_and_only_if_converting_it_changes_nothing(text: str) -> None:
    assert is_utc(text) == (to_utc(text) == text)


@given(st.floats(0, 32_503_680_000))
@example(0.0)
@example(1_700_000_000.9999999)
def test_a_stamp_is_exact_to_the_microsecond(seconds: float) -> None:
    found = stamp(seconds)
    assert FORMAT.fullmatch(found)
    since_epoch = datetime.fromisoformat(found) - datetime(1970, 1, 1, tzinfo=UTC)
    assert abs(since_epoch.total_seconds() - seconds) < 2e-5


def test_stamps_sort_like_their_times() -> None:
    times = [1_700_000_000.0, 1_700_000_000.000002, 1_700_000_000.5, 1_700_000_001.0, 1_700_000_059.25, 1_700_000_060.0]
    assert [stamp(time) for time in times] == sorted(stamp(time) for time in times)
    assert stamp(1_700_000_000.5) == "2023-11-14T22:13:20.500000Z"
