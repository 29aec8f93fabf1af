"""Clocks for tests, which never wait for real time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from collector.model import clock


class AnyClock(Protocol):
    """The interface of the test clocks."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Clock:
    """A clock that advances only by sleeping, immediately."""

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


def as_clock(test_clock: AnyClock) -> clock.Clock:
    """Return the clock in the type of the code; its epoch is the start of the test."""
    return clock.Clock(test_clock.now, test_clock.now, test_clock.sleep)


class StoppedClock:
    """A clock that advances only by `advance`; sleepers wake in the order of their times."""

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
        """Advance by `seconds`; each task that wakes meanwhile runs until it waits again."""
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
    """Let every runnable task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
