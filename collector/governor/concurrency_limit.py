"""How many requests may be in flight: additive increase, multiplicative decrease. Pure.

Theory of operation. The limit starts small and grows by one with each success until the first cut (slow start: it
doubles every round trip), then by one with each round of as many successes as it allows. It grows only while at least
half of it is in use: what was never tried is not known to go well. A request to slow down, or a time-out, cuts it to
0.7 of itself, at most once a second, so that the failures of one moment are one cut. An error never makes it grow.
Where the server queues, latency sets it instead (`queueing`).
"""

from __future__ import annotations

from collector.governor.queueing import QueueProbe

_INITIAL = 4
_CUT_FACTOR = 0.7
_MIN_CUT_INTERVAL = 1.0  # seconds


class ConcurrencyLimit:
    """A limit between 1 and `ceiling`. Times are monotonic seconds."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._successes = 0
        self._cut_at = float("-inf")
        self._queue = QueueProbe()
        self.limit = min(_INITIAL, ceiling)
        self.was_cut = False

    def succeeded(self, in_flight: int, seconds: float = 0.0) -> None:
        """A request succeeded after so long; so many, this one included, were in flight."""
        if 2 * in_flight < self.limit:
            return
        self.limit = min(self._ceiling, self._queue.replied(seconds, self.limit))
        if self.limit >= self._ceiling or self._queue.is_in_control:
            return
        self._successes += 1
        if not self.was_cut or self._successes >= self.limit:
            self.limit += 1
            self._successes = 0

    def cut(self, now: float) -> bool:
        """Fewer from now on; was it not a second since the last cut, nothing changes and False is returned."""
        if now - self._cut_at < _MIN_CUT_INTERVAL:
            return False
        self.limit = max(1, int(self.limit * _CUT_FACTOR))
        self._queue.reset_window()
        self._cut_at, self._successes, self.was_cut = now, 0, True
        return True

    @property
    def is_below_ceiling(self) -> bool:
        """Did the server's failures, or its queue, bring the limit below what the user allows?"""
        return (self.was_cut or self._queue.is_in_control) and self.limit < self._ceiling

    def __repr__(self) -> str:
        return f"<ConcurrencyLimit {self.limit} of {self._ceiling}>"
