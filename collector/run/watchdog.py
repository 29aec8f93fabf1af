"""A watchdog that ends the process when a write or a name lookup blocks in the operating system for minutes.

Theory of operation. A separate thread sleeps until it receives a deadline, then until the earliest deadline passes.
Deadlines arrive through a `queue.SimpleQueue`, whose `put` is reentrant, so a signal handler may call `arm`. A lock
would not work: the handler could interrupt the thread that holds it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

_REPORT_TIMEOUT: Final = 0.5  # seconds; printing the last message may block as well


class _Deadline(NamedTuple):
    at: float  # monotonic seconds
    exit_code: int


class Watchdog:
    """Ends the process when an armed deadline passes, whatever its other threads do. Use it once, as a context."""

    def __init__(self, report: Callable[[str], None], exit_process: Callable[[int], object] = os._exit) -> None:
        self._report = report
        self._exit_process = exit_process
        self._deadlines: SimpleQueue[_Deadline | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def arm(self, seconds: float, exit_code: int) -> None:
        """End the process after `seconds`, or at an earlier deadline. A signal handler may call this."""
        self._deadlines.put(_Deadline(time.monotonic() + seconds, exit_code))

    def _watch(self) -> None:
        earliest: _Deadline | None = None
        while True:
            try:
                timeout = None if earliest is None else max(0.0, earliest.at - time.monotonic())
                deadline = self._deadlines.get(timeout=timeout)
            except Empty:
                break
            if deadline is None:
                return
            earliest = deadline if earliest is None else min(earliest, deadline)
        if earliest is not None:
            self._end(earliest.exit_code)

    def _end(self, exit_code: int) -> None:
        message = "the operating system does not respond; exiting now, and data not yet written is lost"
        reporting = threading.Thread(target=self._report, args=[message], daemon=True)
        reporting.start()
        reporting.join(_REPORT_TIMEOUT)
        self._exit_process(exit_code)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._deadlines.put(None)
        self._thread.join()
