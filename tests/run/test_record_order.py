"""The order in which outcomes are written: the window beside the workers of a run."""

from __future__ import annotations

import asyncio

import pytest

from collector.model.outcome import Outcome, OutcomeKind
from collector.run.pipeline import collect
from collector.run.record_order import InputOrder
from collector.run.second_pass import SecondPass
from collector.snapshot.lines import EncodedOutcome
from tests.support.clock import Clock, as_clock, settled

IDS = [f"{number:03}" for number in range(200)]


class Api:
    """Replies when the id's gate is open. Exhausts the `failing` ids, which succeed in the second pass."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.gates = {id_: asyncio.Event() for id_ in IDS}
        self.requested: list[str] = []
        self._failing = failing

    async def fetch(self, id_: str) -> Outcome:
        self.requested.append(id_)
        await asyncio.sleep(0)
        await self.gates[id_].wait()
        kind = OutcomeKind.EXHAUSTED if id_ in self._failing else OutcomeKind.OK
        return Outcome(id_, kind, 5, "", retried_s=100.0)

    async def fetch_again(self, earlier: Outcome) -> Outcome:
        return earlier._replace(kind=OutcomeKind.OK)


class Written:
    """Collects in the order of the ids, as a run does."""

    def __init__(self, order: InputOrder, line: bytes = b"") -> None:
        self.ids: list[str] = []
        self.order = order
        self.second_pass = SecondPass()
        self._line = line

    def put(self, id_: str) -> None:
        self.ids += [each.outcome.id for each in self.order.skip(id_)]

    async def emit(self, outcome: Outcome) -> None:
        self.ids += [each.outcome.id for each in self.order.accept(EncodedOutcome(outcome, self._line))]
        await self.order.wait_for_room()

    async def collect(self, api: Api) -> None:
        await collect(
            self.order.in_turn(IDS),
            api,
            self.emit,
            workers=8,
            second_pass=self.second_pass,
            clock=as_clock(Clock()),
            cool_down=lambda _: asyncio.sleep(0),
            on_deferral=self.put,
        )


def open_gates(api: Api, but: str) -> None:
    for id_, gate in api.gates.items():
        if id_ != but:
            gate.set()


@pytest.mark.parametrize(("order", "line"), [(InputOrder(max_places=50), b""), (InputOrder(max_held_bytes=49), b"x")])
async def test_behind_a_stuck_id_the_workers_stop_when_the_window_is_full(order: InputOrder, line: bytes) -> None:
    """With bytes as the limit, the ids in flight at that time may exceed it."""
    api, written = Api(), Written(order, line)
    open_gates(api, but="003")
    running = asyncio.create_task(written.collect(api))
    await settled()
    assert written.ids == IDS[:3]
    assert 50 <= len(api.requested) - 3 <= 50 + (8 if line else 0)
    api.gates["003"].set()
    await running
    assert written.ids == IDS
    assert written.order.drain() == []


async def test_an_id_that_succeeds_in_the_second_pass_comes_at_the_end() -> None:
    api, written = Api(frozenset({"000", "005"})), Written(InputOrder(max_places=10))
    open_gates(api, but="")
    await written.collect(api)
    assert written.ids == [id_ for id_ in IDS if id_ not in {"000", "005"}] + ["000", "005"]


async def test_a_collection_that_is_cancelled_keeps_the_outcomes_behind_the_gap() -> None:
    api, written = Api(frozenset({"002"})), Written(InputOrder(max_places=20))
    open_gates(api, but="001")
    running = asyncio.create_task(written.collect(api))
    await settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    held = [each.outcome.id for each in written.order.drain()]
    assert written.ids + held == ["000", *(id_ for id_ in api.requested if id_ not in {"000", "001", "002"})]
    assert written.second_pass.ids == ["002"]
