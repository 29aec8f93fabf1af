"""Ends the process when nothing else does any more: a write or a name lookup may be stuck in the system for minutes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


class Watchdog:
    """Once set, ends the process after some seconds, whatever its other threads do; used as a context, not later."""

    def __init__(self, say: Callable[[str], None], leave: Callable[[int], object] = os._exit) -> None:
        self._say = say
        self._leave = leave
        self._timer: threading.Timer | None = None

    def set(self, seconds: float, exit_code: int) -> None:
        """End the process in so many seconds, in place of what was set before."""
        self.clear()
        self._timer = threading.Timer(seconds, self._end, [exit_code])
        self._timer.daemon = True
        self._timer.start()

    def clear(self) -> None:
        """Let the process go on."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, exit_code: int) -> None:
        self._say("the system does not answer any more; what is not written yet is lost")
        self._leave(exit_code)

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.clear()
