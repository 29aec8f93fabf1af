"""Circuit breaker: stops all requests during pauses and outages, then probes with one request. Pure.

    closed ── throttled: pause ──────▸ open until the pause ends ──▸ half open: one probe in flight
       ▲  └── 10 of the last 20 failed ──▸ open for 1 s ──────────▸     │
       │                                      ▲                         │
       │                                      ├── 2, 4 … 60 s ◂─────────┤ probe failed
       │                                      └── requested wait ◂──────┤ probe throttled
       └───────────────────────────────────────── answered ◂────────────┘

A failure means that the server or the network failed; an unusable reply is not one. Only a failed probe doubles the
wait. Requests sent before the breaker last closed are ignored when they fail. The breaker also opens after several
failures and `_MAX_SILENCE` seconds without a reply, because with few requests in flight twenty take too long.

An *outage* begins with the first failure after the last reply. Pauses that the server requested do not count. It is
reported once a probe has failed, because until then the cause may be broken ids (see `client.retrier`). Before the
first reply of a run, a few failures suffice.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

FIRST_WAIT: Final = 1.0
"""Seconds until the first probe of an outage."""
MAX_WAIT: Final = 60.0
"""Maximum seconds between two probes."""

_WINDOW = 20
_WINDOW_MASK = (1 << _WINDOW) - 1
_MIN_WINDOW_FAILURES = _WINDOW // 2
_MIN_FAILURES = 5
_MAX_SILENCE = 10.0
_MAX_WAITS = 10  # the count stops here; the wait reaches its maximum earlier


class State(Enum):
    """CLOSED: requests flow. OPEN: none is sent. HALF_OPEN: the probe is in flight."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


_NEXT: Final = {
    State.CLOSED: {State.OPEN},
    State.OPEN: {State.OPEN, State.HALF_OPEN},
    State.HALF_OPEN: {State.OPEN, State.CLOSED},
}


class CircuitBreaker:
    """Decides when a request may be sent, and which one is a probe. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.answered_at = float("-inf")
        self._until = 0.0
        self._closed_at = float("-inf")
        self._data_arrived_at = float("-inf")
        self._failed = 0  # one bit for each of the last requests; 1 is a failure
        self._seen = 0
        self._failures = 0  # since the last reply
        self._failing_since = 0.0
        self._waits = 0  # consecutive waits of an outage; 0 during a pause

    @property
    def is_open(self) -> bool:
        """Are requests held back?"""
        return self.state is not State.CLOSED

    @property
    def is_probing(self) -> bool:
        """Is the probe in flight?"""
        return self.state is State.HALF_OPEN

    @property
    def outage_wait(self) -> float:
        """Seconds to wait before the next probe of an outage; 0 during any other pause."""
        return min(MAX_WAIT, FIRST_WAIT * 2 ** (self._waits - 1)) if self._waits else 0.0

    def _enter(self, state: State) -> None:
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"invalid transition of the breaker: {self.state.value} to {state.value}")
        self.state = state

    def delay(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 if now. Call it only while no probe is in flight."""
        return max(0.0, self._until - now) if self.is_open else 0.0

    def begin_probe(self) -> None:
        """Make the request that is sent now the probe."""
        self._enter(State.HALF_OPEN)

    def answered(self, now: float, *, is_probe: bool) -> bool:
        """Count a reply. Return True if it closes the breaker, which stays open until the last requested pause ends."""
        self.answered_at, self._failures = now, 0
        self._record(0)
        if not is_probe:
            return False
        self._waits = self._failed = 0
        if now < self._until:
            self._enter(State.OPEN)
            return False
        self._enter(State.CLOSED)
        self._closed_at = now
        return True

    def paused(self, now: float, seconds: float, *, is_probe: bool) -> None:
        """Open for a pause of `seconds` that a working server requested. Overlapping pauses end with the last one."""
        self.answered_at, self._failures = now, 0
        self._record(0)
        self._waits = 0
        self._open(now + seconds, is_probe=is_probe)

    def unavailable(self, now: float, seconds: float, *, requested: float, is_probe: bool) -> None:
        """Open for `seconds` during an outage; the `requested` seconds do not count towards the outage."""
        self._record_failure(now)
        self._failing_since += requested
        self._open(now + seconds, is_probe=is_probe)

    def failed(self, now: float, began: float, *, is_probe: bool, is_sole: bool = False) -> bool:
        """Count a failed request that `began` then. Return True if the failure opens or reopens the breaker.

        `is_sole`: no other request is sent until this one succeeds, so its failure counts as `_MIN_FAILURES`.
        """
        if began < self._closed_at:
            return False
        self._record_failure(max(began, self.answered_at, self._data_arrived_at), _MIN_FAILURES if is_sole else 1)
        has_too_many_failures = self._seen >= _WINDOW and self._failed.bit_count() >= _MIN_WINDOW_FAILURES
        is_silent = self._failures >= _MIN_FAILURES and now - self._failing_since >= _MAX_SILENCE
        if is_probe or ((has_too_many_failures or is_silent) and not self.is_open):
            self.trip(now, is_probe=is_probe)
            return True
        return False

    def trip(self, now: float, *, is_probe: bool = False) -> None:
        """Open for an outage, twice as long as the last time."""
        self._waits = min(self._waits + 1, _MAX_WAITS)
        self._open(now + self.outage_wait, is_probe=is_probe)

    def arrived(self, now: float) -> None:
        """Note that data arrived until now, so an outage cannot have begun earlier."""
        self._data_arrived_at = now

    def abandoned(self, now: float, *, is_probe: bool) -> None:
        """A request was abandoned. If it was the probe, the next one follows after the same wait."""
        if is_probe:
            self._open(now + max(FIRST_WAIT, self.outage_wait), is_probe=True)

    def outage_seconds(self, now: float) -> float:
        """Return how many seconds the outage has lasted; 0 without an outage."""
        is_never_answered = self.answered_at == float("-inf") and self._failures >= _MIN_FAILURES
        is_waiting = self.is_open and self._failures > 0 and self._waits != 1
        return max(0.0, now - self._failing_since) if is_never_answered or is_waiting else 0.0

    def _record_failure(self, since: float, failures: int = 1) -> None:
        if self._failures == 0:
            self._failing_since = since
        self._failures += failures
        self._record(1)

    def _record(self, failed: int) -> None:
        self._seen += 1
        self._failed = (self._failed << 1 | failed) & _WINDOW_MASK

    def _open(self, until: float, *, is_probe: bool) -> None:
        self._until = max(self._until, until)
        if is_probe or self.state is not State.HALF_OPEN:
            self._enter(State.OPEN)

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.state.value}>"
