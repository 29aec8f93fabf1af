"""Every attempt waits for the limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from collector.limiter import Limiter
from collector.model import Reply, Request
from collector.pacing import Pacer

from .clock import Clock, StoppedClock, settled

REQUEST = Request("/x")
REPLY = Reply(200, {}, b"")


class Server:
    """Notes when requests start, and answers when it is told to."""

    def __init__(self, clock: Clock | StoppedClock, *, answers: bool = True) -> None:
        self._clock = clock
        self._answer = asyncio.Event()
        if answers:
            self._answer.set()
        self.starts: list[float] = []

    def answer(self) -> None:
        self._answer.set()

    async def send(self, request: Request) -> Reply:
        self.starts.append(self._clock.now())
        await self._answer.wait()
        return REPLY


def begun(answer: Awaitable[Reply]) -> asyncio.Task[Reply]:
    async def wait() -> Reply:
        return await answer

    return asyncio.create_task(wait())


async def ended(*tasks: asyncio.Task[Reply] | asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("rate", [1, 7, 50])
async def test_a_crew_sends_no_more_than_the_rate_in_any_second(rate: int) -> None:
    clock = StoppedClock()
    server = Server(clock)
    send = Pacer(Limiter(rate), clock.now, clock.sleep).paced(server.send)
    crew = asyncio.gather(*(send(REQUEST) for _ in range(3 * rate)))
    await clock.advance(10)
    await crew
    assert len(server.starts) == 3 * rate
    for start in server.starts:
        assert sum(start <= other < start + 1 for other in server.starts) <= rate


async def test_requests_start_in_the_order_they_came() -> None:
    clock = StoppedClock()
    pacer = Pacer(Limiter(10), clock.now, clock.sleep)
    order: list[int] = []

    async def wait(number: int) -> None:
        await pacer.wait()
        order.append(number)

    crew = asyncio.gather(*(wait(number) for number in range(20)))
    await clock.advance(10)
    await crew
    assert order == list(range(20))


async def test_nobody_passes_those_who_wait() -> None:
    clock = StoppedClock()
    pacer = Pacer(Limiter(10), clock.now, clock.sleep)
    assert pacer.try_start()
    first = asyncio.create_task(pacer.wait())
    await settled()
    clock.time += 5  # there is room now, but somebody was here before
    assert not pacer.try_start()
    await ended(first)


async def test_a_start_is_taken_only_when_nothing_forbids_it() -> None:
    clock = Clock()
    limiter = Limiter(10)
    pacer = Pacer(limiter, clock.now, clock.sleep)
    assert pacer.try_start()
    assert not pacer.try_start()
    clock.time = 1
    limiter.pause(1, 5)
    assert not pacer.try_start()
    clock.time = 6
    pacer.hold()
    assert not pacer.try_start()
    pacer.release()
    assert pacer.try_start()


async def test_nothing_starts_while_held_and_all_goes_on_after() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = Pacer(Limiter(0), clock.now, clock.sleep)
    pacer.hold()
    waiting = begun(pacer.paced(server.send)(REQUEST))
    await clock.advance(100)
    assert server.starts == []
    pacer.release()
    assert await waiting == REPLY
    assert server.starts == [100]


async def test_a_pause_that_comes_while_somebody_waits_holds_him_too() -> None:
    clock = StoppedClock()
    limiter, server = Limiter(1), Server(clock)
    pacer = Pacer(limiter, clock.now, clock.sleep)
    send = pacer.paced(server.send)
    crew = asyncio.gather(send(REQUEST), send(REQUEST))
    await clock.advance(0.5)
    limiter.pause(clock.now(), 30)
    await clock.advance(60)
    await crew
    assert server.starts[1] >= 30.5


async def test_a_hold_that_comes_while_somebody_waits_holds_him_too() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = Pacer(Limiter(1), clock.now, clock.sleep)
    send = pacer.paced(server.send)
    crew = [begun(send(REQUEST)) for _ in range(2)]
    await clock.advance(0.5)
    pacer.hold()
    await clock.advance(60)
    assert len(server.starts) == 1
    await ended(*crew)


async def test_requests_in_flight_are_counted_until_they_end_or_are_cancelled() -> None:
    clock = Clock()
    server = Server(clock, answers=False)
    pacer = Pacer(Limiter(0), clock.now, clock.sleep)
    send = pacer.paced(server.send)
    crew = [begun(send(REQUEST)) for _ in range(3)]
    await settled()
    assert pacer.in_flight == 3
    await ended(crew[0])
    assert pacer.in_flight == 2
    server.answer()
    await asyncio.gather(*crew[1:])
    assert pacer.in_flight == 0


async def test_who_waits_for_a_turn_is_not_in_flight() -> None:
    clock = StoppedClock()
    pacer = Pacer(Limiter(1), clock.now, clock.sleep)
    send = pacer.paced(Server(clock, answers=False).send)
    crew = [begun(send(REQUEST)) for _ in range(3)]
    await settled()
    assert pacer.in_flight == 1
    await ended(*crew)


async def test_one_who_is_cancelled_while_he_waits_leaves_the_line_to_the_next() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = Pacer(Limiter(1), clock.now, clock.sleep)
    send = pacer.paced(server.send)
    crew = [begun(send(REQUEST)) for _ in range(3)]
    await settled()
    await ended(crew[1])
    await clock.advance(5)
    assert len(server.starts) == 2
    await crew[2]


async def test_alone_holds_everybody_else_back_and_pays_for_its_request() -> None:
    clock = StoppedClock()
    limiter, server = Limiter(1), Server(clock)
    pacer = Pacer(limiter, clock.now, clock.sleep)
    inside: list[float] = []

    async def ask_alone() -> None:
        async with pacer.alone(2.0):
            inside.append(clock.now())
            assert not pacer.try_start()
            await clock.sleep(3.0)

    asking = asyncio.create_task(ask_alone())
    await settled()
    other = begun(pacer.paced(server.send)(REQUEST))
    await clock.advance(10)
    await asyncio.gather(asking, other)
    assert inside == [2.0]
    assert server.starts == [5.0]


async def test_alone_waits_for_the_rate_too() -> None:
    clock = StoppedClock()
    pacer = Pacer(Limiter(0.1), clock.now, clock.sleep)
    assert pacer.try_start()
    inside: list[float] = []

    async def ask_alone() -> None:
        async with pacer.alone(1.0):
            inside.append(clock.now())

    asking = asyncio.create_task(ask_alone())
    await clock.advance(30)
    await asking
    assert inside[0] >= 10


async def test_a_pause_that_comes_before_alone_has_asked_holds_it_too() -> None:
    clock = StoppedClock()
    limiter = Limiter(0)
    pacer = Pacer(limiter, clock.now, clock.sleep)
    inside: list[float] = []

    async def ask_alone() -> None:
        async with pacer.alone(1.0):
            inside.append(clock.now())

    asking = asyncio.create_task(ask_alone())
    await clock.advance(0.5)
    limiter.pause(clock.now(), 30)  # a request in flight was answered by a 429
    await clock.advance(60)
    await asking
    assert inside[0] >= 30.5


async def test_alone_goes_back_to_dispatching_also_when_its_request_fails() -> None:
    clock = Clock()
    pacer = Pacer(Limiter(0), clock.now, clock.sleep)
    with pytest.raises(OSError, match="no"):
        async with pacer.alone(1.0):
            raise OSError("no")
    assert pacer.try_start()


async def test_a_hold_of_somebody_else_outlives_alone() -> None:
    clock = StoppedClock()
    pacer = Pacer(Limiter(0), clock.now, clock.sleep)

    async def ask_alone() -> None:
        async with pacer.alone(1.0):
            pass

    asking = asyncio.create_task(ask_alone())
    await clock.advance(0.5)
    pacer.hold()  # a signal: nothing more may start
    await clock.advance(5)
    await asking
    assert not pacer.try_start()
