"""A small language that describes faults, and the random draw that decides the fault of one request.

Pure: the random generator is an argument. Must not know HTTP or sockets. `FAULT_SYNTAX` documents the language.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import Final, Literal, TypeVar

FAULT_SYNTAX: Final = """\
Faults are separated by commas. All but the last two have a probability from 0
to 1; the probabilities sum to at most 1.
  500=0.05                reply with this status, 300 to 599; 3xx adds Location
  429=0.02:retry-after=1  and this Retry-After: seconds, date+2 (the HTTP date
                          2 s from now), none, or any text; default: 1 for 429,
                          none for other statuses
  hang=0.001              accept the request and never reply
  reset=0.01              reset the connection without a reply
  close=0.01              close the connection without a reply
  truncate=0.01           send part of the reply, then close the connection
  garbage=0.01            send random bytes instead of HTTP
  html=0.01               reply 200 with a web page
  wrong-id=0.01           reply 200 with another connection
  empty=0.01              reply 200 with an empty body
  oversize=0.01           reply 200 with more than 9 MiB
  latency=20ms            delay every reply, in ms or s; also
                          lognormal:50ms:0.6 (median, sigma) and
                          uniform:10ms:80ms (minimum, maximum)
  close-after=7           close a connection after every 7th reply, unannounced"""
"""Reference of the fault language, printed by `collector sandbox --help` and by replies to invalid faults."""

_ROUNDING_TOLERANCE: Final = 1e-9
_MAX_DELAY_SECONDS: Final = 86_400.0
_MAX_SIGMA: Final = 10.0

_T = TypeVar("_T")


class FaultError(ValueError):
    """An invalid description of faults. The message names the item."""

    def __init__(self, item: str, reason: str) -> None:
        super().__init__(f"{item!r}: {reason}")
        self.item = item


class FaultKind(StrEnum):
    """The fault that replaces or alters the normal reply."""

    NONE = "none"
    STATUS = "status"
    HANG = "hang"
    RESET = "reset"
    CLOSE = "close"
    TRUNCATE = "truncate"
    GARBAGE = "garbage"
    HTML = "html"
    WRONG_ID = "wrong-id"
    EMPTY = "empty"
    OVERSIZE = "oversize"


_KIND_BY_NAME: Final = {kind.value: kind for kind in FaultKind if kind not in (FaultKind.NONE, FaultKind.STATUS)}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault and its probability.

    `status` applies to `FaultKind.STATUS` only. `retry_after` is the header's value as the language writes it: `date+2`
    means a date, None means no header.
    """

    kind: FaultKind
    probability: float
    status: int = 200
    retry_after: str | None = None

    def __str__(self) -> str:
        if self.kind is not FaultKind.STATUS:
            return f"{self.kind}={self.probability!r}"
        retry_after = "none" if self.retry_after is None else self.retry_after
        return f"{self.status}={self.probability!r}:retry-after={retry_after}"


@dataclass(frozen=True, slots=True)
class Latency:
    """The delay of replies. `first` is in seconds: the constant, the median or the lower bound.

    `second` is the sigma of the lognormal distribution, or the upper bound of the uniform distribution in seconds.
    """

    distribution: Literal["fixed", "lognormal", "uniform"]
    first: float
    second: float = 0.0

    def draw(self, rng: Random) -> float:
        """Seconds to wait before one reply."""
        if self.distribution == "lognormal":
            return self.first * rng.lognormvariate(0.0, self.second)
        if self.distribution == "uniform":
            return rng.uniform(self.first, self.second)
        return self.first

    def __str__(self) -> str:
        if self.distribution == "lognormal":
            return f"latency=lognormal:{self.first!r}s:{self.second!r}"
        if self.distribution == "uniform":
            return f"latency=uniform:{self.first!r}s:{self.second!r}s"
        return f"latency={self.first!r}s"


