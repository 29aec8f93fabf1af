"""ids → workers → emit: a fixed pool of workers fetches each id once, and every outcome is emitted.

ids ─▸ run_workers(fetch) ─┬─▸ emit
                           └─▸ second pass ─ cool-down ─▸ run_workers(fetch_again) ─▸ emit
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

import anyio

from collector.model.clock import Clock
from collector.model.outcome import Outcome
from collector.run.second_pass import SecondPass


class IdFetcher(Protocol):
    """Fetches the connection of an id."""

    async def fetch(self, id_: str) -> Outcome:
        """Return the outcome of an id."""

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        """Return the outcome of the same id after one more attempt."""


Emit: TypeAlias = Callable[[Outcome], Awaitable[None]]


async def collect(
    ids: Iterable[str],
    fetcher: IdFetcher,
    emit: Emit,
    *,
    workers: int,
    second_pass: SecondPass,
    clock: Clock,
    cool_down: Callable[[float], Awaitable[None]],
    on_deferral: Callable[[str], None] = lambda _: None,
) -> None:
    """Emit the outcome of each id. Ids that used up their attempts get one more attempt at the end, after a cool-down.

    `on_deferral` receives each of those ids before the next one is taken.
    If this function is cancelled or raises, `second_pass` holds the outcomes that were not emitted.
    """

    async def emit_or_defer(outcome: Outcome) -> None:
        if second_pass.keep_if_exhausted(outcome, clock.monotonic()):
            on_deferral(outcome.id)
        else:
            await emit(outcome)

    async def fetch_again(id_: str) -> Outcome:
        return await fetcher.fetch_again(second_pass[id_])

    async def emit_final(outcome: Outcome) -> None:
        second_pass.remove(outcome.id)
        await emit(outcome)

    await run_workers(ids, fetcher.fetch, emit_or_defer, workers=workers)
    if second_pass.is_worthwhile:
        await cool_down(second_pass.remaining_cool_down(clock.monotonic()))
        await run_workers(second_pass.ids, fetch_again, emit_final, workers=min(workers, len(second_pass)))
    for id_ in second_pass.ids:
        await emit_final(second_pass[id_])


async def run_workers(
    ids: Iterable[str],
    fetch: Callable[[str], Awaitable[Outcome]],
    emit: Emit,
    *,
    workers: int,
) -> None:
    """Fetch `ids` with `workers` concurrent tasks, and emit each outcome when it arrives.

    A slow `emit` blocks its own worker, so at most `workers` outcomes wait. If `fetch` or `emit` raises, all workers
    end and the exception is raised in an exception group.
    """
    queue = iter(ids)

    async def work() -> None:
        for id_ in queue:  # all workers share one iterator; `next` runs between awaits, so it is atomic
            await emit(await fetch(id_))

    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(work)
