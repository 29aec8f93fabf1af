"""A run that is cancelled from outside ends, at whatever point it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from collector.run.settings import Api, Limits, Output, Retry, Settings
from tests.support.in_process import collect_in_process
from tests.support.scripted_server import Exchange, Scenario, close, error, found, hang, ids, reset, serving

_REPLIES: list[Scenario] = [found] * 12 + [error(503), error(429, Retry_After="0.05"), error(401), close, reset, hang]


class RandomReplies:
    """Replies at random: records, failures, throttling."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    async def __call__(self, exchange: Exchange) -> None:
        await self._rng.choice(_REPLIES)(exchange)


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(40, 200))])
async def test_a_run_that_is_cancelled_at_any_point_ends_and_leaves_no_task(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    async with serving(RandomReplies(rng)) as server:
        before = asyncio.all_tasks()
        settings = Settings(
            api=Api(base_url=server.url),
            limits=Limits(rate=0, concurrency=4, share_quota=False),
            retry=Retry(read_timeout=0.2),
            output=Output(path=str(tmp_path / "c.jsonl")),
        )
        run = asyncio.create_task(collect_in_process(ids(300), settings))
        await asyncio.sleep(rng.uniform(0, 0.4))
        for _ in range(rng.randrange(40)):
            await asyncio.sleep(0)
        was_done = run.done()
        run.cancel()
        [ended], _ = await asyncio.wait([run], timeout=30)
        assert ended.cancelled() or was_done or ended.result() == 4  # a rejected key had just ended it
        left = asyncio.all_tasks() - before
        assert not {task for task in left if "listening" not in repr(task.get_coro())}
