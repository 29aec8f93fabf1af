"""Every request waits for the governor, and tells it how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from copy import copy
from math import inf
from typing import NoReturn, TypeAlias

import pytest

from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    Throttled,
    TimedOut,
    Transient,
    Unauthorized,
    UnexpectedFailure,
)
from collector.client.messages import Reply, Request
from collector.client.pacer import Pacer
from collector.governor.events import Event, Paused, Resumed
from collector.governor.governor import Permit, Wait
from collector.model.errors import ConfigError, RunStopped
from collector.model.ledger import RequestCount
from collector.model.throughput import WaitReason
from tests.support.clock import Clock, StoppedClock, settled
from tests.support.governor_harness import governor, pacer

REQUEST = Request("/x")
REPLY = Reply(200, {}, b"")
Sent: TypeAlias = Reply | FailedAttempt
FAILURES = [Transient("the connection broke"), BadPayload("no JSON"), ValueError("nobody foresaw this")]


class Server:
    """Notes when requests start, and which; answers them at once, or each when it is told to."""

    def __init__(self, clock: Clock | StoppedClock, *, answers: bool = True) -> None:
        self._clock = clock
        self._answers = answers
        self._open: list[asyncio.Future[Reply]] = []
        self.starts: list[float] = []
        self.targets: list[str] = []

    async def send(self, request: Request) -> Reply:
        self.starts.append(self._clock.now())
        self.targets.append(request.target)
        if self._answers:
            return REPLY
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._open.append(answer)
        return await answer

    async def answer(self, *answers: Reply | Exception) -> None:
        """Answer the oldest requests that have no answer yet, and let everybody go on."""
        for one in answers:
            oldest = self._open.pop(0)
            if oldest.cancelled():
                continue
            if isinstance(one, Exception):
                oldest.set_exception(copy(one))
            else:
                oldest.set_result(one)
        await settled()


def begun(answer: Awaitable[Sent]) -> asyncio.Task[Sent]:
    async def wait() -> Sent:
        return await answer

    return asyncio.create_task(wait())


async def under_way(paced: Pacer, *targets: str) -> list[asyncio.Task[Sent]]:
    """Send requests in this order, and go on until they are sent or wait."""
    workers = [begun(paced.send(Request(target))) for target in targets]
    await settled()
    return workers


def failure_in(sent: Sent) -> AttemptFailed:
    assert isinstance(sent, FailedAttempt)
    return sent.failure


async def ended(*tasks: asyncio.Task[Sent] | asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def probing(paced: Pacer, server: Server, clock: StoppedClock, by: str) -> asyncio.Task[Sent]:
    """A request that is in flight alone, after a pause, to try whether all may go on."""
    workers = await under_way(paced, "throttled")
    await server.answer(Throttled("HTTP 429", 429, wait=1.0))
    assert isinstance(failure_in(await workers[0]), Throttled)
    await clock.advance(5)
    probe = asyncio.create_task(start_by(by, paced, server))
    await clock.advance(0.1)
    assert server.targets == ["throttled", "probe"]
    return probe


async def start_by(way: str, paced: Pacer, server: Server, *, is_retry: bool = False) -> Sent:
    """Make a request in one of the ways there are."""
    request = Request("probe", is_retry=is_retry)
    if way == "send":
        return await paced.send(request)
    if way == "send_alone":
        return await paced.send_exclusively(request, after=0.0)
    return await paced.send_by(server.send, request)


@pytest.mark.parametrize("rate", [1, 7, 50])
async def test_a_crew_sends_no_more_than_the_rate_in_any_second(rate: int) -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=rate), clock)
    workers = asyncio.gather(*(paced.send(REQUEST) for _ in range(3 * rate)))
    await clock.advance(10)
    await workers
    assert len(server.starts) == 3 * rate
    for start in server.starts:
        assert sum(start <= other < start + 1 for other in server.starts) <= rate


@pytest.mark.parametrize("by", ["send", "send_alone", "send_by"])
async def test_neither_the_governor_nor_who_asked_hears_a_secret_in_a_failure_s_reason(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    governed = governor()
    paced = pacer(server.send, governed, clock, scrub=lambda text: text.replace("secret", "[REDACTED]"))
    asked = asyncio.create_task(start_by(by, paced, server))
    await settled()
    await server.answer(Transient("it said secret"))
    failure = failure_in(await asked)
    assert governed.last_failure == failure.reason == str(failure) == "it said [REDACTED]"
    assert "secret" not in repr(failure)
    assert (failure.__context__, failure.__cause__, failure.__traceback__) == (None, None, None)


async def test_requests_start_in_the_order_they_came() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=10), clock)
    workers = await under_way(paced, *(str(number) for number in range(20)))
    await clock.advance(10)
    await asyncio.gather(*workers)
    assert server.targets == [str(number) for number in range(20)]


async def test_nobody_passes_those_who_wait() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=10), clock)
    workers = await under_way(paced, "sent", "waits")
    clock.time += 5  # there is room now, but somebody was here before
    workers += await under_way(paced, "came later")
    assert server.targets == ["sent"]
    await clock.advance(5)
    assert server.targets == ["sent", "waits", "came later"]
    await asyncio.gather(*workers)


async def test_no_more_are_in_flight_than_the_governor_allows_and_an_end_makes_room() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(concurrency=2), clock)
    workers = await under_way(paced, "a", "b", "c", "d")
    assert server.targets == ["a", "b"]
    await server.answer(REPLY)
    assert server.targets == ["a", "b", "c"]
    await server.answer(Transient("the connection broke"))
    assert server.targets == ["a", "b", "c", "d"]
    await ended(*workers)


async def test_nothing_starts_once_stopped_not_even_alone() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(), clock)
    paced.stop()
    workers = await under_way(paced, "at once")
    workers.append(begun(paced.send_exclusively(Request("alone"), after=1.0)))
    await clock.advance(100)
    assert server.starts == []
    await ended(*workers)


async def test_who_waits_when_all_is_stopped_does_not_start_either() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(rate=1, concurrency=1), clock)
    workers = await under_way(paced, "sent", "waits for room")
    alone = begun(paced.send_exclusively(Request("alone"), after=1.0))
    await clock.advance(0.5)
    paced.stop()
    await server.answer(REPLY)
    await clock.advance(60)
    assert server.targets == ["sent"]
    await ended(*workers, alone)


async def test_a_pause_that_comes_while_somebody_waits_holds_him_too() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(rate=1), clock)
    workers = await under_way(paced, "sent", "waits for the rate")
    await clock.advance(0.5)
    await server.answer(Throttled("HTTP 429", 429, wait=30.0))
    await clock.advance(29.9)
    assert server.targets == ["sent"]
    await clock.advance(30)
    assert server.targets == ["sent", "waits for the rate"]
    assert server.starts[1] >= 30.5
    await ended(*workers)


async def test_what_a_reply_says_of_the_quota_is_heeded() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, "sent")
    await server.answer(Reply(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, b""))
    workers += await under_way(paced, "waits for the reset")
    await clock.advance(29.9)
    assert server.targets == ["sent"]
    await clock.advance(4)
    assert server.targets == ["sent", "waits for the reset"]
    await ended(*workers)


async def test_requests_in_flight_are_counted_until_they_end_or_are_cancelled() -> None:
    clock = Clock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, "a", "b", "c")
    assert paced.in_flight == 3
    await ended(workers[0])
    assert paced.in_flight == 2
    await server.answer(REPLY, Transient("the connection broke"), REPLY)
    await asyncio.gather(*workers[1:], return_exceptions=True)
    assert paced.in_flight == 0


async def test_who_waits_for_a_turn_is_not_in_flight() -> None:
    clock = StoppedClock()
    paced = pacer(Server(clock, answers=False).send, governor(rate=1), clock)
    workers = await under_way(paced, "a", "b", "c")
    assert paced.in_flight == 1
    await ended(*workers)


async def test_one_who_is_cancelled_while_he_waits_leaves_the_line_to_the_next() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=1), clock)
    workers = await under_way(paced, "sent", "leaves", "next")
    await ended(workers[1])
    await clock.advance(5)
    assert server.targets == ["sent", "next"]
    await workers[2]


# Alone.


async def test_alone_holds_everybody_else_back_from_the_moment_it_is_asked_for_until_it_has_ended() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(Request("alone"), after=2.0))
    await settled()
    workers = await under_way(paced, "other", "another")
    await clock.advance(5.0)
    assert server.targets == ["alone"]
    assert server.starts == [2.0]
    await server.answer(REPLY)
    assert await alone == REPLY
    assert server.targets == ["alone", "other", "another"]
    assert server.starts[1:] == [5.0, 5.0]
    await ended(*workers)


async def test_alone_counts_as_in_flight_only_once_it_has_started() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(REQUEST, after=2.0))
    await clock.advance(1.9)
    assert paced.in_flight == 0
    await clock.advance(0.2)
    assert paced.in_flight == 1
    await server.answer(REPLY)
    await alone
    assert paced.in_flight == 0


async def test_alone_holds_him_back_too_who_waited_before() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(rate=1), clock)
    workers = await under_way(paced, "sent", "waits")
    alone = begun(paced.send_exclusively(Request("alone"), after=5.0))
    await clock.advance(60)
    assert server.targets == ["sent", "alone"]
    await server.answer(REPLY, REPLY)
    await clock.advance(5)
    assert server.targets == ["sent", "alone", "waits"]
    await ended(*workers, alone)


async def test_alone_lets_those_in_flight_end_in_peace() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    (in_flight,) = await under_way(paced, "in flight")
    alone = begun(paced.send_exclusively(REQUEST, after=1.0))
    await clock.advance(5)
    assert paced.in_flight == 2
    await server.answer(REPLY, REPLY)
    assert await in_flight == await alone == REPLY


async def test_alone_pays_for_its_request() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=0.1), clock)
    alone = begun(paced.send_exclusively(REQUEST, after=1.0))
    await clock.advance(2.0)
    await alone
    workers = await under_way(paced, "other")
    await clock.advance(30)
    assert server.starts[0] == 1.0
    assert server.starts[1] >= 11.0
    await asyncio.gather(*workers)


async def test_alone_waits_for_the_rate_too() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=0.1), clock)
    await under_way(paced, "first")
    alone = begun(paced.send_exclusively(REQUEST, after=1.0))
    await clock.advance(30)
    await alone
    assert server.starts[1] >= 10


async def test_a_pause_that_comes_before_alone_has_asked_holds_it_too() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, "in flight")
    alone = begun(paced.send_exclusively(Request("alone"), after=1.0))
    await clock.advance(0.5)
    await server.answer(Throttled("HTTP 429", 429, wait=30.0))
    await clock.advance(29.9)
    assert server.targets == ["in flight"]
    await clock.advance(30)
    assert server.targets == ["in flight", "alone"]
    await ended(*workers, alone)


@pytest.mark.parametrize("error", FAILURES)
async def test_alone_goes_back_to_dispatching_also_when_its_request_fails(error: Exception) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(Request("alone"), after=1.0))
    await clock.advance(1.0)
    workers = await under_way(paced, "other")
    await server.answer(error)
    assert isinstance(failure_in(await alone), type(error) if isinstance(error, AttemptFailed) else UnexpectedFailure)
    assert server.targets == ["alone", "other"]
    await ended(*workers)


@pytest.mark.parametrize("moment", [0.5, 1.5])
async def test_alone_goes_back_to_dispatching_also_when_it_is_cancelled(moment: float) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(Request("alone"), after=1.0))
    await clock.advance(moment)
    workers = await under_way(paced, "other")
    await ended(alone)
    await settled()
    assert server.targets[-1] == "other"
    assert paced.in_flight == 1
    await ended(*workers)


async def test_two_who_ask_alone_do_not_end_each_others_hold() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(), clock)
    first = begun(paced.send_exclusively(Request("/first"), after=2.0))
    second = begun(paced.send_exclusively(Request("/second"), after=0.0))
    await settled()
    others = await under_way(paced, "/x", "/y")
    await clock.advance(1.0)
    assert server.targets == ["/second"]
    await clock.advance(1.0)
    assert server.targets[:2] == ["/second", "/first"]
    await asyncio.gather(first, second, *others)


async def test_a_stop_outlives_alone() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(Request("alone"), after=1.0))
    await clock.advance(1.5)
    paced.stop()  # a signal: nothing more may start
    await server.answer(REPLY)
    await alone
    workers = await under_way(paced, "other")
    await clock.advance(5)
    assert server.targets == ["alone"]
    await ended(*workers)


# How requests end.

ways = pytest.mark.parametrize("by", ["send", "send_alone", "send_by"])


@ways
@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (REPLY, 0.0, 3.0),  # at the rate that the server was seen to allow
        (BadPayload("no JSON"), 0.0, 3.0),
        (Unauthorized("HTTP 401", 401), 0.0, 3.0),
        (Transient("the connection broke"), 1.0, 1.0),
        (TimedOut("no reply in time"), 1.0, 1.0),
        (Throttled("HTTP 429", 429, wait=7.0), 7.0, 7.7),
        (Throttled("HTTP 503", 503, wait=7.0), 7.0, 7.7),
    ],
)
async def test_how_a_request_ends_says_when_the_next_may_start(
    answer: Reply | Exception, least: float, most: float, by: str
) -> None:
    clock, governed = StoppedClock(), governor()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governed, clock)
    probe = await probing(paced, server, clock, by)
    assert governed.try_acquire(clock.now()) == Wait(inf, WaitReason.SERVER)
    await server.answer(answer)
    await asyncio.gather(probe, return_exceptions=True)
    assert paced.in_flight == 0
    granted = governed.try_acquire(clock.now())
    assert least <= (granted.seconds if isinstance(granted, Wait) else 0.0) <= most
    later = governed.try_acquire(clock.now() + 10)
    assert isinstance(later, Permit)
    assert later.is_probe == (least > 0)


@ways
@pytest.mark.parametrize("error", [*FAILURES, Throttled("HTTP 429", 429, 7.0)])
async def test_a_failure_of_sending_is_returned_to_the_sender(error: Exception, by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    asked = asyncio.create_task(start_by(by, pacer(server.send, governor(), clock), server))
    await clock.advance(0.1)
    await server.answer(error)
    failure = failure_in(await asked)
    if isinstance(error, AttemptFailed):
        assert (type(failure), failure.args) == (type(error), error.args)
    else:
        assert failure.reason.startswith("internal error: ValueError at test_pacer.py:")


@ways
async def test_what_ends_the_run_is_raised_and_leaves_nothing_in_flight(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    asked = asyncio.create_task(start_by(by, paced, server))
    await clock.advance(0.1)
    await server.answer(ConfigError("a certificate"))
    with pytest.raises(ConfigError, match="a certificate"):
        await asked
    assert paced.in_flight == 0


class Unreadable(dict[str, str]):
    """Headers that no code of ours can read."""

    def get(self, *_: object) -> NoReturn:
        raise ZeroDivisionError


@pytest.mark.parametrize("by", ["send", "send_alone"])
async def test_headers_that_a_bug_trips_over_cost_one_attempt_and_leave_nothing_in_flight(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    asked = asyncio.create_task(start_by(by, paced, server))
    await clock.advance(0.1)
    await server.answer(Reply(200, Unreadable(), b""))
    assert failure_in(await asked).reason.startswith("internal error: ZeroDivisionError at test_pacer.py:")
    assert paced.in_flight == 0


@ways
@pytest.mark.parametrize("answer", [REPLY, Transient("the connection broke"), ValueError("nobody foresaw this")])
async def test_a_retry_is_counted_when_it_starts_however_it_ends(answer: Reply | Exception, by: str) -> None:
    clock, count = StoppedClock(), RequestCount()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(concurrency=1), clock, count)
    workers = await under_way(paced, "first")
    retry = asyncio.create_task(start_by(by, paced, server, is_retry=True))
    await clock.advance(1)
    assert count.retried == 0
    await server.answer(REPLY)
    assert count.retried == 1
    await server.answer(answer)
    await asyncio.gather(*workers, retry, return_exceptions=True)
    assert count == RequestCount(retried=1)


@ways
async def test_requests_to_slow_down_are_counted(by: str) -> None:
    clock, count = StoppedClock(), RequestCount()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock, count)
    probe = await probing(paced, server, clock, by)
    await server.answer(Throttled("HTTP 503", 503))
    await asyncio.gather(probe, return_exceptions=True)
    assert count == RequestCount(throttled=2)


@ways
async def test_too_long_a_pause_stops_the_run_whoever_was_asked_for_it(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(max_pause=60), clock)
    asked = asyncio.create_task(start_by(by, paced, server))
    await clock.advance(0.1)
    await server.answer(Throttled("HTTP 429", 429, wait=61.0))
    with pytest.raises(RunStopped, match="--max-pause 60"):
        await asked


@ways
@pytest.mark.parametrize(
    ("error", "opened_breaker"),
    [
        (Transient("the connection broke"), True),
        (TimedOut("no reply in time"), True),
        (BadPayload("no JSON"), False),
        (Unauthorized("HTTP 401", 401), False),
        (Throttled("HTTP 429", 429), False),
    ],
)
async def test_a_failed_attempt_tells_how_long_it_took_that_it_was_a_probe_and_whether_all_halt_for_it(
    error: AttemptFailed, opened_breaker: bool, by: str
) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    probe = await probing(paced, server, clock, by)
    await clock.advance(2.9)
    await server.answer(error)
    failed = await probe
    assert isinstance(failed, FailedAttempt)
    assert isinstance(failed.failure, type(error))
    assert failed.was_probe
    assert failed.opened_breaker is opened_breaker
    assert failed.seconds == pytest.approx(3.0)


async def test_the_time_of_an_attempt_is_without_its_wait_for_a_turn() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(rate=0.1), clock)
    workers = await under_way(paced, "sent", "waits")
    await clock.advance(15)
    taken = clock.now() - server.starts[1]
    await server.answer(REPLY, Transient("the connection broke"))
    failed = await workers[1]
    assert isinstance(failed, FailedAttempt)
    assert not failed.was_probe
    assert failed.seconds == pytest.approx(taken)


@ways
@pytest.mark.parametrize("how", ["is cancelled", "fails here"])
async def test_a_probe_without_a_verdict_hands_the_probe_on_to_the_next(how: str, by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    probe = await probing(paced, server, clock, by)
    workers = await under_way(paced, "next", "another")
    assert server.targets == ["throttled", "probe"]
    if how == "fails here":
        await server.answer(ValueError("nobody foresaw this"))
    await ended(probe)
    await clock.advance(100)
    assert server.targets == ["throttled", "probe", "next"]
    await server.answer(*[REPLY] * (1 + (how == "is cancelled")))
    await clock.advance(1)
    assert server.targets == ["throttled", "probe", "next", "another"]
    await ended(*workers)


# What starts wait for.


async def test_a_start_that_is_free_waits_for_nothing() -> None:
    clock = StoppedClock()
    paced = pacer(Server(clock).send, governor(), clock)
    await asyncio.gather(*await under_way(paced, "a", "b"))
    assert not paced.wait_seconds


async def test_a_wait_for_the_users_rate_is_told_as_such() -> None:
    clock = StoppedClock()
    server = Server(clock)
    paced = pacer(server.send, governor(rate=1), clock)
    workers = await under_way(paced, "a", "b", "c")
    await clock.advance(10)
    await asyncio.gather(*workers)
    assert paced.wait_seconds == {WaitReason.OWN_RATE: pytest.approx(server.starts[2])}


async def test_a_pause_and_the_wait_for_its_probe_are_told_as_the_servers() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, "throttled")
    await server.answer(Throttled("HTTP 429", 429, wait=10.0))
    workers += await under_way(paced, "probe", "waits for it")
    await clock.advance(20)
    await server.answer(REPLY)
    assert server.starts[2] == 20
    assert paced.wait_seconds == {WaitReason.SERVER: pytest.approx(20.0)}
    await ended(*workers)


async def test_a_wait_for_a_quota_that_is_used_up_is_told_as_the_servers() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, "sent")
    await server.answer(Reply(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, b""))
    workers += await under_way(paced, "waits for the reset")
    await clock.advance(40)
    assert paced.wait_seconds == {WaitReason.SERVER: pytest.approx(server.starts[1])}
    await ended(*workers)


async def test_a_wait_for_room_is_latency_unless_the_server_brought_it_about() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(concurrency=4), clock)
    workers = await under_way(paced, *"abcde")
    await clock.advance(3)
    await server.answer(TimedOut("no reply in time"))
    assert paced.wait_seconds == {WaitReason.LATENCY: 3.0}
    await clock.advance(4)
    await server.answer(REPLY, REPLY)
    assert server.targets == [*"abcde"]
    assert paced.wait_seconds == {WaitReason.LATENCY: 3.0, WaitReason.SERVER: 4.0}
    await ended(*workers)


async def test_a_wait_for_one_who_asks_alone_is_nobodys() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    alone = begun(paced.send_exclusively(REQUEST, after=1.0))
    await settled()
    workers = await under_way(paced, "waits")
    await clock.advance(5)
    await server.answer(REPLY)
    assert server.starts == [1.0, 5.0]
    assert not paced.wait_seconds
    await ended(*workers, alone)


# Outages.


async def ask_on_and_on(paced: Pacer, clock: StoppedClock) -> None:
    """Send, one request after the other, whatever comes of it."""
    while True:
        if isinstance(await paced.send(REQUEST), FailedAttempt):
            await clock.sleep(1.0)


class Answering:
    """Gives these answers in turn, over and over, each after a second."""

    def __init__(self, clock: StoppedClock, *answers: Reply | Exception) -> None:
        self._clock = clock
        self._answers = answers
        self.asked = 0

    async def send(self, _request: Request) -> Reply:
        answer = self._answers[self.asked % len(self._answers)]
        self.asked += 1
        await self._clock.sleep(1.0)
        if isinstance(answer, Exception):
            raise copy(answer)
        return answer


async def watched(clock: StoppedClock, seconds: float, *answers: Reply | Exception) -> asyncio.Task[None]:
    """A watch with a limit of 60 s over a server that answers so, after so many seconds."""
    server = Answering(clock, *answers)
    paced = pacer(server.send, governor(), clock)
    asking = asyncio.create_task(ask_on_and_on(paced, clock))
    watch = asyncio.create_task(paced.watch(60.0))
    await clock.advance(seconds)
    await ended(asking)
    assert server.asked > 5
    return watch


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([Transient("HTTP 500", 500), Transient("the connection broke")], "the connection broke|HTTP 500"),
        ([TimedOut("no reply in time")], "no reply in time"),
        ([Reply(502, {}, b"")], "HTTP 502"),
    ],
)
async def test_the_run_stops_after_too_long_an_outage_and_its_last_failure_is_told(
    answers: list[Reply | Exception], text: str
) -> None:
    clock = StoppedClock()
    watch = await watched(clock, 59.0, *answers)
    assert not watch.done()
    await clock.advance(2.0)
    assert watch.done()
    with pytest.raises(RunStopped, match=rf"all requests failed for 60 s, longer than --outage-limit 60: {text}"):
        await watch


async def test_the_pauses_that_a_server_out_of_service_asks_for_are_no_time_of_the_outage() -> None:
    clock = StoppedClock()
    watch = await watched(clock, 70.0, Reply(503, {"Retry-After": "2"}, b""))
    assert not watch.done()
    await clock.advance(100.0)
    assert watch.done()
    with pytest.raises(RunStopped, match=r"all requests failed for 6\d s, longer than --outage-limit 60: HTTP 503"):
        await watch


@pytest.mark.parametrize(
    "answer", [REPLY, Reply(404, {}, b""), Reply(429, {"Retry-After": "1"}, b""), Reply(204, {}, b""), Unauthorized("")]
)
async def test_the_run_does_not_stop_while_the_server_answers_now_and_then(answer: Reply | Exception) -> None:
    clock = StoppedClock()
    watch = await watched(clock, 1000.0, *[Transient("HTTP 500", 500)] * 5, answer)
    assert not watch.done()
    await ended(watch)


async def test_a_few_failures_with_nothing_after_them_are_no_outage() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    paced = pacer(server.send, governor(), clock)
    workers = await under_way(paced, *"abcd")
    await server.answer(*[Transient("the connection broke")] * 4)
    watch = asyncio.create_task(paced.watch(60.0))
    await clock.advance(1000)
    assert not watch.done()
    await ended(watch, *workers)


# What ends a run.


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (901.0, "a pause of 901 s, longer than --max-pause 900; run again after 1970-01-01T00:15:01"),
        (1e6, "a pause of 1e[+]06 s, longer than --max-pause 900; run again after 1970-01-12T13:46:40"),
        (inf, "a pause without end, longer than --max-pause 900; run again much later"),
    ],
)
async def test_a_pause_over_the_limit_stops_the_run_and_says_when_to_run_again(wait: float, text: str) -> None:
    async def refuse(_request: Request) -> Reply:
        raise Throttled("HTTP 429", 429, wait=wait)

    with pytest.raises(RunStopped, match=text):
        await pacer(refuse, governor(), StoppedClock()).send(REQUEST)


async def test_a_quota_that_is_used_up_for_too_long_stops_the_run_at_the_next_request() -> None:
    async def answer(_request: Request) -> Reply:
        return Reply(200, {"RateLimit": '"default";r=0;t=1000'}, b"")

    paced = pacer(answer, governor(), StoppedClock())
    await paced.send(REQUEST)
    with pytest.raises(RunStopped, match="a pause of 1000 s, longer than --max-pause 900"):
        await paced.send(REQUEST)


async def test_pauses_that_are_most_of_the_run_stop_it_after_half_an_hour_of_them() -> None:
    clock = Clock()

    async def refuse(_request: Request) -> Reply:
        raise Throttled("HTTP 429", 429, wait=310.0)

    paced = pacer(refuse, governor(), clock)

    async def ask_on_and_on() -> None:
        for _ in range(20):
            await paced.send(REQUEST)

    with pytest.raises(RunStopped, match=r"\d+ s of pauses in total, more than half of the run; run again after 1970"):
        await ask_on_and_on()


async def test_every_decision_of_the_governor_is_told_once() -> None:
    told: list[Event] = []
    governed, replies = governor(), iter([Throttled("HTTP 429", 429, wait=1.0), None])

    async def send(_request: Request) -> Reply:
        if failure := next(replies):
            raise failure
        return Reply(200, {}, b"")

    paced = pacer(send, governed, Clock(), on_event=told.append)
    await paced.send(REQUEST)
    await paced.send(REQUEST)
    assert [type(event) for event in told] == [Paused, Resumed]
    assert governed.events == []
