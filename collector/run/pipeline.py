"""ids → crew → emit: every id is fetched once, by a fixed crew, and every outcome is emitted.

ids ─▸ pump(fetch) ─┬─▸ emit
                    └─▸ deferral ─ rest ─▸ pump(fetch_again) ─▸ emit
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

import anyio

from collector.model.clock import Clock
from collector.model.outcome import Outcome
from collector.run.second_pass import SecondPass


class Fetching(Protocol):
    """Makes outcomes of ids."""

    async def fetch(self, asked: str) -> Outcome:
        """The outcome of an id."""

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        """Its outcome after one attempt more."""


Emit: TypeAlias = Callable[[Outcome], Awaitable[None]]


async def collect(
    ids: Iterable[str],
    fetcher: Fetching,
    emit: Emit,
    *,
    workers: int,
    second_pass: SecondPass,
    clock: Clock,
    cool_down: Callable[[float], Awaitable[None]],
) -> None:
    """Emit the outcome of each of `ids`; those whose attempts were spent get one more at the end, after a rest.

    When this is cancelled, or raises, `second_pass` holds what was not emitted yet.
    """

    async def emit_or_defer(outcome: Outcome) -> None:
        if not second_pass.keeps(outcome, clock.monotonic()):
            await emit(outcome)

    async def fetch_again(one: str) -> Outcome:
        return await fetcher.fetch_again(second_pass[one])

    async def emit_final(outcome: Outcome) -> None:
        second_pass.remove(outcome.id)
        await emit(outcome)

    await run_workers(ids, fetcher.fetch, emit_or_defer, workers=workers)
    if second_pass.is_worth_while:
        await cool_down(second_pass.cool_down(clock.monotonic()))
        await run_workers(second_pass.ids, fetch_again, emit_final, workers=min(workers, len(second_pass)))
    for one in second_pass.ids:
        await emit_final(second_pass[one])


async def run_workers(
    ids: Iterable[str],
    fetch: Callable[[str], Awaitable[Outcome]],
    emit: Emit,
    *,
    workers: int,
) -> None:
    """Fetch each of `ids` with `workers` tasks at once and emit each outcome, in the order they come.

    A slow `emit` holds back its own worker, so that at most `workers` outcomes wait. What `fetch` and `emit` raise ends
    the whole, in an exception group.
    """
    queue = iter(ids)

    async def work() -> None:
        for asked in queue:  # one iterator for all: taking the next id is atomic between awaits
            await emit(await fetch(asked))

    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(work)
