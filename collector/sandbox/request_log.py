"""A log of all requests that reached the server, to compare with the counts that a client reports.

Theory of operation: three parallel arrays store arrival, target and status in order of arrival, 18 bytes per request.
The maxima (requests per second, requests in flight) are updated as requests arrive, so a summary is cheap. A target
is one integer: an endpoint, an organization and, for connections and types, an index. All unknown ids share one index,
so a request with a long id takes no more space than any other.

The clock is an argument. Must not know HTTP or ids.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.sandbox.endpoints import Endpoint

UNANSWERED: Final = 0
"""Status of a request without an HTTP reply, or without one so far."""

_WINDOW_SECONDS: Final = 1.0

_INDEX_BITS: Final = 40
_ORGANIZATION_BITS: Final = 16

_CONNECTION: Final = Endpoint.CONNECTION
"""Read for every request; the member of the enum takes longer to look up."""


@dataclass(frozen=True, slots=True)
class Target:
    """The object of a request. `index` is that of the connection or type; None for other endpoints and unknown ids.

    `organization` is the position, from 0, of the organization that the request is for.
    """

    endpoint: Endpoint
    index: int | None = None
    organization: int = 0


class OpenRequest(NamedTuple):
    """A request in progress. `epoch` identifies the log that counted it: `clear` starts a new one."""

    epoch: int
    number: int


class LogEntry(NamedTuple):
    """One request: arrival in seconds since the server's start, target and status."""

    arrival: float
    target: Target
    status: int


@dataclass(frozen=True, slots=True)
class PerId:
    """Number of distinct connections requested, and the maximum number of requests for one connection."""

    ids: int
    max: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The log in numbers. The values of `by_status` sum to `total`, and so do those of `by_endpoint`.

    `peak_per_second` is the maximum number of arrivals in any half-open window of one second.
    """

    total: int
    by_status: dict[int, int]
    by_endpoint: dict[str, int]
    by_organization: dict[int, int]
    peak_per_second: int
    peak_in_flight: int
    per_id: PerId


class RequestLog:
    """Records requests. `clock` returns seconds and is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._epoch = 0
        self._in_flight = 0
        self.clear()

    def __repr__(self) -> str:
        return f"<RequestLog {len(self._arrivals)} requests, {self._in_flight} in flight>"

    def clear(self) -> None:
        """Delete all entries. Keeps the start time and the count of requests in progress."""
        self._epoch += 1
        self._arrivals = array("d")
        self._targets = array("q")
        self._statuses = array("h")
        self._counts: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))  # by organization, then by index
        self._distinct_ids = self._max_per_id = 0
        self._window_start = self._peak_per_second = 0
        self._peak_in_flight = self._in_flight

    def begin(self, target: Target) -> OpenRequest:
        """Record a request that arrives now. Call `end` exactly once for each."""
        now = self._clock() - self._start
        open_request = OpenRequest(self._epoch, len(self._arrivals))
        self._arrivals.append(now)
        index = target.index
        group = target.endpoint << _ORGANIZATION_BITS | target.organization
        self._targets.append(group << _INDEX_BITS if index is None else group << _INDEX_BITS | index + 1)
        self._statuses.append(UNANSWERED)
        self._in_flight += 1
        self._peak_in_flight = max(self._peak_in_flight, self._in_flight)
        self._slide_window(now)
        if index is not None and target.endpoint is _CONNECTION:
            self._count_id(target.organization, index)
        return open_request

    def end(self, open_request: OpenRequest, status: int) -> None:
        """Record the end of a request: its status, or `UNANSWERED`."""
        self._in_flight -= 1
        if open_request.epoch == self._epoch:
            self._statuses[open_request.number] = status

    def summary(self) -> Summary:
        """The numbers up to now."""
        endpoints: Counter[str] = Counter()
        organizations: Counter[int] = Counter()
        for code, count in sorted(Counter(code >> _INDEX_BITS for code in self._targets).items()):
            target = _decode_target(code << _INDEX_BITS)
            endpoints[target.endpoint.template] += count
            organizations[target.organization + 1] += count
        return Summary(
            total=len(self._arrivals),
            by_status=dict(sorted(Counter(self._statuses).items())),
            by_endpoint=dict(endpoints),
            by_organization=dict(sorted(organizations.items())),
            peak_per_second=self._peak_per_second,
            peak_in_flight=self._peak_in_flight,
            per_id=PerId(self._distinct_ids, self._max_per_id),
        )

    def entries(self) -> Iterator[LogEntry]:
        """The requests that arrived before this call, lazily, in order of arrival."""
        arrivals, targets, statuses = self._arrivals, self._targets, self._statuses
        return (
            LogEntry(arrivals[number], _decode_target(targets[number]), statuses[number])
            for number in range(len(arrivals))
        )

    def _slide_window(self, now: float) -> None:
        arrivals = self._arrivals
        while now - arrivals[self._window_start] >= _WINDOW_SECONDS:
            self._window_start += 1
        self._peak_per_second = max(self._peak_per_second, len(arrivals) - self._window_start)

    def _count_id(self, organization: int, index: int) -> None:
        counts = self._counts[organization]
        try:
            count = counts[index] + 1
        except IndexError:
            counts.frombytes(bytes((index + 1 - len(counts)) * counts.itemsize))
            count = 1
        counts[index] = count
        self._distinct_ids += count == 1
        self._max_per_id = max(self._max_per_id, count)


def _decode_target(code: int) -> Target:
    group, index = code >> _INDEX_BITS, code & (1 << _INDEX_BITS) - 1
    endpoint, organization = group >> _ORGANIZATION_BITS, group & (1 << _ORGANIZATION_BITS) - 1
    return Target(Endpoint(endpoint), index - 1 if index else None, organization)
