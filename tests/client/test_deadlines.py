"""Timeouts of many short waits with one timer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector.client.transport.deadlines import Deadlines
from tests.support.clock import StoppedClock, as_clock, settled

TICK = 0.25


@asynccontextmanager
async def watching(clock: StoppedClock) -> AsyncIterator[Deadlines]:
    deadlines = Deadlines(TICK, as_clock(clock))
    watch = asyncio.create_task(deadlines.watch())
    try:
        yield deadlines
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def wait(deadlines: Deadlines, seconds: float, answer: asyncio.Event, extension: float = 0) -> str:
    """Wait for a reply, as an attempt does."""
    task = deadlines.start(seconds)
    try:
        if extension:
            deadlines.extend(task, extension)
        await answer.wait()
        return "answer"
    except asyncio.CancelledError:
        if deadlines.has_expired(task):
            return "late"
        raise
    finally:
        deadlines.stop(task)


async def test_a_wait_that_ends_in_time_is_not_cancelled() -> None:
    clock, answer = StoppedClock(), asyncio.Event()
    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait(deadlines, 10, answer))
        await clock.advance(9)
        answer.set()
        await clock.advance(100)
        assert await waiting == "answer"


async def test_a_wait_is_cancelled_at_its_deadline_and_not_before() -> None:
    clock = StoppedClock()
    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait(deadlines, 10, asyncio.Event()))
        await clock.advance(9.9)
        assert not waiting.done()
        await clock.advance(0.1 + TICK)
        assert waiting.done()
        assert await waiting == "late"


async def test_an_extended_deadline_counts() -> None:
    clock = StoppedClock()
    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait(deadlines, 10, asyncio.Event(), extension=20))
        await clock.advance(29.9)
        assert not waiting.done()
        await clock.advance(0.1 + TICK)
        assert await waiting == "late"


async def test_each_task_has_its_own_deadline() -> None:
    clock = StoppedClock()
    async with watching(clock) as deadlines:
        workers = [asyncio.create_task(wait(deadlines, seconds, asyncio.Event())) for seconds in (1, 2, 3)]
        for done in range(1, 4):
            await clock.advance(1 + TICK / 3)
            assert [task.done() for task in workers] == [True] * done + [False] * (3 - done)


async def test_a_task_can_wait_again_after_its_deadline_passed() -> None:
    clock, answer = StoppedClock(), asyncio.Event()

    async def wait_twice(deadlines: Deadlines) -> list[str]:
        first = await wait(deadlines, 1, asyncio.Event())
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return [first, await wait(deadlines, 10, answer)]

    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait_twice(deadlines))
        await clock.advance(2)
        answer.set()
        assert await waiting == ["late", "answer"]


async def test_an_unrelated_cancellation_passes_through() -> None:
    clock = StoppedClock()
    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait(deadlines, 10, asyncio.Event()))
        await settled()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_task_that_stopped_waiting_is_never_cancelled() -> None:
    clock, answer = StoppedClock(), asyncio.Event()
    answer.set()

    async def wait_and_continue(deadlines: Deadlines) -> str:
        found = await wait(deadlines, 1, answer)
        await clock.sleep(50)
        return found

    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait_and_continue(deadlines))
        await clock.advance(60)
        assert await waiting == "answer"


async def test_a_reply_exactly_at_the_deadline_causes_no_later_cancellation() -> None:
    clock, answer = StoppedClock(), asyncio.Event()

    async def wait_and_continue(deadlines: Deadlines) -> str:
        found = await wait(deadlines, TICK, answer)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return found

    async with watching(clock) as deadlines:
        waiting = asyncio.create_task(wait_and_continue(deadlines))
        await settled()
        answer.set()  # the task is scheduled now, and is cancelled before it runs
        await clock.advance(TICK)
        assert await waiting in ("answer", "late")
