"""How a run stops early: a signal or `--max-duration` requests it, and requests in flight may still finish.

    first signal, --max-duration ─▸ no new request ─ grace period ─▸ the workers are cancelled ─▸ the files are closed
    second signal, or a first one before the workers start ─▸ everything is cancelled ─▸ the files are closed
    the watchdog, armed by the first request to stop ─▸ the process ends, even if a system call blocks

Signals use Python's own handlers and not those of the event loop. Python's handler also runs while a blocked write to
stderr keeps the loop from running, and the handler is where the watchdog is armed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from signal import Signals
from types import FrameType
from typing import Final, Protocol

import anyio

from collector.model.errors import CollectorError, Interrupted, RunStopped
from collector.run.watchdog import Watchdog

_GRACE: Final = 5.0  # seconds for requests in flight to finish
_EXIT_WITHIN: Final = 9.0  # seconds until the watchdog ends the process


class RequestSender(Protocol):
    """Sends the requests of a run."""

    @property
    def in_flight(self) -> int:
        """Requests that were sent and have not ended."""

    def stop(self) -> None:
        """Send no further request."""


class Shutdown:
    """Whether and why a run is to stop.

    `run_scope` cancels the whole run. Until `can_drain` is set, every request to stop cancels it. While `forward` is
    set, it receives the requests instead, each with its reason and whether to stop immediately: the runs of several
    organizations stop each by itself.
    """

    def __init__(self, warn: Callable[[str], None], signals: Iterable[Signals], watchdog: Watchdog | None) -> None:
        self._warn = warn
        self._signals = tuple(signals)
        self._watchdog = watchdog
        self._requested = anyio.Event()
        self._signal_count = 0
        self.can_drain = False
        self.forward: Callable[[CollectorError, bool], None] | None = None
        self.reason: CollectorError | None = None
        self.run_scope = anyio.CancelScope()

    @contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Handle the signals until the block ends. Call it in the main thread, as Python requires."""
        self._loop = asyncio.get_running_loop()
        before = {signum: signal.signal(signum, self._on_signal) for signum in self._signals}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._watchdog:
            self._watchdog.arm(_EXIT_WITHIN, 128 + number)
        self._signal_count += 1
        self.reason = self.reason or Interrupted(number)
        self._loop.call_soon_threadsafe(self._apply_signal, Signals(number), self._signal_count)

    def _apply_signal(self, signum: Signals, count: int) -> None:
        self.stop(Interrupted(signum), immediately=count > 1)
        if count == 1:
            self._warn(f"{signum.name}: finishing requests in flight; repeat to stop immediately")

    def stop(self, reason: CollectorError, *, immediately: bool = False) -> None:
        """Request the end of the run, because of `reason` unless it has another one already."""
        self.reason = self.reason or reason
        self._requested.set()
        if self.forward is not None:
            self.forward(self.reason, immediately)
        elif immediately or not self.can_drain:
            self.run_scope.cancel()

    def check(self) -> None:
        """Raise the reason if the run is to stop. Another thread may call this."""
        if self.reason is not None:
            raise self.reason

    async def enforce_max_duration(self, seconds: float | None) -> None:
        """Stop the run after `seconds`; None sets no limit."""
        if seconds is None:
            return
        await anyio.sleep(seconds)
        reason = RunStopped(f"--max-duration {seconds:g} s is reached")
        if self._watchdog:
            self._watchdog.arm(_EXIT_WITHIN, (self.reason or reason).exit_code)
        self.stop(reason)

    async def drain(self, sender: RequestSender, workers: anyio.CancelScope) -> None:
        """Wait until the run is to stop, let requests in flight finish within the grace period, cancel the workers."""
        await self._requested.wait()
        sender.stop()
        with anyio.move_on_after(_GRACE):
            while sender.in_flight:  # noqa: ASYNC110  # at most a few seconds, once per run
                await anyio.sleep(0.01)
        workers.cancel()
