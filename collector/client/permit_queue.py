"""The FIFO queue of requests that wait for a permit.

Only the head of the queue sleeps, so one late wake-up cannot release a burst.
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
    """Grants the governor's permits one at a time, first come, first served.

    `wait_seconds` holds the seconds that requests waited for permits, by reason.
    """

    def __init__(self, governor: Governor, clock: Clock) -> None:
        self._governor = governor
        self._monotonic, self._wall_time, self._sleep = clock
        self._queue: deque[asyncio.Future[Permit | None]] = deque()
        self._has_head = False
        self._is_stopped = False
        self._holds = 0
        self._changed: anyio.Event | None = None  # set while a request waits for a change
        self.wait_seconds: defaultdict[WaitReason, float] = defaultdict(float)

    def stop(self) -> None:
        """Grant no further permits."""
        self._is_stopped = True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Within the context, grant only exclusive permits."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self.wake()

    def try_acquire(self) -> Permit | None:
        """Return a permit if the queue is empty and the governor grants one, otherwise None."""
        if self._has_head or self._holds or self._is_stopped:
            return None
        granted = self._try_acquire()
        return granted if isinstance(granted, Permit) else None

    def _try_acquire(self) -> Permit | Wait:
        try:
            return self._governor.try_acquire(self._monotonic())
        except (PauseTooLong, TooManyPauses) as pause:
            raise stopped_by(pause, self._wall_time()) from None

    async def acquire_in_turn(self) -> Permit:
        """Wait in the queue for a permit. Raises `RunStopped` for too long a pause."""
        if self._has_head and (permit := await self._enqueue()):
            return permit
        self._has_head = True
        try:
            return await self.acquire()
        finally:
            self._dequeue()

    async def _enqueue(self) -> Permit | None:
        """Return a permit, or None if the request has become the head of the queue."""
        turn: asyncio.Future[Permit | None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had a permit, or was the head, before the cancellation
                self._return_permit(turn.result())
            raise

    def _dequeue(self) -> None:
        """Replace the head: grant all free permits immediately, and make the first request without one the head.

        One permit per turn of the event loop would never empty the queue.
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
            self._governor.abandoned(permit, self._monotonic())
            self.wake()

    async def acquire(self, *, is_exclusive: bool = False) -> Permit:
        """Wait for a permit; with `is_exclusive`, even while all others are held."""
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
        """Count the time within the context as a wait for this reason."""
        started_at = self._monotonic()
        try:
            yield
        finally:
            self.wait_seconds[reason] += self._monotonic() - started_at

    async def _wait_for_change(self) -> None:
        """Wait until a request or a hold has ended."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """Wake the requests that wait for a change."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None


def stopped_by(pause: PauseTooLong | TooManyPauses, now: float) -> RunStopped:
    """Return the exception that ends the run; `now` is in seconds since the epoch."""
    if isinstance(pause, TooManyPauses):
        return RunStopped(
            f"the server asked for {pause.planned:.0f} s of pauses in total, more than half of the run; "
            f"run again after {stamp(now + pause.wait)}"
        )
    duration, when = ("without end", "much later")
    if pause.wait < inf:
        duration, when = f"of {pause.wait:g} s", f"after {stamp(now + pause.wait)}"
    return RunStopped(
        f"the server asked for a pause {duration}, longer than --max-pause {pause.max_pause:g}; run again {when}"
    )
