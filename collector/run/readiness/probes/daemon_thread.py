"""Runs a blocking call with a time limit, in a thread that does not keep the process alive.

A name server or a network file system may block a call for minutes, and nothing can interrupt it. A thread of anyio or
of the event loop would delay the end of the process until then.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

import anyio

T = TypeVar("T")
_CLEANUP: Final = 3.0  # seconds; a cancelled call may still remove its files


async def in_daemon_thread(function: Callable[[], T], within: float) -> T:
    """Return or raise the result of `function`. Raises `TimeoutError` after `within` seconds.

    When it is cancelled, it waits a few seconds for `function` to end and remove its files.
    """
    loop = asyncio.get_running_loop()
    done = anyio.Event()
    result: Future[T] = Future()

    def work() -> None:
        try:
            result.set_result(function())
        except Exception as error:
            result.set_exception(error)
        with suppress(RuntimeError):  # the loop is closed, so no task waits
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=work, daemon=True).start()
    try:
        with anyio.fail_after(within):
            await done.wait()
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(_CLEANUP, shield=True):
            await done.wait()
        raise
    return result.result()
