"""Limits requests in flight: additive increase, multiplicative decrease. Pure.

Theory of operation. The limit starts small. Until the first cut it grows by one with each success (slow start: it
doubles every round trip). After that it grows by one each time as many requests as the limit have succeeded. It grows
only while at least half of it is in use, because an unused limit is untested. A throttled reply or a time-out cuts it
to 0.7 of its value, at most once a second, so that simultaneous failures cause one cut. An error never raises it. If
the server queues requests, latency sets the limit instead (`queueing`).
"""

from __future__ import annotations

from collector.governor.queueing import QueueDetector

_INITIAL = 4
_CUT_FACTOR = 0.7
_MIN_CUT_INTERVAL = 1.0  # seconds


class ConcurrencyLimit:
    """A limit between 1 and `ceiling`. Times are monotonic seconds."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._successes = 0
        self._cut_at = float("-inf")
        self._queue = QueueDetector()
        self.limit = min(_INITIAL, ceiling)
        self.was_cut = False

    def succeeded(self, in_flight: int, seconds: float = 0.0) -> None:
        """Count a success after `seconds`, with `in_flight` requests in flight, this one included."""
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
        """Reduce the limit. Return False, without a change, within a second of the last cut."""
        if now - self._cut_at < _MIN_CUT_INTERVAL:
            return False
        self.limit = max(1, int(self.limit * _CUT_FACTOR))
        self._queue.reset_window()
        self._cut_at, self._successes, self.was_cut = now, 0, True
        return True

    @property
    def is_below_ceiling(self) -> bool:
        """Did the server's failures or its queue reduce the limit below the user's ceiling?"""
        return (self.was_cut or self._queue.is_in_control) and self.limit < self._ceiling

    def __repr__(self) -> str:
        return f"<ConcurrencyLimit {self.limit} of {self._ceiling}>"
