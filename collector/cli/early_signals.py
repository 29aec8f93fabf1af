"""Signals before a run begins and after it has ended: they end the process at once, since nothing can be lost.

The command line sets this up before it imports the rest of the program, which takes long enough for a signal to come. A
run handles signals by itself (`run.shutdown`) while it lasts.

SIGINT would raise `KeyboardInterrupt` wherever Python is, and show a traceback. Its default action ends the process
instead, as that of the others does, and the parent can tell that by a signal.

The kernel drops a signal for the first process of a container unless the process handles it (pid_namespaces(7)). As PID
1 the process therefore handles them, and ends with 128 and the signal's number as exit code.
"""

import os
import signal

_FIRST = 1
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heed() -> None:
    """Let signals end the process at once, unless somebody chose to ignore them."""
    if os.getpid() != _FIRST:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return
    for signum in _ENDS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as it is under nohup
            signal.signal(signum, _leave)


def _leave(signum: int, _frame: object) -> None:
    os._exit(128 + signum)
