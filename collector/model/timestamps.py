"""Timestamps as text: RFC 3339, UTC, with `Z` and microseconds. Pure: times are arguments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from collector.model.lazy_pattern import lazy_pattern

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-5][0-9])"
)

_LENGTH_WITHOUT_FRACTION = len("2024-01-15T09:30:00Z")

_CANONICAL = re.compile(  # except the last days of a month, which need the calendar
    r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)

# ISO 8601-1:2019 defines calendar dates (5.2.2), times of day (5.3.1) and an offset from UTC (5.3.4). The last part of
# a time may have a decimal fraction after a point or a comma (5.3.1.4). The extended form has hyphens and colons; the
# basic form omits them. U+2212 is a valid minus sign (3.2.3).
# Databases and languages mix the forms of date, time and offset. They replace the T with spaces, put a space before the
# offset, write UTC for Z (Ruby), and append the zone's name (Go; in brackets by RFC 9557).
_DATE: Final = r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
_TIME: Final = r"([0-9]{2})(?:(:?)([0-9]{2})(?:\6([0-9]{2}))?)?(?:[.,]([0-9]+))?"
_OFFSET: Final = r"([+\-\u2212])([0-9]{2})(?:(:?)([0-9]{2})(?:\12([0-9]{2}))?)?(?: [A-Z]{3,5})?"
_ISO_8601: Final = lazy_pattern(rf"{_DATE}(?:[Tt]| +){_TIME} ?(?:[Zz]|UTC|GMT|{_OFFSET})(?:\[[^\]\[]+\])*")


def to_utc(text: str) -> str | None:
    """A time with an explicit offset (ISO 8601, RFC 3339) in the form of this module, or None for other text.

    Digits beyond microseconds are truncated. A leap second becomes the next second, and `24:00` the start of the next
    day. Week dates, ordinal dates and times without an offset are not accepted.
    """
    if not _RFC3339.fullmatch(text):
        return _from_iso_8601(text)
    try:
        instant = datetime.fromisoformat(text.upper())
        if instant.tzinfo is UTC:  # the usual case; much faster than `isoformat`
            fraction = ".000000Z" if len(text) == _LENGTH_WITHOUT_FRACTION else f".{instant.microsecond:06d}Z"
            return f"{text[:10]}T{text[11:19]}{fraction}"
        return _format(instant)
    except (ValueError, OverflowError):
        return _from_iso_8601(text)


def is_utc(text: str) -> bool:
    """Is `text` a timestamp in the form of this module?"""
    return bool(_CANONICAL.fullmatch(text)) or to_utc(text) == text


def stamp(seconds: float) -> str:
    """Seconds since the epoch in the form of this module."""
    whole = int(seconds)
    return f"{_format_second(whole)}.{int((seconds - whole) * 1_000_000):06d}Z"


@lru_cache(maxsize=2)
def _format_second(seconds: int) -> str:
    # Thousands of records share a second, and formatting the date is the slowest part.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _from_iso_8601(text: str) -> str | None:
    found = _ISO_8601.fullmatch(text)
    if not found:
        return None
    year, _, month, day, hour, _, minute, second, fraction, sign, *offset = found.groups()
    try:
        date = datetime(int(year), int(month), int(day), tzinfo=_zone(sign, offset))
        return _format(date + _time_of_day(hour, minute, second, fraction))
    except (ValueError, OverflowError):
        return None


def _time_of_day(hour: str, minute: str | None, second: str | None, fraction: str | None) -> timedelta:
    """The time since midnight. Raises ValueError for an invalid time of day."""
    time_of_day = timedelta(hours=int(hour), minutes=int(minute or 0), seconds=int(second or 0))
    if int(hour) > 24 or int(minute or 0) > 59 or int(second or 0) > 60:
        raise ValueError("not a time of day")
    unit = 3600 if minute is None else 60 if second is None else 1  # of the fraction, in seconds
    microseconds = unit * int((fraction or "0")[:15].ljust(15, "0")) // 10**9
    if hour == "24" and f"{minute or ''}{second or ''}{fraction or ''}".strip("0"):
        raise ValueError("after the end of the day")
    return time_of_day + timedelta(microseconds=microseconds)


def _zone(sign: str | None, offset: list[str | None]) -> timezone:
    """The time zone of an offset from UTC. Raises ValueError for an invalid offset, or one of at least a day."""
    if sign is None:
        return UTC
    hours, _, minutes, seconds = offset
    if int(minutes or 0) > 59 or int(seconds or 0) > 59:
        raise ValueError("not an offset from UTC")
    size = timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return timezone(size if sign == "+" else -size)


def _format(instant: datetime) -> str:
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
