"""Nothing starts for a while, and then one request tries: pauses that the server asks for, and outages. Pure.

    closed ── the server asks for a pause ──▸ open until it is over ──▸ half open: one probe is in flight
       ▲  └── 10 of the last 20 failed ────▸ open for 1 s ────────────▸     │
       │                                        ▲                           │
       │                                        ├── 2, 4 … 60 s ◂── fails ──┤
       │                                        └── as long as asked ◂──────┤ is told to wait
       └──────────────────────────────── is answered ◂──────────────────────┘

A failure is one of the server or of the way to it, not an answer that is of no use. Only the probe's own failure
doubles the wait, and what began before the breaker last closed says nothing new. The breaker also opens when there was
no answer for `_MAX_SILENCE` seconds but several failures: where few are in flight, twenty requests take too long.

An *outage* lasts from the first failure after the last answer, without the pauses that the server asked for in it. It
is told once a probe has failed: broken ids may look like one until then (see `client.retrier`). When nothing was ever
answered, a few failures tell.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

FIRST_WAIT: Final = 1.0
MAX_WAIT: Final = 60.0
"""Seconds until the first probe of an outage, and at most between two."""

_WINDOW = 20
_WINDOW_MASK = (1 << _WINDOW) - 1
_MAX_FAILURES = _WINDOW // 2
_MIN_FAILURES = 5
_MAX_SILENCE = 10.0
_MAX_WAITS = 10  # that are counted; the wait is at its longest before


class State(Enum):
    """What may start: everything, nothing, or nothing more than the probe that is in flight."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


_NEXT: Final = {
    State.CLOSED: {State.OPEN},
    State.OPEN: {State.OPEN, State.HALF_OPEN},
    State.HALF_OPEN: {State.OPEN, State.CLOSED},
}


class CircuitBreaker:
    """Says when a request may start, and which one is a probe. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.answered_at = float("-inf")
        self._until = 0.0
        self._closed_at = float("-inf")
        self._data_arrived_at = float("-inf")
        self._failed = 0  # a bit for each of the last requests, set for a failure
        self._seen = 0
        self._failures = 0  # since the last answer
        self._failing_since = 0.0
        self._waits = 0  # for a server that fails, in a row; none when it is not that we wait for

    @property
    def is_open(self) -> bool:
        """Is anything held back?"""
        return self.state is not State.CLOSED

    @property
    def is_probing(self) -> bool:
        """Is the probe in flight?"""
        return self.state is State.HALF_OPEN

    @property
    def outage_wait(self) -> float:
        """Seconds of the last wait for a server that fails; 0 when it is not that we wait for."""
        return min(MAX_WAIT, FIRST_WAIT * 2 ** (self._waits - 1)) if self._waits else 0.0

    def _enter(self, state: State) -> None:
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a breaker that is {self.state.value} cannot become {state.value}")
        self.state = state

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now. Ask only while no probe is in flight."""
        return max(0.0, self._until - now) if self.is_open else 0.0

    def begin_probe(self) -> None:
        """The request that starts now is the probe."""
        self._enter(State.HALF_OPEN)

    def answered(self, now: float, *, is_probe: bool) -> bool:
        """The server answered. True when the breaker closes by it: not before a pause asked for meanwhile is over."""
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
        """The server is there, and nothing starts for so many seconds; of several pauses the latest end counts."""
        self.answered_at, self._failures = now, 0
        self._record(0)
        self._waits = 0
        self._open(now + seconds, is_probe=is_probe)

    def unavailable(self, now: float, seconds: float, *, requested: float, is_probe: bool) -> None:
        """As `paused`, but the server serves nobody; the seconds that it `requested` for are no time of the outage."""
        self._record_failure(now)
        self._failing_since += requested
        self._open(now + seconds, is_probe=is_probe)

    def failed(self, now: float, began: float, *, is_probe: bool, is_sole: bool = False) -> bool:
        """The server failed a request that `began` then. True when the breaker opens by it, or opens again.

        `is_sole`: no other request is sent until this one succeeds, so its failure counts as `_MIN_FAILURES`.
        """
        if began < self._closed_at:
            return False
        self._record_failure(max(began, self.answered_at, self._data_arrived_at), _MIN_FAILURES if is_sole else 1)
        is_too_much = self._seen >= _WINDOW and self._failed.bit_count() >= _MAX_FAILURES
        is_silent = self._failures >= _MIN_FAILURES and now - self._failing_since >= _MAX_SILENCE
        if is_probe or ((is_too_much or is_silent) and not self.is_open):
            self.trip(now, is_probe=is_probe)
            return True
        return False

    def trip(self, now: float, *, is_probe: bool = False) -> None:
        """Open for an outage, for twice as long as before."""
        self._waits = min(self._waits + 1, _MAX_WAITS)
        self._open(now + self.outage_wait, is_probe=is_probe)

    def arrived(self, now: float) -> None:
        """A part of an answer arrived until now: no outage began before."""
        self._data_arrived_at = now

    def abandoned(self, now: float, *, is_probe: bool) -> None:
        """A request ended without a verdict on the server: another is the probe, after as long a wait again."""
        if is_probe:
            self._open(now + max(FIRST_WAIT, self.outage_wait), is_probe=True)

    def outage_seconds(self, now: float) -> float:
        """For how many seconds there has been an outage; 0 when there is none."""
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
