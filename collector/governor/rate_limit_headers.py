"""Parses the rate limit header fields that servers send in practice. Pure.

Knows three families of fields, in order of preference: `RateLimit` as a structured field
(draft-ietf-httpapi-ratelimit-headers-10, and the dictionary of its revision 07), the counters of the revisions up to
06, and `X-RateLimit-*`, which has no specification. http-sf parses the structured fields (RFC 9651). Must not know how
callers use a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from http_sf import StructuredType

from datetime import UTC
from email.utils import parsedate_to_datetime

_COUNTERS = (
    ("RateLimit-Remaining", "RateLimit-Reset"),
    ("X-RateLimit-Remaining", "X-RateLimit-Reset"),
    ("X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"),
)
_COUNT = re.compile(r"[0-9]{1,15}")


class Allowance(NamedTuple):
    """The requests that a server still accepts within `seconds` of its reply."""

    remaining: int
    seconds: float


class Quota(NamedTuple):
    """The requests that a server accepts per window, in seconds; None if it does not state the window."""

    requests: int
    window: float | None


def quota(headers: Mapping[str, str]) -> Quota | None:
    """Return the quota that a reply states; None if it states none or several. Never raises."""
    policies = list(_items(_joined_lines(headers, "RateLimit-Policy") or ""))
    if len(policies) > 1:
        return None
    if policies:
        params = policies[0][1]
        requests, window = _non_negative(params.get("q")), _non_negative(params.get("w"))
        counts = params.get("qu", "requests") == "requests"
        return Quota(requests, bounded(window) if window else None) if requests and counts else None
    for remaining, _ in _COUNTERS:
        text = headers.get(remaining.replace("Remaining", "Limit"), "").strip()
        if remaining in headers and _COUNT.fullmatch(text) and int(text):
            return Quota(int(text), None)
    return None


def allowance(headers: Mapping[str, str], now: float) -> Allowance | None:
    """Return the allowance that a reply states, or None if it states no usable one. Never raises.

    `headers` is a case-insensitive mapping. `now`, in seconds since the epoch, is used only for a reset that is a
    timestamp in a reply without `Date`. The first usable field of this list is used. Of several items in it the
    strictest is used: an exhausted one with the longest wait, else the one with the fewest requests per second.

    - `RateLimit`. An item without a time has the window of its policy in `RateLimit-Policy`. Lines of one name
      are joined if the mapping has `getall` (RFC 9651 section 4.2); otherwise `get` returns the only value. A field
      that does not parse is ignored. So is an item that breaks a rule of the draft, or whose policy does not count
      requests.
    - `RateLimit-Remaining` and `-Reset`, then `X-RateLimit-…`, then `X-Rate-Limit-…`; the first line of each. A reset
      is in seconds, with optional decimals. From 1e9 on it is a timestamp in seconds since the epoch, from 1e12 on in
      milliseconds. A timestamp in the past means 0 seconds.

    From 1e7 seconds on the time is infinite.
    """
    return _structured(headers) or _counted(headers, now)


def requested_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a throttled reply asks to wait, or None if it does not say. Never raises.

    `Retry-After` takes precedence (draft-ietf-httpapi-ratelimit-headers-10, "Client Behavior"). Without it the wait is
    the reset of an exhausted limit, or a reset without a count.
    """
    stated = retry_after(headers, now)
    if stated is not None:
        return stated
    limit = allowance(headers, now)
    if limit is not None:
        return None if limit.remaining else limit.seconds
    resets = (_reset(headers, name, now) for remaining, name in _COUNTERS if remaining not in headers)
    return next((seconds for seconds in resets if seconds is not None), None)


def _counted(headers: Mapping[str, str], now: float) -> Allowance | None:
    """Return the first usable pair of counters."""
    for remaining, reset in _COUNTERS:
        count = headers.get(remaining)
        if count is None or not _COUNT.fullmatch(count := count.strip()):
            continue
        seconds = _reset(headers, reset, now)
        if seconds is not None:
            return Allowance(int(count), seconds)
    return None


def _reset(headers: Mapping[str, str], name: str, now: float) -> float | None:
    """Return the seconds until a reset, in any of its forms.

    The revisions up to 06 define seconds only, but GitLab sends timestamps in the same fields.
    """
    return stated_seconds(headers.get(name, "").strip(), headers, now)


def _structured(headers: Mapping[str, str]) -> Allowance | None:
    """Return the strictest item of `RateLimit`."""
    field = _joined_lines(headers, "RateLimit")
    if field is None:
        return None
    policies = dict(_items(_joined_lines(headers, "RateLimit-Policy") or ""))
    limits = [_allowance_of_item(params, policies.get(name, {})) for name, params in _items(field)] or [
        _revision_07(field)
    ]
    return min((limit for limit in limits if limit is not None), key=_strictness, default=None)


