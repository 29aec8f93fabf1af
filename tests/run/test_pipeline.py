"""ids → crew → emit."""

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


class Crew:
    """Fetches and emits, and notes how much of it went on at once."""

    def __init__(self, turns: list[int]) -> None:
        self._turns = turns
        self.fetched: list[str] = []
        self.emitted: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(self, asked: str) -> Outcome:
        self.fetched.append(asked)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(self._turns[len(self.fetched) % len(self._turns)] if self._turns else 0):
            await asyncio.sleep(0)
        self.at_once -= 1
        return Outcome(asked, OutcomeKind.OK, 1, "now", {})

    async def emit(self, outcome: Outcome) -> None:
        await asyncio.sleep(0)
        self.emitted.append(outcome.id)


@given(st.integers(0, 60), st.integers(1, 10), st.lists(st.integers(0, 5), max_size=7))
def test_every_id_is_fetched_once_in_order_and_every_outcome_emitted(
    count: int, workers: int, turns: list[int]
) -> None:
    ids = [str(number) for number in range(count)]
    working = Crew(turns)
    asyncio.run(run_workers(ids, working.fetch, working.emit, workers=workers))
    assert working.fetched == ids
    assert sorted(working.emitted) == sorted(ids)
    assert working.most_at_once <= workers


async def test_a_slow_emit_holds_the_crew_back() -> None:
    working, gate = Crew([]), asyncio.Event()

    async def emit(_outcome: Outcome) -> None:
        await gate.wait()

    pumping = asyncio.create_task(run_workers(map(str, range(100)), working.fetch, emit, workers=4))
    await settled()
    assert len(working.fetched) == 4
    gate.set()
    await pumping
    assert len(working.fetched) == 100


async def test_ids_are_taken_only_as_they_are_needed() -> None:
    taken = 0

    def ids() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield str(taken)

    working = Crew([1])
    pumping = asyncio.create_task(run_workers(ids(), working.fetch, working.emit, workers=3))
    await settled()
    pumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pumping
    assert taken <= len(working.emitted) + 3


@pytest.mark.parametrize("where", ["fetch", "emit"])
async def test_what_ends_the_run_ends_the_crew_and_nothing_more_is_fetched(where: str) -> None:
    working = Crew([1])

    async def fetch(asked: str) -> Outcome:
        if asked == "10" and where == "fetch":
            raise KeyRefused("no")
        return await working.fetch(asked)

    async def emit(outcome: Outcome) -> None:
        if outcome.id == "10" and where == "emit":
            raise KeyRefused("no")
        await working.emit(outcome)

    with pytest.RaisesGroup(KeyRefused, allow_unwrapped=True):
        await run_workers(map(str, range(1000)), fetch, emit, workers=4)
    assert len(working.fetched) < 30


async def test_a_crew_without_ids_ends_at_once() -> None:
    working = Crew([])
    await run_workers([], working.fetch, working.emit, workers=4)
    assert working.fetched == []


class Bad:
    """Gives up some ids at first; `better` are ok when they are asked for again."""

    def __init__(self, bad: set[str], better: set[str], retried_s: float) -> None:
        self._bad = bad
        self._better = better
        self._retried_s = retried_s
        self.again: list[str] = []

    async def fetch(self, asked: str) -> Outcome:
        kind = OutcomeKind.EXHAUSTED if asked in self._bad else OutcomeKind.OK
        return Outcome(asked, kind, 5, "", retried_s=self._retried_s)

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        self.again.append(earlier.id)
        kind = OutcomeKind.OK if earlier.id in self._better else OutcomeKind.EXHAUSTED
        return earlier._replace(kind=kind, attempts=6)


async def collected(bad: Bad, asked: list[str]) -> tuple[list[Outcome], list[float], SecondPass]:
    """What was emitted, how long was rested, and what is left."""
    emitted: list[Outcome] = []
    rested: list[float] = []
    second_pass = SecondPass()

    async def emit(outcome: Outcome) -> None:
        emitted.append(outcome)

    async def cool_down(seconds: float) -> None:
        rested.append(seconds)

    await collect(asked, bad, emit, workers=2, second_pass=second_pass, clock=as_clock(Clock()), cool_down=cool_down)
    return emitted, rested, second_pass


async def test_ids_that_were_given_up_get_one_more_chance_at_the_end_after_a_rest() -> None:
    bad = Bad({"b", "c"}, {"c"}, retried_s=20.0)
    emitted, rested, second_pass = await collected(bad, ["a", "b", "c", "d"])
    assert sorted((one.id, one.kind) for one in emitted) == [
        ("a", OutcomeKind.OK),
        ("b", OutcomeKind.EXHAUSTED),
        ("c", OutcomeKind.OK),
        ("d", OutcomeKind.OK),
    ]
    assert [one.id for one in emitted[:2]] == ["a", "d"]
    assert bad.again == ["b", "c"]
    assert rested == [30.0]
    assert len(second_pass) == 0


async def test_where_little_was_spent_on_retries_nothing_is_asked_for_again() -> None:
    bad = Bad({"b"}, {"b"}, retried_s=20.0)
    emitted, rested, _ = await collected(bad, ["a", "b"])
    assert sorted((one.id, one.attempts) for one in emitted) == [("a", 5), ("b", 5)]
    assert bad.again == []
    assert rested == []


async def test_what_was_given_up_is_not_lost_when_the_run_ends_before_its_second_chance() -> None:
    second_pass = SecondPass()

    async def emit(_outcome: Outcome) -> None:
        pass

    async def cool_down(_seconds: float) -> None:
        raise RunStopped("meanwhile")

    with pytest.raises(RunStopped):
        await collect(
            ["a"],
            Bad({"a"}, {"a"}, 60.0),
            emit,
            workers=1,
            second_pass=second_pass,
            clock=as_clock(Clock()),
            cool_down=cool_down,
        )
    assert second_pass.ids == ["a"]
