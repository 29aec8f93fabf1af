"""`Retry-After` (RFC 9110 section 10.2.3) in the forms that servers really send, and the numbers it shares. Pure.

The RFC knows whole seconds and an HTTP-date. Also seen: decimals (Microsoft Graph), a moment since the epoch
(openclaw/clawhub issue 407) and durations as Go prints them, `30s`, `1m0s`, `370ms` (urllib3 issue 1822,
JustinBeckwith/linkinator pull request 556). A form without evidence is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]*)?)(m?)s)?", re.IGNORECASE)
_ENDLESS, _EPOCH, _EPOCH_MILLISECONDS = 1e7, 1e9, 1e12


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the server asks to wait, or None when it does not say.

    Accepts numbers as `seconds_told` does, durations (`1m30s`) and an HTTP-date. A moment counts from the response's
    own `Date`, so that a wrong clock on either side does no harm, and from `now` (seconds since the epoch) only without
    one. A past moment and zero are 0; from 1e7 seconds on the wait is infinite; anything else is ignored. Of several
    lines the longest wait counts, where the mapping has `getall`.
    """
    getall = getattr(headers, "getall", None)
    lines = getall("Retry-After", ()) if getall else (headers.get("Retry-After", ""),)
    waits = [_wait(line.strip(), headers, now) for line in lines]
    return max((wait for wait in waits if wait is not None), default=None)


def seconds_told(number: str, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a number says, in whatever it is; None for another text.

    Seconds, decimals allowed; from 1e9 on a moment in seconds since the epoch, from 1e12 on in milliseconds, counted as
    in `seconds_until`. From 1e7 seconds on they are infinite.
    """
    if not _NUMBER.fullmatch(number):
        return None
    value = float(number)
    if value >= _EPOCH:
        value = seconds_until(value / 1000 if value >= _EPOCH_MILLISECONDS else value, headers, now)
    return bounded(value)


def bounded(seconds: float) -> float:
    """Infinite from 1e7 seconds on."""
    return float(seconds) if seconds < _ENDLESS else inf


def seconds_until(moment: float, headers: Mapping[str, str], now: float) -> float:
    """Seconds from the sending of a response, by its own `Date` or else `now`, to a moment; 0 for one in the past.

    All three moments are in seconds since the epoch.
    """
    sent = _epoch(headers.get("Date", ""))
    return max(0.0, moment - (now if sent is None else sent))


def _wait(value: str, headers: Mapping[str, str], now: float) -> float | None:
    told = seconds_told(value, headers, now)
    if told is None:
        told = _duration(value)
    if told is not None:
        return told
    until = _epoch(value)
    return None if until is None else seconds_until(until, headers, now)


def _duration(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    hours, minutes, number, milli = found.groups()
    seconds = float(number or 0) / (1000 if milli else 1)
    return bounded(3600 * int(hours or 0) + 60 * int(minutes or 0) + seconds)


def _epoch(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
