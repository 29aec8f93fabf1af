"""What can go wrong on purpose: a small language for it, and the draw that decides what happens to one request.

Pure: chance is an argument, and nothing here knows HTTP or sockets. `FORMS` is the language's reference.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import Final, Literal, TypeVar

FORMS: Final = """\
faults are separated by commas; each but the last two has a probability from 0 to 1, in sum at most 1:
  500=0.05                     this status, 300 to 599; 3xx carry a Location
  429=0.02:retry-after=1       with this Retry-After: seconds, date+2 (a date in 2 seconds), none, or any text;
                               429 alone means 1, other statuses none
  hang=0.001                   take the request and never answer
  reset=0.01                   reset the connection without an answer
  close=0.01                   close the connection without an answer
  truncate=0.01                cut the answer in the middle, then close
  garbage=0.01                 random bytes instead of HTTP
  html=0.01                    200 with a web page
  wrong-id=0.01                200 with another connection
  empty=0.01                   200 without a body
  oversize=0.01                200 with more than 9 MiB
  latency=20ms                 for all; also lognormal:50ms:0.6 (median, sigma) and uniform:10ms:80ms; ms or s
  close-after=7                close a connection after every 7th answer on it, unannounced"""

_ROUNDING: Final = 1e-9
_MAX_DELAY: Final = 86_400.0
_MAX_SIGMA: Final = 10.0

_T = TypeVar("_T")


class FaultError(ValueError):
    """A description of faults that cannot be read; its text names the item and shows the valid forms."""

    def __init__(self, item: str, reason: str) -> None:
        super().__init__(f"{item!r}: {reason}\n{FORMS}")
        self.item = item


class Kind(StrEnum):
    """What happens instead of, or to, the ordinary answer."""

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


_NAMED: Final = {kind.value: kind for kind in Kind if kind not in (Kind.NONE, Kind.STATUS)}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with some probability.

    `status` counts for `Kind.STATUS` only. `retry_after` is the header's text as the language writes it: `date+2`
    stands for a date, None for no header.
    """

    kind: Kind
    probability: float
    status: int = 200
    retry_after: str | None = None

    def __str__(self) -> str:
        if self.kind is not Kind.STATUS:
            return f"{self.kind}={self.probability!r}"
        retry_after = "none" if self.retry_after is None else self.retry_after
        return f"{self.status}={self.probability!r}:retry-after={retry_after}"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers are held back. `first` is in seconds: the constant, the median or the lower bound.

    `second` is the sigma of the lognormal, or the uniform's upper bound in seconds.
    """

    shape: Literal["fixed", "lognormal", "uniform"]
    first: float
    second: float = 0.0

    def draw(self, chance: Random) -> float:
        """Seconds to wait before one answer."""
        if self.shape == "lognormal":
            return self.first * chance.lognormvariate(0.0, self.second)
        if self.shape == "uniform":
            return chance.uniform(self.first, self.second)
        return self.first

    def __str__(self) -> str:
        if self.shape == "lognormal":
            return f"latency=lognormal:{self.first!r}s:{self.second!r}"
        if self.shape == "uniform":
            return f"latency=uniform:{self.first!r}s:{self.second!r}s"
        return f"latency={self.first!r}s"


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one request: wait `delay` seconds, then `kind`."""

    kind: Kind = Kind.NONE
    delay: float = 0.0
    status: int = 200
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that goes wrong. `str()` gives a text that parses to an equal value."""

    items: tuple[Fault, ...] = ()
    latency: Latency | None = None
    close_after: int | None = None

    @staticmethod
    def parse(text: str) -> Faults:
        """Read the language of `FORMS`; blank text is no faults. Raises `FaultError`."""
        return _parse(text)

    def draw(self, chance: Random) -> Decision | None:
        """Decide about one request; None leaves it alone. `chance` is the only source of randomness."""
        if not self.items and self.latency is None:
            return None
        fault = self._drawn(chance.random()) if self.items else None
        delay = self.latency.draw(chance) if self.latency is not None else 0.0
        if fault is not None:
            return Decision(fault.kind, delay, fault.status, fault.retry_after)
        return Decision(delay=delay) if delay else None

    def _drawn(self, point: float) -> Fault | None:
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
        faults = _with(faults, item.strip())
    if math.fsum(fault.probability for fault in faults.items) > 1 + _ROUNDING:
        raise FaultError(text, "the probabilities sum to more than 1")
    return faults


def _with(faults: Faults, item: str) -> Faults:
    name, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        raise FaultError(item, "a fault is written name=value")
    if name == "latency":
        return replace(faults, latency=_once(item, faults.latency, _latency(item, value)))
    if name == "close-after":
        return replace(faults, close_after=_once(item, faults.close_after, _count(item, value)))
    return replace(faults, items=(*faults.items, _fault(item, name, value)))


def _once(item: str, earlier: _T | None, value: _T) -> _T:
    if earlier is not None:
        raise FaultError(item, "given twice")
    return value


def _fault(item: str, name: str, value: str) -> Fault:
    if kind := _NAMED.get(name):
        return Fault(kind, _number(item, value, at_most=1))
    if not re.fullmatch(r"[345][0-9]{2}", name):
        raise FaultError(item, f"no fault is called {name!r}")
    probability, colon, option = value.partition(":")
    retry_after = _retry_after(item, option) if colon else "1"
    if not colon and name != "429":
        retry_after = None
    return Fault(Kind.STATUS, _number(item, probability, at_most=1), int(name), retry_after)


def _retry_after(item: str, option: str) -> str | None:
    name, equals, value = (part.strip() for part in option.partition("="))
    if name != "retry-after" or not equals:
        raise FaultError(item, "the only option is retry-after=…")
    if not (value.isascii() and value.isprintable()):
        raise FaultError(item, "a header holds printable ASCII only")
    return None if value == "none" else value


def _latency(item: str, value: str) -> Latency:
    shape, *arguments = value.split(":")
    if not arguments:
        return Latency("fixed", _seconds(item, shape))
    if shape == "lognormal" and len(arguments) == 2:
        return Latency("lognormal", _seconds(item, arguments[0]), _number(item, arguments[1], at_most=_MAX_SIGMA))
    if shape == "uniform" and len(arguments) == 2:
        low, high = (_seconds(item, argument) for argument in arguments)
        if low <= high:
            return Latency("uniform", low, high)
    raise FaultError(item, "not a latency")


def _seconds(item: str, text: str) -> float:
    for unit, scale in (("ms", 1000.0), ("s", 1.0)):
        if text.endswith(unit):
            return _number(item, text.removesuffix(unit), at_most=_MAX_DELAY * scale) / scale
    raise FaultError(item, "a duration needs a unit, ms or s")


def _count(item: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise FaultError(item, "a whole number of answers, at least 1")
    return int(text)


def _number(item: str, text: str, *, at_most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise FaultError(item, f"{text!r} is not a number") from None
    if not 0 <= number <= at_most:
        raise FaultError(item, f"{text!r} is not within 0 and {at_most:g}")
    return number
