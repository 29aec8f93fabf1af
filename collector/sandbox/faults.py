"""A small language that describes faults, and the random draw that decides the fault of one request.

Pure: the random generator is an argument. Must not know HTTP or sockets. `FAULT_SYNTAX` documents the language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Final, TypeVar

from collector.sandbox.endpoints import Endpoint
from collector.sandbox.fault_items import (
    EVERY_REQUEST,
    Decision,
    Fault,
    FaultKind,
    Latency,
    RateLimit,
    Selector,
    Subject,
)

FAULT_SYNTAX: Final = """\
Faults are separated by commas. All but the last three have a probability from
0 to 1; those of faults with the same @ part sum to at most 1.
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
  503@bulk_syncs=0.1      only at one endpoint; also @organization-2, @page-3
                          and combinations. 403@policies=1 plays a key without
                          a permission, 404@usage=1 a server without a feature
  503@models=1:times=2    only the first 2 times
  rate-limit=5            reply 429 beyond 5 replies in any second; also with @
  latency=20ms            delay every reply, in ms or s; also
                          lognormal:50ms:0.6 (median, sigma) and
                          uniform:10ms:80ms (minimum, maximum)
  close-after=7           close a connection after every 7th reply, unannounced
Endpoints: connection, connections, shared, schema_status, usage, me, types,
type, organization, users, policies, roles, bulk_syncs, model_syncs, models,
organizations, partner_organization, partner_shared."""
"""Reference of the fault language, printed by `collector sandbox --help` and by replies to invalid faults."""

_KIND_BY_NAME: Final = {kind.value: kind for kind in FaultKind if kind not in (FaultKind.NONE, FaultKind.STATUS)}
_ENDPOINT_BY_NAME: Final = {
    endpoint.name.lower(): endpoint for endpoint in Endpoint if endpoint.template.startswith("/api/")
}
_ROUNDING_TOLERANCE: Final = 1e-9
_MAX_DELAY_SECONDS: Final = 86_400.0
_MAX_SIGMA: Final = 10.0

_T = TypeVar("_T")


class FaultError(ValueError):
    """An invalid description of faults. The message names the item."""

    def __init__(self, item: str, reason: str) -> None:
        super().__init__(f"{item!r}: {reason}")
        self.item = item


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of a server or a request. `str()` gives a text that parses to an equal value."""

    items: tuple[Fault, ...] = ()
    latency: Latency | None = None
    close_after: int | None = None
    rate_limits: tuple[RateLimit, ...] = ()

    @staticmethod
    def parse(text: str) -> Faults:
        """Parse the language of `FAULT_SYNTAX`; blank text means no faults. Raises `FaultError`."""
        return _parse(text)

    @property
    def need_state(self) -> bool:
        """Do these faults depend on earlier requests?"""
        return bool(self.rate_limits) or any(fault.times is not None for fault in self.items)

    def draw(self, rng: Random, subject: Subject | None = None, exhausted: Container[Fault] = ()) -> Decision | None:
        """Decide the treatment of one request; None means a normal reply. `rng` is the only source of randomness.

        `exhausted` faults do not occur. Without a `subject`, only faults of all requests occur. Rate limits are not
        decided here.
        """
        if not self.items and self.latency is None:
            return None
        fault = self._draw_fault(rng.random(), subject, exhausted) if self.items else None
        delay = self.latency.draw(rng) if self.latency is not None else 0.0
        if fault is not None:
            return Decision(fault.kind, delay, fault.status, fault.retry_after, fault)
        return Decision(delay=delay) if delay else None

    def _draw_fault(self, point: float, subject: Subject | None, exhausted: Container[Fault]) -> Fault | None:
        for fault in self.items:
            if fault not in exhausted and _applies(fault.selector, subject):
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
        parts += map(str, self.rate_limits)
        return ",".join(parts)


def _applies(selector: Selector, subject: Subject | None) -> bool:
    return selector is EVERY_REQUEST or (subject is not None and selector.matches(subject))


@lru_cache(maxsize=256)
def _parse(text: str) -> Faults:
    faults = Faults()
    for item in text.split(",") if text.strip() else ():
        faults = _add_item(faults, item.strip())
    for selector in {fault.selector for fault in faults.items}:
        if math.fsum(each.probability for each in faults.items if each.selector == selector) > 1 + _ROUNDING_TOLERANCE:
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
    name, *parts = name.split("@")
    selector = _parse_selector(item, parts) if parts else EVERY_REQUEST
    if name == "rate-limit":
        return replace(faults, rate_limits=(*faults.rate_limits, RateLimit(_parse_count(item, value), selector)))
    return replace(faults, items=(*faults.items, _parse_fault(item, name, value, selector)))


def _parse_selector(item: str, parts: Sequence[str]) -> Selector:
    selector = Selector()
    for part in parts:
        if organization := re.fullmatch(r"organization-([1-9][0-9]{0,8})", part):
            selector = replace(selector, organization=int(organization[1]))
        elif page := re.fullmatch(r"page-([1-9][0-9]{0,8})", part):
            selector = replace(selector, page=int(page[1]))
        elif endpoint := _ENDPOINT_BY_NAME.get(part):
            selector = replace(selector, endpoint=endpoint)
        else:
            raise FaultError(item, f"unknown selector @{part}; use an endpoint's name, @organization-N or @page-N")
    return selector


def _require_single(item: str, earlier: _T | None, value: _T) -> _T:
    if earlier is not None:
        raise FaultError(item, "given twice; keep one")
    return value


def _parse_fault(item: str, name: str, value: str, selector: Selector) -> Fault:
    probability, times, option = _split_options(item, value)
    if kind := _KIND_BY_NAME.get(name):
        if option is not None:
            raise FaultError(item, "unknown option; the only one is times=N")
        return Fault(kind, _parse_number(item, probability, at_most=1), selector=selector, times=times)
    if not re.fullmatch(r"[345][0-9]{2}", name):
        raise FaultError(item, f"unknown fault {name!r}")
    retry_after = "1" if name == "429" else None
    if option is not None:
        retry_after = _parse_retry_after(item, option)
    number = _parse_number(item, probability, at_most=1)
    return Fault(FaultKind.STATUS, number, int(name), retry_after, selector, times)


def _split_options(item: str, value: str) -> tuple[str, int | None, str | None]:
    """The probability, the number of times, and the text of the last option."""
    probability, *options = value.split(":", 2)
    if not options or not options[0].strip().startswith("times="):
        return probability, None, ":".join(options) if options else None
    times = _parse_count(item, options[0].strip().removeprefix("times="))
    return probability, times, options[1] if len(options) > 1 else None


def _parse_retry_after(item: str, option: str) -> str | None:
    name, equals, value = (part.strip() for part in option.partition("="))
    if name != "retry-after" or not equals:
        raise FaultError(item, "unknown option; use times=N, retry-after=VALUE or both in this order")
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
        raise FaultError(item, "invalid number; use a whole number, 1 to 999999999")
    return int(text)


def _parse_number(item: str, text: str, *, at_most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise FaultError(item, f"invalid number {text!r}") from None
    if not 0 <= number <= at_most:
        raise FaultError(item, f"{text!r} is outside 0 to {at_most:g}")
    return number
