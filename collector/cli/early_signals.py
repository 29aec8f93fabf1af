"""Signals before and after a run: they end the process immediately, because no data can be lost.

The command line installs this before it imports the rest of the program, during which a signal may arrive. While a run
lasts, `run.shutdown` handles signals.

Python would turn SIGINT into a `KeyboardInterrupt` at an arbitrary place, with a traceback. The default action ends the
process instead, as for the other signals, and the parent sees that a signal ended it.

The kernel drops a signal for the first process of a container unless the process handles it (pid_namespaces(7)). As PID
1 the process therefore handles signals and exits with 128 plus the signal's number.
"""

import os
import signal

_FIRST = 1
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def install_handlers() -> None:
    """Let signals end the process immediately, except those that the parent ignores."""
    if os.getpid() != _FIRST:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return
    for signum in _ENDS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(signum, _leave)


def _leave(signum: int, _frame: object) -> None:
    os._exit(128 + signum)
