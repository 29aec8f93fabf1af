"""Requests that may not start yet wait in a FIFO queue, until the governor lets them start.

Only the head sleeps, so one late wake-up cannot release a burst.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import anyio

from collector.governor.events import PauseTooLong, TooManyPauses
from collector.governor.governor import Governor, Permit, Wait
from collector.model.clock import Clock
from collector.model.errors import RunStopped
from collector.model.throughput import WaitReason
from collector.model.timestamps import stamp


class PermitQueue:
    """Lets requests start one at a time, when the governor says so, first come, first served.

    `wait_seconds` tells for how many seconds requests waited to start, by cause.
    """

    def __init__(self, governor: Governor, clock: Clock) -> None:
        self._governor = governor
        self._now, self._wall, self._sleep = clock
        self._queue: deque[asyncio.Future[Permit | None]] = deque()
        self._has_head = False
        self._is_stopped = False
        self._holds = 0
        self._changed: anyio.Event | None = None  # when a request waits for something to change
        self.wait_seconds: defaultdict[WaitReason, float] = defaultdict(float)

    def stop(self) -> None:
        """Nothing starts any more."""
        self._is_stopped = True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Inside, nothing starts but what starts alone."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self.wake()

    def try_acquire(self) -> Permit | None:
        """A start, if no request waits and nothing forbids it."""
        if self._has_head or self._holds or self._is_stopped:
            return None
        granted = self._try_acquire()
        return granted if isinstance(granted, Permit) else None

    def _try_acquire(self) -> Permit | Wait:
        try:
            return self._governor.try_acquire(self._now())
        except (PauseTooLong, TooManyPauses) as pause:
            raise stopped_by(pause, self._wall()) from None

    async def acquire_in_turn(self) -> Permit:
        """A start, once all that came before have started. Raises `RunStopped` for too long a pause."""
        if self._has_head and (permit := await self._enqueue()):
            return permit
        self._has_head = True
        try:
            return await self.acquire()
        finally:
            self._dequeue()

    async def _enqueue(self) -> Permit | None:
        """A start, or None for the request that is the head of the queue now."""
        turn: asyncio.Future[Permit | None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given something at the very moment
                self._return_permit(turn.result())
            raise

    def _dequeue(self) -> None:
        """The head is gone: all behind it that may start do so at once, and the first that may not is the head.

        One start for each turn of the loop would keep a queue that has formed once for ever.
        """
        while self._queue:
            waiter = self._queue.popleft()
            if waiter.done():  # cancelled
                continue
            granted = None if self._holds or self._is_stopped else self._try_acquire()
            if not isinstance(granted, Permit):
                waiter.set_result(None)
                return
            waiter.set_result(granted)
        self._has_head = False

    def _return_permit(self, permit: Permit | None) -> None:
        if permit is None:
            self._dequeue()
        else:
            self._governor.abandoned(permit, self._now())
            self.wake()

    async def acquire(self, *, is_exclusive: bool = False) -> Permit:
        """A start, as soon as the governor allows one; `is_exclusive` when all others are held."""
        while True:
            if self._is_stopped or (self._holds and not is_exclusive):
                await self._wait_for_change()
                continue
            granted = self._try_acquire()
            if isinstance(granted, Permit):
                return granted
            with self.waiting(granted.reason):
                await (self._wait_for_change() if granted.seconds == inf else self._sleep(granted.seconds))

    @contextmanager
    def waiting(self, reason: WaitReason) -> Iterator[None]:
        """What passes inside is counted as waited for that."""
        began = self._now()
        try:
            yield
        finally:
            self.wait_seconds[reason] += self._now() - began

    async def _wait_for_change(self) -> None:
        """Wait until a request has ended, or a hold."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """A request has ended: what waits for a change looks again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None


def stopped_by(pause: PauseTooLong | TooManyPauses, now: float) -> RunStopped:
    """The end of the run that such a pause is; `now` is in seconds since the epoch."""
    if isinstance(pause, TooManyPauses):
        return RunStopped(
            f"the server asked for {pause.planned:.0f} s of pauses in sum, more than half of the run; "
            f"run again after {stamp(now + pause.wait)}"
        )
    length, when = ("without end", "much later")
    if pause.wait < inf:
        length, when = f"of {pause.wait:g} s", f"after {stamp(now + pause.wait)}"
    return RunStopped(
        f"the server asks for a pause {length}, more than --max-pause {pause.max_pause:g}; run again {when}"
    )
