"""What reached the server, as the server saw it: the truth that a client's own account is compared with.

Theory of operation: three parallel arrays, 18 bytes a request, hold arrival, target and status in order of arrival;
what must be a maximum over all of them (the busiest second, the most in flight) is kept while they grow, so that a
summary is cheap. A target is one integer: an endpoint and, for connections and types, which one. Unknown ids share
one number, so a client cannot make the log grow by more than a request's worth.

Clock and names are arguments; nothing here knows HTTP.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

UNANSWERED: Final = 0
"""Status of a request that got no HTTP answer, or none yet."""

_WINDOW: Final = 1.0
"""Seconds."""

_INDEX_BITS: Final = 40


class Endpoint(IntEnum):
    """Where a request was for."""

    OTHER = 0
    CONNECTION = 1
    CONNECTIONS = 2
    ME = 3
    TYPES = 4
    TYPE = 5

    @property
    def template(self) -> str:
        """Its path, with a placeholder for what differs."""
        return _TEMPLATES[self]


_TEMPLATES = {
    Endpoint.OTHER: "other",
    Endpoint.CONNECTION: "/api/connections/{id}",
    Endpoint.CONNECTIONS: "/api/connections",
    Endpoint.ME: "/api/me",
    Endpoint.TYPES: "/api/connection_types",
    Endpoint.TYPE: "/api/connection_types/{id}",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for. `index` is that of the connection or type; None when there is none or it is unknown."""

    endpoint: Endpoint
    index: int | None = None


class Visit(NamedTuple):
    """One request under way. `epoch` tells which log it was counted in, should that be cleared meanwhile."""

    epoch: int
    number: int


class Entry(NamedTuple):
    """One request: arrival in seconds since the server's start, target, status."""

    t: float
    target: Target
    status: int


@dataclass(frozen=True, slots=True)
class PerId:
    """How many distinct connections were asked for, and the most requests for one of them."""

    ids: int
    max: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The log in numbers. The values of `by_status` and of `by_endpoint` each sum to `total`.

    `peak_per_second` is the most arrivals in any half-open window of one second.
    """

    total: int
    by_status: dict[int, int]
    by_endpoint: dict[str, int]
    peak_per_second: int
    peak_in_flight: int
    per_id: PerId


class RequestLog:
    """Counts requests. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._epoch = 0
        self._in_flight = 0
        self.clear()

    def __repr__(self) -> str:
        return f"<RequestLog {len(self._arrivals)} requests, {self._in_flight} in flight>"

    def clear(self) -> None:
        """Forget everything but the time of the start and the requests that are under way now."""
        self._epoch += 1
        self._arrivals = array("d")
        self._targets = array("q")
        self._statuses = array("h")
        self._per_id = array("I")
        self._ids = self._most_for_an_id = 0
        self._window_start = self._busiest_second = 0
        self._most_in_flight = self._in_flight

    def arrive(self, target: Target) -> Visit:
        """Count a request, now. Each visit must `leave` once."""
        now = self._clock() - self._start
        visit = Visit(self._epoch, len(self._arrivals))
        self._arrivals.append(now)
        self._targets.append(_packed(target))
        self._statuses.append(UNANSWERED)
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        self._slide_window(now)
        if target.endpoint is Endpoint.CONNECTION and target.index is not None:
            self._count_id(target.index)
        return visit

    def leave(self, visit: Visit, status: int) -> None:
        """The request is over: answered with this status, or `UNANSWERED`."""
        self._in_flight -= 1
        if visit.epoch == self._epoch:
            self._statuses[visit.number] = status

    def summary(self) -> Summary:
        """The numbers so far."""
        endpoints = Counter(packed >> _INDEX_BITS for packed in self._targets)
        return Summary(
            total=len(self._arrivals),
            by_status=dict(sorted(Counter(self._statuses).items())),
            by_endpoint={Endpoint(number).template: count for number, count in sorted(endpoints.items())},
            peak_per_second=self._busiest_second,
            peak_in_flight=self._most_in_flight,
            per_id=PerId(self._ids, self._most_for_an_id),
        )

    def entries(self) -> Iterator[Entry]:
        """The requests that arrived before this call, in order of arrival, lazily."""
        arrivals, targets, statuses = self._arrivals, self._targets, self._statuses
        return (
            Entry(arrivals[number], _unpacked(targets[number]), statuses[number]) for number in range(len(arrivals))
        )

    def _slide_window(self, now: float) -> None:
        arrivals = self._arrivals
        while now - arrivals[self._window_start] >= _WINDOW:
            self._window_start += 1
        self._busiest_second = max(self._busiest_second, len(arrivals) - self._window_start)

    def _count_id(self, index: int) -> None:
        missing = index + 1 - len(self._per_id)
        if missing > 0:
            self._per_id.frombytes(bytes(missing * self._per_id.itemsize))
        self._per_id[index] += 1
        count = self._per_id[index]
        self._ids += count == 1
        self._most_for_an_id = max(self._most_for_an_id, count)


def _packed(target: Target) -> int:
    index = 0 if target.index is None else target.index + 1
    return target.endpoint << _INDEX_BITS | index


def _unpacked(packed: int) -> Target:
    endpoint, index = packed >> _INDEX_BITS, packed & (1 << _INDEX_BITS) - 1
    return Target(Endpoint(endpoint), index - 1 if index else None)
