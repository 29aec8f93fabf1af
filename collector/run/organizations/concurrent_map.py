"""Maps the organizations to results, a fixed number of them at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")
R = TypeVar("R")


async def map_concurrently(items: Sequence[T], at_once: int, work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Return the results of `work` in the order of the items; it runs for at most `at_once` items at a time.

    An exception of `work` is raised in an exception group, and cancels the others.
    """
    results: dict[int, R] = {}
    waiting: Iterator[tuple[int, T]] = iter(enumerate(items))

    async def work_in_turn() -> None:
        for number, item in waiting:
            results[number] = await work(item)

    async with anyio.create_task_group() as workers:
        for _ in range(min(at_once, len(items))):
            workers.start_soon(work_in_turn)
    return [results[number] for number in range(len(items))]
