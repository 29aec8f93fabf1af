"""How a run ends before its end: a signal or the clock asks for it, and what is in flight has a grace.

    first signal, --max-duration ─▸ nothing new starts ─ grace ─▸ the crew is cancelled ─▸ files are settled
    second signal, or a first one before there is a crew ─▸ all is cancelled at once     ─▸ files are settled
    the watchdog, set by the first ─▸ the process ends, whatever is stuck

Signals are heard by Python's own handler and not by the loop's: it also runs while the loop does not turn, because a
write to standard error blocks it, and it is there that the watchdog is set.
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

_GRACE: Final = 5.0  # seconds that requests in flight have
_GONE_WITHIN: Final = 9.0  # seconds after which the process is over, even if the system is stuck


class Requests(Protocol):
    """What sends the requests of a run."""

    @property
    def in_flight(self) -> int:
        """Requests that started and have not ended."""

    def stop(self) -> None:
        """Nothing starts any more."""


class Shutdown:
    """Whether and why a run is to stop.

    `run_scope` is the scope of all that may be cancelled; until somebody may `drain` nothing less is.
    """

    def __init__(self, warn: Callable[[str], None], signals: Iterable[Signals], watchdog: Watchdog | None) -> None:
        self._warn = warn
        self._signals = tuple(signals)
        self._watchdog = watchdog
        self._asked = anyio.Event()
        self._signals_heard = 0
        self.can_drain = False
        self.reason: CollectorError | None = None
        self.run_scope = anyio.CancelScope()

    @contextmanager
    def signals_heard(self) -> Iterator[None]:
        """Hear the signals until the block ends; in the main thread only, as Python has it."""
        self._loop = asyncio.get_running_loop()
        before = {signum: signal.signal(signum, self._on_signal) for signum in self._signals}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._watchdog:
            self._watchdog.set(_GONE_WITHIN, 128 + number)
        self._signals_heard += 1
        self.reason = self.reason or Interrupted(number)
        self._loop.call_soon_threadsafe(self._hear, Signals(number), self._signals_heard)

    def _hear(self, signum: Signals, count: int) -> None:
        self._stop(at_once=count > 1)
        if count == 1:
            self._warn(f"{signum.name}: stopping; once more to stop at once")

    def _stop(self, *, at_once: bool) -> None:
        self._asked.set()
        if at_once or not self.can_drain:
            self.run_scope.cancel()

    async def watch_clock(self, seconds: float | None) -> None:
        """Stop the run in so many seconds."""
        if seconds is None:
            return
        await anyio.sleep(seconds)
        self.reason = self.reason or RunStopped(f"--max-duration {seconds:g} s is over")
        if self._watchdog:
            self._watchdog.set(_GONE_WITHIN, self.reason.exit_code)
        self._stop(at_once=False)

    async def drain(self, requests: Requests, workers: anyio.CancelScope) -> None:
        """Once the run is to stop: start nothing more, give what is in flight its grace, then end the crew."""
        await self._asked.wait()
        requests.stop()
        with anyio.move_on_after(_GRACE):
            while requests.in_flight:  # noqa: ASYNC110  # a matter of seconds, once a run
                await anyio.sleep(0.01)
        workers.cancel()
