"""Time-outs of many short waits by one timer.

A timer of its own for each attempt costs a tenth of all the work an attempt is. Time-outs of seconds bear a coarser
clock: here every wait notes when it is due, and one task looks at them all a few times a second.
"""

from __future__ import annotations

from asyncio import Task, current_task, get_running_loop
from typing import Any

from collector.model.clock import Clock


class Deadlines:
    """Cancels the tasks whose time is up. Not more than one deadline a task at a time.

    Theory of operation. A task that is due is cancelled once and noted; when it sees its cancellation it asks
    `has_expired`, and if that is why, takes the cancellation back, as `asyncio.timeout` does, and goes on. Any other
    cancellation passes through.
    """

    def __init__(self, tick: float, clock: Clock) -> None:
        self._loop = get_running_loop()  # handed on, because looking it up is half of what `current_task` costs
        self._tick = tick
        self._now = clock.monotonic
        self._sleep = clock.sleep
        self._due: dict[Task[Any], float] = {}
        self._expired: set[Task[Any]] = set()

    def start(self, seconds: float) -> Task[Any]:
        """The current task has so many seconds, give or take a tick."""
        task = current_task(self._loop)
        assert task is not None  # noqa: S101  # only coroutines call this
        self._due[task] = self._now() + seconds
        return task

    def extend(self, task: Task[Any], seconds: float) -> None:
        """So many seconds more."""
        self._due[task] += seconds

    def stop(self, task: Task[Any]) -> None:
        """The task is back from its wait."""
        self._due.pop(task, None)
        self._expired.discard(task)

    def has_expired(self, task: Task[Any]) -> bool:
        """Was the cancellation the task has just seen ours? Then it is taken back."""
        if task not in self._expired:
            return False
        self._expired.discard(task)
        return task.uncancel() == 0  # else somebody else cancelled it as well, and that stands

    async def watch(self) -> None:
        """Cancel what is due, until cancelled."""
        while True:
            await self._sleep(self._tick)
            now = self._now()
            for task in [task for task, due in self._due.items() if due <= now]:
                del self._due[task]
                self._expired.add(task)
                task.cancel()
