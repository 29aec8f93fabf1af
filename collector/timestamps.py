"""Points in time as text: RFC 3339, UTC, with `Z` and microseconds. The clock is an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)

_WHOLE_SECONDS = len("2024-01-15T09:30:00Z")

_OURS = re.compile(  # all but the last days of a month, of which the calendar decides
    r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)


def to_utc(text: str) -> str | None:
    """An RFC 3339 timestamp (section 5.6) in the form of this module, or None when `text` is none.

    Digits beyond microseconds are cut off. A leap second, which `datetime` cannot hold, counts as none.
    """
    if not _RFC3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is UTC:  # what servers send; much faster than `isoformat`
            fraction = ".000000Z" if len(text) == _WHOLE_SECONDS else f".{moment.microsecond:06d}Z"
            return f"{text[:10]}T{text[11:19]}{fraction}"
        return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    except (ValueError, OverflowError):
        return None


def is_utc(text: str) -> bool:
    """Is it a timestamp in the form of this module?"""
    return bool(_OURS.fullmatch(text)) or to_utc(text) == text


def stamp(seconds: float) -> str:
    """Seconds since the epoch in the form of this module."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000_000):06d}Z"


@lru_cache(maxsize=2)
def _second(whole: int) -> str:
    # Thousands of records share a second, and formatting a date costs more than all the rest of a stamp.
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
