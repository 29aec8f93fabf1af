"""Signals while a command holds a temporary file: the first one is noted, so that the command removes the file."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from collector.model.errors import Interrupted

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def noted_signals() -> Iterator[Callable[[], None]]:
    """Note the first signal, except one that the parent ignores; the yielded function raises `Interrupted` for it.

    A second signal has the effect that it had before the context: it ends the process immediately.
    """
    before = {each: handler for each in _ENDS if (handler := signal.getsignal(each)) is not signal.SIG_IGN}
    noted: list[int] = []

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    def note(signum: int, _frame: object) -> None:
        restore()
        noted.append(signum)

    def check() -> None:
        if noted:
            raise Interrupted(noted[0])

    for each in before:
        signal.signal(each, note)
    try:
        yield check
    finally:
        restore()
