"""Nothing starts for a while, and then one request tries: pauses that the server asks for, and outages. Pure.

    closed ── the server asks for a pause ──▸ open until it is over ──▸ half open: one probe is in flight
       ▲  └── 10 of the last 20 failed ────▸ open for 1 s ────────────▸     │
       │                                        ▲                           │
       │                                        ├── 2, 4 … 60 s ◂── fails ──┤
       │                                        └── as long as asked ◂──────┤ is told to wait
       └──────────────────────────────── is answered ◂──────────────────────┘

A failure is one of the server or of the way to it, not an answer that is of no use. Only the probe's own failure
doubles the wait, and what began before the breaker last closed says nothing new. The breaker also opens when there was
no answer for `_SILENCE` seconds but several failures: where few are in flight, twenty requests take too long.

An *outage* lasts from the first failure after the last answer, without the pauses that the server asked for in it. It
is told once a probe has failed: broken ids may look like one until then (see `client`). When nothing was ever
answered, a few failures tell.
"""

from __future__ import annotations

from typing import Final

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
"""Seconds until the first probe of an outage, and at most between two."""

_WINDOW = 20
_LAST = (1 << _WINDOW) - 1
_TOO_MANY = _WINDOW // 2
_TELLING = 5
_SILENCE = 10.0


class Breaker:
    """Says when a request may start, and which one is a probe. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.is_open = False
        self.is_probing = False
        self.outage_wait = 0.0  # seconds of the last wait for a server that fails; 0 when it is not that we wait for
        self.answered_at = float("-inf")
        self._until = 0.0
        self._closed_at = float("-inf")
        self._failed = 0  # a bit for each of the last requests, set for a failure
        self._seen = 0
        self._failures = 0  # since the last answer
        self._failing_since = 0.0

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now. Ask only while no probe is in flight."""
        return max(0.0, self._until - now) if self.is_open else 0.0

    def probe(self) -> None:
        """The request that starts now is the probe."""
        self.is_probing = True

    def answered(self, now: float, *, is_probe: bool) -> bool:
        """The server answered. True when the breaker closes by it: not before a pause asked for meanwhile is over."""
        self.answered_at, self._failures = now, 0
        self._see(0)
        if not is_probe:
            return False
        self.is_probing = False
        self.outage_wait, self._failed = 0.0, 0
        self.is_open = now < self._until
        if not self.is_open:
            self._closed_at = now
        return not self.is_open

    def paused(self, now: float, seconds: float, *, is_probe: bool) -> None:
        """The server is there, and nothing starts for so many seconds; of several pauses the latest end counts."""
        self.answered_at, self._failures = now, 0
        self._see(0)
        self.outage_wait = 0.0
        self._open(now + seconds, is_probe=is_probe)

    def shut_out(self, now: float, seconds: float, *, asked: float, is_probe: bool) -> None:
        """As `paused`, but the server serves nobody; the seconds that it `asked` for are no time of the outage."""
        self._fail(now)
        self._failing_since += asked
        self._open(now + seconds, is_probe=is_probe)

    def failed(self, now: float, began: float, *, is_probe: bool) -> bool:
        """The server failed a request that `began` then. True when the breaker opens by it, or opens again."""
        if began < self._closed_at:
            return False
        self._fail(max(began, self.answered_at))
        is_too_much = self._seen >= _WINDOW and self._failed.bit_count() >= _TOO_MANY
        is_silent = self._failures >= _TELLING and now - self._failing_since >= _SILENCE
        if is_probe or ((is_too_much or is_silent) and not self.is_open):
            self.trip(now, is_probe=is_probe)
            return True
        return False

    def trip(self, now: float, *, is_probe: bool = False) -> None:
        """Open for an outage, for twice as long as before."""
        self.outage_wait = min(LONGEST_WAIT, max(FIRST_WAIT, 2 * self.outage_wait))
        self._open(now + self.outage_wait, is_probe=is_probe)

    def dropped(self, now: float, *, is_probe: bool) -> None:
        """A request ended without a verdict on the server: another is the probe, after as long a wait again."""
        if is_probe:
            self._open(now + max(FIRST_WAIT, self.outage_wait), is_probe=True)

    def outage(self, now: float) -> float:
        """For how many seconds there has been an outage; 0 when there is none."""
        is_never_answered = self.answered_at == float("-inf") and self._failures >= _TELLING
        is_waiting = self.is_open and self._failures > 0 and self.outage_wait != FIRST_WAIT
        return max(0.0, now - self._failing_since) if is_never_answered or is_waiting else 0.0

    def _fail(self, since: float) -> None:
        if self._failures == 0:
            self._failing_since = since
        self._failures += 1
        self._see(1)

    def _see(self, failed: int) -> None:
        self._seen += 1
        self._failed = (self._failed << 1 | failed) & _LAST

    def _open(self, until: float, *, is_probe: bool) -> None:
        self.is_open = True
        self._until = max(self._until, until)
        if is_probe:
            self.is_probing = False

    def __repr__(self) -> str:
        return f"<Breaker {'half open' if self.is_probing else 'open' if self.is_open else 'closed'}>"
