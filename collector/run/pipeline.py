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
from collector.run.second_pass import Deferral


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
    crew: int,
    deferral: Deferral,
    clock: Clock,
    rest: Callable[[float], Awaitable[None]],
) -> None:
    """Emit the outcome of each of `ids`; those whose attempts were spent get one more at the end, after a rest.

    When this is cancelled, or raises, `deferral` holds what was not emitted yet.
    """

    async def emit_or_defer(outcome: Outcome) -> None:
        if not deferral.takes(outcome, clock.monotonic()):
            await emit(outcome)

    async def fetch_again(one: str) -> Outcome:
        return await fetcher.fetch_again(deferral[one])

    async def emit_final(outcome: Outcome) -> None:
        deferral.settle(outcome.id)
        await emit(outcome)

    await pump(ids, fetcher.fetch, emit_or_defer, crew=crew)
    if deferral.is_worth_while:
        await rest(deferral.rest(clock.monotonic()))
        await pump(deferral.ids, fetch_again, emit_final, crew=min(crew, len(deferral)))
    for one in deferral.ids:
        await emit_final(deferral[one])


async def pump(
    ids: Iterable[str],
    fetch: Callable[[str], Awaitable[Outcome]],
    emit: Emit,
    *,
    crew: int,
) -> None:
    """Fetch each of `ids` with `crew` tasks at once and emit each outcome, in the order they come.

    A slow `emit` holds back its own worker, so that at most `crew` outcomes wait. What `fetch` and `emit` raise ends
    the whole, in an exception group.
    """
    queue = iter(ids)

    async def work() -> None:
        for asked in queue:  # one iterator for all: taking the next id is atomic between awaits
            await emit(await fetch(asked))

    async with anyio.create_task_group() as workers:
        for _ in range(crew):
            workers.start_soon(work)
