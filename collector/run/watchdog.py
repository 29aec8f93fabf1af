"""Ends the process when nothing else does any more: a write or a name lookup may be stuck in the system for minutes.

Theory of operation. A thread of its own sleeps until an order comes, or until the time of the earliest order is over.
Orders come through a queue whose `put` may be called from a signal handler (`queue.SimpleQueue` is reentrant; a lock
would not do, since the handler may interrupt whoever holds it).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

_TELLING: Final = 0.5  # seconds for the last words, which may be stuck as well


class _Order(NamedTuple):
    at: float  # by the monotonic clock
    exit_code: int


class Watchdog:
    """Once set, ends the process after some seconds, whatever its other threads do; used as a context, not later."""

    def __init__(self, say: Callable[[str], None], leave: Callable[[int], object] = os._exit) -> None:
        self._say = say
        self._leave = leave
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def set(self, seconds: float, exit_code: int) -> None:
        """End the process in so many seconds, unless it is to end sooner. May be called from a signal handler."""
        self._orders.put(_Order(time.monotonic() + seconds, exit_code))

    def _watch(self) -> None:
        due: _Order | None = None
        while True:
            try:
                order = self._orders.get(timeout=None if due is None else max(0.0, due.at - time.monotonic()))
            except Empty:
                break
            if order is None:
                return
            due = order if due is None else min(due, order)
        if due is not None:
            self._end(due.exit_code)

    def _end(self, exit_code: int) -> None:
        last_words = "the system does not answer any more; what is not written yet is lost"
        teller = threading.Thread(target=self._say, args=[last_words], daemon=True)
        teller.start()
        teller.join(_TELLING)
        self._leave(exit_code)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._orders.put(None)
        self._thread.join()
