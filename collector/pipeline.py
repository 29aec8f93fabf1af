"""ids → crew → emit: every id is fetched once, by a fixed crew, and every outcome is emitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import anyio

from collector.model import Outcome


async def pump(
    ids: Iterable[str],
    fetch: Callable[[str], Awaitable[Outcome]],
    emit: Callable[[Outcome], Awaitable[None]],
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
