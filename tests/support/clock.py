"""Clocks of the tests' own: no test waits for real time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from collector.model import clock


class AnyClock(Protocol):
    """A clock of the tests' own."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Clock:
    """Stands still, except that sleeping moves it on at once."""

    def __init__(self, time: float = 0.0) -> None:
        self.time = time
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


def as_clock(own: AnyClock) -> clock.Clock:
    """The clock as the code takes one; the epoch is when it began."""
    return clock.Clock(own.now, own.now, own.sleep)


class StoppedClock:
    """Stands still until it is advanced; sleepers wake in the order of their times."""

    def __init__(self, time: float = 0.0) -> None:
        self.time = time
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self._count += 1
        wake = asyncio.Event()
        self._sleepers.append((self.time + seconds, self._count, wake))
        await wake.wait()

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass, and everybody who wakes meanwhile go on until they wait again."""
        end = self.time + seconds
        await settled()
        while self._sleepers and min(self._sleepers)[0] <= end:
            due = min(self._sleepers)
            self._sleepers.remove(due)
            self.time = max(self.time, due[0])
            due[2].set()
            await settled()
        self.time = end


async def settled() -> None:
    """Let every task that can run do so until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
