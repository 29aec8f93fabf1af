"""Draws the faults of one server in turn: keeps count of those that end, and of replies in the last second.

The clock and the random generator are arguments. Must not know HTTP or sockets.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import Final

from collector.sandbox.fault_items import Decision, Fault, FaultKind, Subject
from collector.sandbox.faults import Faults

_THROTTLED: Final = Decision(FaultKind.STATUS, status=429, retry_after="1")
_WINDOW_SECONDS: Final = 1.0


class FaultSchedule:
    """The faults of a server. `clock` returns seconds and is monotonic."""

    def __init__(self, faults: Faults, rng: Random, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._rng = rng
        self._clock = clock
        self._counts: Counter[Fault] = Counter()
        self._exhausted: set[Fault] = set()
        self._replies: list[deque[float]] = [deque(maxlen=limit.replies) for limit in faults.rate_limits]

    def __repr__(self) -> str:
        return f"<FaultSchedule of {self._faults}>"

    def draw(self, subject: Subject) -> Decision | None:
        """Decide the treatment of the next request; None means a normal reply."""
        if self._replies and self._is_throttled(subject):
            return _THROTTLED
        decision = self._faults.draw(self._rng, subject, self._exhausted)
        if decision is not None and decision.fault is not None and decision.fault.times is not None:
            self._count(decision.fault, decision.fault.times)
        return decision

    def _is_throttled(self, subject: Subject) -> bool:
        """Is a limit reached? If not, the reply counts toward every limit that applies to it."""
        now = self._clock()
        windows = [
            replies
            for limit, replies in zip(self._faults.rate_limits, self._replies, strict=True)
            if limit.selector.matches(subject)
        ]
        if any(len(replies) == replies.maxlen and now - replies[0] < _WINDOW_SECONDS for replies in windows):
            return True
        for replies in windows:
            replies.append(now)
        return False

    def _count(self, fault: Fault, times: int) -> None:
        self._counts[fault] += 1
        if self._counts[fault] == times:
            self._exhausted.add(fault)
