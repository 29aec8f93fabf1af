"""`Retry-After` (RFC 9110 section 10.2.3) in the forms servers really send. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_TOO_MANY_DIGITS = 7


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the server asks to wait, or None when it does not say.

    Accepts whole seconds, decimals and an HTTP-date; a date counts from the response's own `Date`, so that a wrong
    clock on either side does no harm, and from `now` (seconds since the epoch) only without one. A past date and
    zero are 0; a number of more than seven digits is infinite; anything else is ignored.
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value) if len(value.partition(".")[0]) <= _TOO_MANY_DIGITS else inf
    until = _epoch(value)
    return None if until is None else seconds_until(until, headers, now)


def seconds_until(moment: float, headers: Mapping[str, str], now: float) -> float:
    """Seconds from the sending of a response, by its own `Date` or else `now`, to a moment; 0 for one in the past.

    All three moments are in seconds since the epoch.
    """
    sent = _epoch(headers.get("Date", ""))
    return max(0.0, moment - (now if sent is None else sent))


def _epoch(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
