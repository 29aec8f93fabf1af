"""Timeouts of many short waits, with one timer.

One timer per attempt costs about 10 % of the attempt's CPU time. Timeouts measured in seconds tolerate a coarser
clock: each wait records its deadline, and one task checks all deadlines a few times per second.
"""

from __future__ import annotations

from asyncio import Task, current_task, get_running_loop
from typing import Any

from collector.model.clock import Clock


class Deadlines:
    """Cancels tasks whose deadline has passed. A task has at most one deadline at a time.

    Theory of operation. A task past its deadline is cancelled once and recorded. When it receives a cancellation it
    calls `has_expired`, which reverts the cancellation if the deadline caused it, as `asyncio.timeout` does. Any other
    cancellation passes through.
    """

    def __init__(self, tick: float, clock: Clock) -> None:
        self._loop = get_running_loop()  # passed on, because its lookup is half the cost of `current_task`
        self._tick = tick
        self._monotonic = clock.monotonic
        self._sleep = clock.sleep
        self._due: dict[Task[Any], float] = {}
        self._expired: set[Task[Any]] = set()

    def start(self, seconds: float) -> Task[Any]:
        """Give the current task a deadline in `seconds`, accurate to one tick."""
        task = current_task(self._loop)
        assert task is not None  # noqa: S101  # only coroutines call this
        self._due[task] = self._monotonic() + seconds
        return task

    def extend(self, task: Task[Any], seconds: float) -> None:
        """Extend the deadline by `seconds`."""
        self._due[task] += seconds

    def stop(self, task: Task[Any]) -> None:
        """Remove the task's deadline."""
        self._due.pop(task, None)
        self._expired.discard(task)

    def has_expired(self, task: Task[Any]) -> bool:
        """Did the deadline cause the cancellation that the task has just received? If so, revert it."""
        if task not in self._expired:
            return False
        self._expired.discard(task)
        return task.uncancel() == 0  # a second cancellation, from elsewhere, remains

    async def watch(self) -> None:
        """Cancel tasks past their deadline, until this task is cancelled."""
        while True:
            await self._sleep(self._tick)
            now = self._monotonic()
            for task in [task for task, due in self._due.items() if due <= now]:
                del self._due[task]
                self._expired.add(task)
                task.cancel()
