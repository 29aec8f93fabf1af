"""ids → workers → emit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import KeyRefused, RunStopped
from collector.model.outcome import Outcome, OutcomeKind
from collector.run.pipeline import collect, run_workers
from collector.run.second_pass import SecondPass
from tests.support.clock import Clock, as_clock, settled


class RecordingFetcher:
    """Fetches and emits, and records the ids and the concurrency."""

    def __init__(self, delays: list[int]) -> None:
        self._delays = delays
        self.fetched: list[str] = []
        self.emitted: list[str] = []
        self.concurrent = 0
        self.max_concurrent = 0

    async def fetch(self, id_: str) -> Outcome:
        self.fetched.append(id_)
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        for _ in range(self._delays[len(self.fetched) % len(self._delays)] if self._delays else 0):
            await asyncio.sleep(0)
        self.concurrent -= 1
        return Outcome(id_, OutcomeKind.OK, 1, "now", {})

    async def emit(self, outcome: Outcome) -> None:
        await asyncio.sleep(0)
        self.emitted.append(outcome.id)


@given(st.integers(0, 60), st.integers(1, 10), st.lists(st.integers(0, 5), max_size=7))
def test_every_id_is_fetched_once_in_order_and_every_outcome_is_emitted(
    count: int, workers: int, delays: list[int]
) -> None:
    ids = [str(number) for number in range(count)]
    fetcher = RecordingFetcher(delays)
    asyncio.run(run_workers(ids, fetcher.fetch, fetcher.emit, workers=workers))
    assert fetcher.fetched == ids
    assert sorted(fetcher.emitted) == sorted(ids)
    assert fetcher.max_concurrent <= workers


async def test_a_slow_emit_blocks_the_workers() -> None:
    fetcher, gate = RecordingFetcher([]), asyncio.Event()

    async def emit(_outcome: Outcome) -> None:
        await gate.wait()

    running = asyncio.create_task(run_workers(map(str, range(100)), fetcher.fetch, emit, workers=4))
    await settled()
    assert len(fetcher.fetched) == 4
    gate.set()
    await running
    assert len(fetcher.fetched) == 100


async def test_ids_are_read_only_when_a_worker_is_free() -> None:
    consumed = 0

    def ids() -> Iterator[str]:
        nonlocal consumed
        while True:
            consumed += 1
            yield str(consumed)

    fetcher = RecordingFetcher([1])
    running = asyncio.create_task(run_workers(ids(), fetcher.fetch, fetcher.emit, workers=3))
    await settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert consumed <= len(fetcher.emitted) + 3


@pytest.mark.parametrize("where", ["fetch", "emit"])
async def test_an_error_ends_all_workers_and_no_further_id_is_fetched(where: str) -> None:
    fetcher = RecordingFetcher([1])

    async def fetch(id_: str) -> Outcome:
        if id_ == "10" and where == "fetch":
            raise KeyRefused("no")
        return await fetcher.fetch(id_)

    async def emit(outcome: Outcome) -> None:
        if outcome.id == "10" and where == "emit":
            raise KeyRefused("no")
        await fetcher.emit(outcome)

    with pytest.RaisesGroup(KeyRefused, allow_unwrapped=True):
        await run_workers(map(str, range(1000)), fetch, emit, workers=4)
    assert len(fetcher.fetched) < 30


async def test_without_ids_the_workers_end() -> None:
    fetcher = RecordingFetcher([])
    await run_workers([], fetcher.fetch, fetcher.emit, workers=4)
    assert fetcher.fetched == []


class FailingFetcher:
    """Exhausts the `failing` ids; those in `recovering` succeed in the second pass."""

    def __init__(self, failing: set[str], recovering: set[str], retried_s: float) -> None:
        self._failing = failing
        self._recovering = recovering
        self._retried_s = retried_s
        self.refetched: list[str] = []

    async def fetch(self, id_: str) -> Outcome:
        kind = OutcomeKind.EXHAUSTED if id_ in self._failing else OutcomeKind.OK
        return Outcome(id_, kind, 5, "", retried_s=self._retried_s)

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        self.refetched.append(earlier.id)
        kind = OutcomeKind.OK if earlier.id in self._recovering else OutcomeKind.EXHAUSTED
        return earlier._replace(kind=kind, attempts=6)


async def collect_with(fetcher: FailingFetcher, ids: list[str]) -> tuple[list[Outcome], list[float], SecondPass]:
    """Returns the emitted outcomes, the cool-downs and the second pass."""
    emitted: list[Outcome] = []
    cool_downs: list[float] = []
    second_pass = SecondPass()

    async def emit(outcome: Outcome) -> None:
        emitted.append(outcome)

    async def cool_down(seconds: float) -> None:
        cool_downs.append(seconds)

    await collect(ids, fetcher, emit, workers=2, second_pass=second_pass, clock=as_clock(Clock()), cool_down=cool_down)
    return emitted, cool_downs, second_pass


async def test_exhausted_ids_get_one_more_attempt_after_a_cool_down() -> None:
    fetcher = FailingFetcher({"b", "c"}, {"c"}, retried_s=20.0)
    emitted, cool_downs, second_pass = await collect_with(fetcher, ["a", "b", "c", "d"])
    assert sorted((outcome.id, outcome.kind) for outcome in emitted) == [
        ("a", OutcomeKind.OK),
        ("b", OutcomeKind.EXHAUSTED),
        ("c", OutcomeKind.OK),
        ("d", OutcomeKind.OK),
    ]
    assert [outcome.id for outcome in emitted[:2]] == ["a", "d"]
    assert fetcher.refetched == ["b", "c"]
    assert cool_downs == [30.0]
    assert len(second_pass) == 0


async def test_after_short_retries_there_is_no_second_pass() -> None:
    fetcher = FailingFetcher({"b"}, {"b"}, retried_s=20.0)
    emitted, cool_downs, _ = await collect_with(fetcher, ["a", "b"])
    assert sorted((outcome.id, outcome.attempts) for outcome in emitted) == [("a", 5), ("b", 5)]
    assert fetcher.refetched == []
    assert cool_downs == []


async def test_a_run_that_ends_before_the_second_pass_keeps_the_exhausted_ids() -> None:
    second_pass = SecondPass()

    async def emit(_outcome: Outcome) -> None:
        pass

    async def cool_down(_seconds: float) -> None:
        raise RunStopped("meanwhile")

    with pytest.raises(RunStopped):
        await collect(
            ["a"],
            FailingFetcher({"a"}, {"a"}, 60.0),
            emit,
            workers=1,
            second_pass=second_pass,
            clock=as_clock(Clock()),
            cool_down=cool_down,
        )
    assert second_pass.ids == ["a"]
