"""Nothing starts for a while, and then one request tries: pauses that the server asks for, and outages. Pure.

    closed ── the server asks for a pause ──▸ open until it is over ──▸ half open: one probe is in flight
       ▲  └── 10 of the last 20 failed ────▸ open for 1 s ────────────▸     │
       │                                        ▲                           │
       │                                        ├── 2, 4 … 60 s ◂── fails ──┤
       │                                        └── as long as asked ◂──────┤ is told to wait
       └──────────────────────────────── is answered ◂──────────────────────┘

A failure is one of the server or of the way to it, not an answer that is of no use for one id. Only the probe's own
failure doubles the wait: requests that were in flight already say nothing new. An *outage* lasts from the first of at
least `_TELLING` failures without an answer between them, whether or not the breaker has opened yet.
"""

from __future__ import annotations

from typing import Final

PROBE_WAITS: Final = (1.0, 60.0)
"""Seconds until the first probe of an outage, and at most between two."""

_WINDOW = 20
_LAST = (1 << _WINDOW) - 1
_TOO_MANY = _WINDOW // 2
_TELLING = 5


class Breaker:
    """Says when a request may start, and which one is a probe. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.is_open = False
        self._until = 0.0
        self._is_probing = False
        self._outage_wait = 0.0  # seconds, of the last wait for a server that failed; 0 when it answers
        self._failed = 0  # a bit for each of the last answers, set for a failure
        self._seen = 0
        self._failures = 0  # since the last answer
        self._failing_since = 0.0
        self.answered_at = float("-inf")

    @property
    def is_probing(self) -> bool:
        """Is a probe in flight?"""
        return self._is_probing

    @property
    def is_outage(self) -> bool:
        """Is it failures that the breaker is open for, and not a pause that the server asked for?"""
        return self._outage_wait > 0

    def delay(self, now: float) -> float:
        """Seconds until a request may start; 0 when one may now. Ask only while no probe is in flight."""
        return max(0.0, self._until - now) if self.is_open else 0.0

    def probe(self) -> None:
        """The request that starts now is the probe."""
        self._is_probing = True

    def answered(self, now: float, *, is_probe: bool) -> bool:
        """The server answered. True when the breaker closes by it: not before a pause asked for meanwhile is over."""
        self.available(now)
        if not is_probe:
            return False
        self._is_probing = False
        self._outage_wait, self._failed = 0.0, 0
        self.is_open = now < self._until
        return not self.is_open

    def paused(self, now: float, seconds: float, *, is_probe: bool) -> None:
        """Nothing starts for so many seconds; of several pauses the one that ends last counts."""
        self._outage_wait = 0.0
        self._open(now + seconds, is_probe=is_probe)

    def failed(self, now: float, began: float, *, is_probe: bool) -> bool:
        """The server failed a request that `began` then. True when the breaker opens by it, or opens again."""
        self.unavailable(began)
        self._failed |= 1
        if is_probe:
            return self.trip(now, is_probe=True)
        is_too_much = self._seen >= _WINDOW and self._failed.bit_count() >= _TOO_MANY
        return not self.is_open and is_too_much and self.trip(now)

    def trip(self, now: float, *, is_probe: bool = False) -> bool:
        """Open for an outage; True, always."""
        first, longest = PROBE_WAITS
        self._outage_wait = min(longest, max(first, 2 * self._outage_wait))
        self._open(now + self._outage_wait, is_probe=is_probe)
        return True

    def dropped(self, now: float, *, is_probe: bool) -> None:
        """A request ended without a verdict on the server: another is the probe, after as long a wait again."""
        if is_probe:
            self._open(now + max(PROBE_WAITS[0], self._outage_wait), is_probe=True)

    def outage(self, now: float) -> float:
        """For how many seconds there have been failures only; 0 when there is no outage."""
        return now - self._failing_since if self._failures >= _TELLING else 0.0

    @property
    def seconds_to_probe(self) -> float:
        """How long the last wait for a server that fails was to be."""
        return self._outage_wait

    def available(self, now: float) -> None:
        """The server is there."""
        self.answered_at = now
        self._failures = 0
        self._see()

    def unavailable(self, began: float) -> None:
        """It was not there for a request that `began` then."""
        if self._failures == 0:
            self._failing_since = max(began, self.answered_at)
        self._failures += 1
        self._see()

    def _see(self) -> None:
        self._seen += 1
        self._failed = self._failed << 1 & _LAST

    def _open(self, until: float, *, is_probe: bool) -> None:
        self.is_open = True
        self._until = max(self._until, until)
        if is_probe:
            self._is_probing = False

    def __repr__(self) -> str:
        return f"<Breaker {'half open' if self._is_probing else 'open' if self.is_open else 'closed'}>"