def _strictness(limit: Allowance) -> tuple[bool, float]:
    """Return a key that sorts the strictest limit first."""
    if limit.remaining == 0:
        return False, -limit.seconds
    return True, limit.remaining / limit.seconds if limit.seconds else inf


def _joined_lines(headers: Mapping[str, str], name: str) -> str | None:
    """Join the lines of a field; None if the field is missing."""
    first = headers.get(name)
    if first is None:
        return None
    getall = getattr(headers, "getall", None)
    return first if getall is None else ",".join(getall(name))


def _items(field: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the String items of a structured List with their parameters."""
    members = _parsed(field, "list")
    for member in members if isinstance(members, list) else ():
        match member:
            case (str(name), dict(params)):
                yield name, params


def _allowance_of_item(item: Mapping[str, object], policy: Mapping[str, object]) -> Allowance | None:
    """Read an item of `RateLimit` with its policy (revision 10, "Service Limit Item" and "Quota Policy Item")."""
    if policy.get("qu", "requests") != "requests":
        return None
    window = _non_negative(policy.get("w")) or None
    return _allowance_from(item.get("r"), item.get("t", window))


def _revision_07(field: str) -> Allowance | None:
    """Read `limit=100, remaining=50, reset=5`, a Dictionary."""
    members = _parsed(field, "dictionary")
    match members:
        case {"remaining": (remaining, _), "reset": (reset, _)}:
            return _allowance_from(remaining, reset)
    return None


def _allowance_from(remaining: object, reset: object) -> Allowance | None:
    count, seconds = _non_negative(remaining), _non_negative(reset)
    return None if count is None or seconds is None else Allowance(count, bounded(seconds))


def _non_negative(value: object) -> int | None:
    """Return a non-negative Integer, otherwise None; a Boolean is not an Integer, although Python's `bool` is."""
    return value if type(value) is int and value >= 0 else None


def _parsed(field: str, kind: str) -> StructuredType | None:
    """Parse a structured field; None if it does not parse."""
    # Few servers send these fields, so a run without them skips the import.
    from http_sf import StructuredFieldError, parse  # noqa: PLC0415

    try:
        # Fields are ASCII; any other character, even a lone surrogate, becomes bytes that do not parse.
        return parse(field.encode("utf-8", "surrogatepass"), tltype=kind)
    except StructuredFieldError:
        return None


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]*)?)(m?)s)?", re.IGNORECASE)
_INFINITE_FROM, _EPOCH, _EPOCH_MILLISECONDS = 1e7, 1e9, 1e12


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds in `Retry-After`, or None if it is missing or invalid.

    Accepts numbers as `stated_seconds` does, durations (`1m30s`) and an HTTP-date. The wait until a timestamp begins at
    the reply's `Date`, so a wrong clock on either side does no harm; without `Date` it begins at `now` (seconds since
    the epoch). It is 0 for a timestamp in the past, and infinite from 1e7 seconds on. If the mapping has `getall`, the
    result is the longest wait of all lines.
    """
    getall = getattr(headers, "getall", None)
    lines = getall("Retry-After", ()) if getall else (headers.get("Retry-After", ""),)
    waits = [_wait(line.strip(), headers, now) for line in lines]
    return max((wait for wait in waits if wait is not None), default=None)


def stated_seconds(number: str, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a number states, in seconds or as a timestamp; None for any other text.

    Seconds may have decimals. From 1e9 on the number is a timestamp in seconds since the epoch, from 1e12 on in
    milliseconds, counted as in `seconds_until`. From 1e7 seconds on the result is infinite.
    """
    if not _NUMBER.fullmatch(number):
        return None
    value = float(number)
    if value >= _EPOCH:
        value = seconds_until(value / 1000 if value >= _EPOCH_MILLISECONDS else value, headers, now)
    return bounded(value)


def bounded(seconds: float) -> float:
    """Return `seconds`, or infinity from 1e7 seconds on."""
    return float(seconds) if seconds < _INFINITE_FROM else inf


def seconds_until(timestamp: float, headers: Mapping[str, str], now: float) -> float:
    """Return the seconds from a reply's `Date`, or else `now`, until `timestamp`; 0 if it has passed.

    All three times are in seconds since the epoch.
    """
    sent = _epoch(headers.get("Date", ""))
    return max(0.0, timestamp - (now if sent is None else sent))


def _wait(value: str, headers: Mapping[str, str], now: float) -> float | None:
    stated = stated_seconds(value, headers, now)
    if stated is None:
        stated = _duration(value)
    if stated is not None:
        return stated
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
        timestamp = parsedate_to_datetime(http_date)
        return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
