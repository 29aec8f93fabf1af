"""Detects from latency alone whether the server queues requests. Pure.

Theory of operation. A server that queues serves no more requests per second when more are in flight; each only waits
longer (Little's law). The latency gradient, as in TCP Vegas, Netflix's concurrency-limits and Envoy's adaptive
concurrency, compares the present latency with that of an idle server. Latency can also rise for other reasons, such as
another type of connection or a slow minute. So each suspicion is tested by halving the requests in flight:

    watch ── slow window ──▸ measure ──▸ halve ── latency fell by 25 % ──▸ halve again
      ▲                                    │
      │                         latency did not fall
      │                                    │
      └── restore, cool down ◂── first halving · a later one ──▸ steer by one request per window

The lower quartile represents a window: a queue delays even the fastest replies, a heavy tail does not. Once a queue is
proven, the median steers. A delay of less than `_MIN_DELAY` above twice the idle latency is not a queue, because the
collector's event loop alone adds as much.
"""

from __future__ import annotations

from enum import Enum
from math import inf

_MIN_WINDOW = 8  # replies in a window; or the limit of requests in flight, if that is higher
_SLOW_FACTOR = 2.0  # times the idle latency; slow above it
_FAST_FACTOR = 1.5
_MIN_DELAY = 0.01  # seconds
_IMPROVED_FACTOR = 0.75  # of the latency before halving
_COOL_DOWN = 8  # windows after a wrong suspicion; doubles with each
_MAX_COOL_DOWN = 512


class _Phase(Enum):
    WATCH = 1
    MEASURE = 2
    HALVE = 3
    STEER = 4


class QueueDetector:
    """Sets the limit of requests in flight by latency, once a queue is proven. Latencies are in seconds."""

    def __init__(self) -> None:
        self._phase = _Phase.WATCH
        self._idle = inf
        self._window: list[float] = []
        self._window_size = _MIN_WINDOW
        self._skip = 0  # replies to requests sent before the limit changed
        self._before_halving = (0, 0.0)  # limit and latency before the last halving
        self._original_limit = 0  # limit when the suspicion arose
        self._cool_down = 0
        self._next_cool_down = _COOL_DOWN

    @property
    def is_in_control(self) -> bool:
        """Does latency control the limit, so that successes must not raise it?"""
        return self._phase is not _Phase.WATCH

    def replied(self, seconds: float, limit: int) -> int:
        """Count a reply that took `seconds` under `limit`, and return the new limit."""
        if self._skip:
            self._skip -= 1
            return limit
        if not self._window:
            self._window_size = max(_MIN_WINDOW, limit)
        self._window.append(seconds)
        if len(self._window) < self._window_size:
            return limit
        window, self._window = sorted(self._window), []
        if self._idle == inf:
            self._idle = window[0]
        if self._phase is _Phase.STEER:
            return self._steer(window[len(window) // 2], limit)
        return self._evaluate(window[len(window) // 4], limit)

    def reset_window(self) -> None:
        """Discard the window, because the limit changed for another reason."""
        self._window.clear()
        if self._phase in {_Phase.MEASURE, _Phase.HALVE}:
            self._phase = _Phase.WATCH

    def _evaluate(self, latency: float, limit: int) -> int:
        match self._phase:
            case _Phase.WATCH:
                return self._watch(latency, limit)
            case _Phase.MEASURE:
                return self._halve(latency, limit)
            case _:
                return self._compare(latency, limit)

    def _watch(self, latency: float, limit: int) -> int:
        is_slow = latency > _SLOW_FACTOR * self._idle + _MIN_DELAY
        self._idle = min(self._idle, latency)
        if self._cool_down:
            self._cool_down -= 1
        elif is_slow and limit > 1:
            self._phase, self._skip, self._original_limit = _Phase.MEASURE, limit, limit
        return limit

    def _halve(self, latency: float, limit: int) -> int:
        self._phase, self._skip, self._before_halving = _Phase.HALVE, limit, (limit, latency)
        return max(1, limit // 2)

    def _compare(self, latency: float, limit: int) -> int:
        limit_before, latency_before = self._before_halving
        if latency <= _IMPROVED_FACTOR * latency_before:
            self._idle = min(self._idle, latency)
            if limit > 1:
                return self._halve(latency, limit)
            self._phase = _Phase.STEER
            return limit
        self._idle = latency  # fewer requests are not faster, so this is the idle latency
        if limit_before == self._original_limit:
            self._phase, self._cool_down = _Phase.WATCH, self._next_cool_down
            self._next_cool_down = min(_MAX_COOL_DOWN, 2 * self._next_cool_down)
            return limit_before
        self._phase = _Phase.STEER
        return limit_before

    def _steer(self, latency: float, limit: int) -> int:
        self._skip = limit
        if limit == 1:
            self._idle = latency
        if latency > _SLOW_FACTOR * self._idle + _MIN_DELAY / 2:
            return max(1, limit - max(1, limit // 8))
        return limit + 1 if latency < _FAST_FACTOR * self._idle + _MIN_DELAY / 4 else limit

    def __repr__(self) -> str:
        return f"<QueueDetector {self._phase.name.lower()} idle={self._idle * 1000:.0f}ms>"
