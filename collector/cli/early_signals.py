"""Signals before a run begins and after it has ended, for the one process that would not hear them: PID 1.

The kernel drops a signal for the first process of a container unless the process handles it (pid_namespaces(7)). The
command line therefore handles the signals that mean an end before it imports the rest of the program. Nothing is
collected yet, so the process ends at once. A run handles them by itself (`run.shutdown`) while it lasts.

Another process is left alone: the default action ends it, and its parent can tell that by a signal.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

_FIRST: Final = 1
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heed() -> None:
    """End at once, with 128 and the signal's number as exit code, for signals that nobody chose to ignore."""
    if os.getpid() != _FIRST:
        return
    for signum in _ENDS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as it is under nohup
            signal.signal(signum, _leave)


def _leave(signum: int, _frame: FrameType | None) -> None:
    os._exit(128 + signum)