@dataclass(frozen=True, slots=True)
class Decision:
    """The treatment of one request: wait `delay` seconds, then apply `kind`."""

    kind: FaultKind = FaultKind.NONE
    delay: float = 0.0
    status: int = 200
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of a server or a request. `str()` gives a text that parses to an equal value."""

    items: tuple[Fault, ...] = ()
    latency: Latency | None = None
    close_after: int | None = None

    @staticmethod
    def parse(text: str) -> Faults:
        """Parse the language of `FAULT_SYNTAX`; blank text means no faults. Raises `FaultError`."""
        return _parse(text)

    def draw(self, rng: Random) -> Decision | None:
        """Decide the treatment of one request; None means a normal reply. `rng` is the only source of randomness."""
        if not self.items and self.latency is None:
            return None
        fault = self._draw_fault(rng.random()) if self.items else None
        delay = self.latency.draw(rng) if self.latency is not None else 0.0
        if fault is not None:
            return Decision(fault.kind, delay, fault.status, fault.retry_after)
        return Decision(delay=delay) if delay else None

    def _draw_fault(self, point: float) -> Fault | None:
        for fault in self.items:
            point -= fault.probability
            if point < 0:
                return fault
        return None

    def __str__(self) -> str:
        parts = [str(fault) for fault in self.items]
        if self.latency is not None:
            parts.append(str(self.latency))
        if self.close_after is not None:
            parts.append(f"close-after={self.close_after}")
        return ",".join(parts)


@lru_cache(maxsize=256)
def _parse(text: str) -> Faults:
    faults = Faults()
    for item in text.split(",") if text.strip() else ():
        faults = _add_item(faults, item.strip())
    if math.fsum(fault.probability for fault in faults.items) > 1 + _ROUNDING_TOLERANCE:
        raise FaultError(text, "probabilities sum to more than 1; lower some of them")
    return faults


def _add_item(faults: Faults, item: str) -> Faults:
    name, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        raise FaultError(item, "expected name=value")
    if name == "latency":
        return replace(faults, latency=_require_single(item, faults.latency, _parse_latency(item, value)))
    if name == "close-after":
        return replace(faults, close_after=_require_single(item, faults.close_after, _parse_count(item, value)))
    return replace(faults, items=(*faults.items, _parse_fault(item, name, value)))


def _require_single(item: str, earlier: _T | None, value: _T) -> _T:
    if earlier is not None:
        raise FaultError(item, "given twice; keep one")
    return value


def _parse_fault(item: str, name: str, value: str) -> Fault:
    if kind := _KIND_BY_NAME.get(name):
        return Fault(kind, _parse_number(item, value, at_most=1))
    if not re.fullmatch(r"[345][0-9]{2}", name):
        raise FaultError(item, f"unknown fault {name!r}")
    probability, colon, option = value.partition(":")
    retry_after = _parse_retry_after(item, option) if colon else "1"
    if not colon and name != "429":
        retry_after = None
    return Fault(FaultKind.STATUS, _parse_number(item, probability, at_most=1), int(name), retry_after)


def _parse_retry_after(item: str, option: str) -> str | None:
    name, equals, value = (part.strip() for part in option.partition("="))
    if name != "retry-after" or not equals:
        raise FaultError(item, "unknown option; the only one is retry-after=VALUE")
    if not (value.isascii() and value.isprintable()):
        raise FaultError(item, "invalid Retry-After; use printable ASCII")
    return None if value == "none" else value


def _parse_latency(item: str, value: str) -> Latency:
    distribution, *arguments = value.split(":")
    if not arguments:
        return Latency("fixed", _parse_seconds(item, distribution))
    if distribution == "lognormal" and len(arguments) == 2:
        return Latency(
            "lognormal", _parse_seconds(item, arguments[0]), _parse_number(item, arguments[1], at_most=_MAX_SIGMA)
        )
    if distribution == "uniform" and len(arguments) == 2:
        low, high = (_parse_seconds(item, argument) for argument in arguments)
        if low <= high:
            return Latency("uniform", low, high)
    raise FaultError(item, "invalid latency")


def _parse_seconds(item: str, text: str) -> float:
    for unit, scale in (("ms", 1000.0), ("s", 1.0)):
        if text.endswith(unit):
            return _parse_number(item, text.removesuffix(unit), at_most=_MAX_DELAY_SECONDS * scale) / scale
    raise FaultError(item, "missing unit; append ms or s")


def _parse_count(item: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise FaultError(item, "invalid number of replies; use a whole number, 1 to 999999999")
    return int(text)


def _parse_number(item: str, text: str, *, at_most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise FaultError(item, f"invalid number {text!r}") from None
    if not 0 <= number <= at_most:
        raise FaultError(item, f"{text!r} is outside 0 to {at_most:g}")
    return number
