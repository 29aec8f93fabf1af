"""The parts of the fault language as values: faults, the requests they apply to, delays, and the resulting decision.

`str()` of each gives its text in the language. Must not know HTTP or sockets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Literal, Protocol

from collector.sandbox.endpoints import Endpoint


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


class Subject(Protocol):
    """The properties of a request that select faults. Organizations and pages are numbered from 1."""

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint of the request."""

    @property
    def organization_number(self) -> int:
        """The organization that the request is for."""

    @property
    def page_number(self) -> int | None:
        """The page that the request asks for, or None where there are no pages."""


@dataclass(frozen=True, slots=True)
class Selector:
    """The requests that a fault applies to. None stands for all."""

    endpoint: Endpoint | None = None
    organization: int | None = None
    page: int | None = None

    def matches(self, subject: Subject) -> bool:
        """Does the fault apply to this request?"""
        return (
            self.endpoint in (None, subject.endpoint)
            and self.organization in (None, subject.organization_number)
            and self.page in (None, subject.page_number)
        )

    def __str__(self) -> str:
        parts = (
            "" if self.endpoint is None else f"@{self.endpoint.name.lower()}",
            "" if self.organization is None else f"@organization-{self.organization}",
            "" if self.page is None else f"@page-{self.page}",
        )
        return "".join(parts)


EVERY_REQUEST = Selector()


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault and its probability.

    `status` applies to `FaultKind.STATUS` only. `retry_after` is the header's value as the language writes it: `date+2`
    means a date, None means no header. After `times` the fault no longer occurs; None means that it never ends.
    """

    kind: FaultKind
    probability: float
    status: int = 200
    retry_after: str | None = None
    selector: Selector = EVERY_REQUEST
    times: int | None = None

    def __str__(self) -> str:
        times = "" if self.times is None else f":times={self.times}"
        if self.kind is not FaultKind.STATUS:
            return f"{self.kind}{self.selector}={self.probability!r}{times}"
        retry_after = "none" if self.retry_after is None else self.retry_after
        return f"{self.status}{self.selector}={self.probability!r}{times}:retry-after={retry_after}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `replies` in any second to the selected requests; the others get a 429."""

    replies: int
    selector: Selector = EVERY_REQUEST

    def __str__(self) -> str:
        return f"rate-limit{self.selector}={self.replies}"


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
    """The treatment of one request: wait `delay` seconds, then apply `kind`. `fault` is the reason for it."""

    kind: FaultKind = FaultKind.NONE
    delay: float = 0.0
    status: int = 200
    retry_after: str | None = None
    fault: Fault | None = field(default=None, compare=False)
