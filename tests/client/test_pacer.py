"""Each request waits for a permit, and its end is reported to the governor."""

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
from tests.support.governor_harness import make_governor, make_pacer

REQUEST = Request("/x")
REPLY = Reply(200, {}, b"")
Sent: TypeAlias = Reply | FailedAttempt
FAILURES = [Transient("the connection broke"), BadPayload("no JSON"), ValueError("unexpected")]


class Server:
    """Records the requests and their times; answers immediately, or when the test calls `answer`."""

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
        """Answer the oldest open requests, and let all tasks continue."""
        for one in answers:
            oldest = self._open.pop(0)
            if oldest.cancelled():
                continue
            if isinstance(one, Exception):
                oldest.set_exception(copy(one))
            else:
                oldest.set_result(one)
        await settled()


def start_task(answer: Awaitable[Sent]) -> asyncio.Task[Sent]:
    async def wait() -> Sent:
        return await answer

    return asyncio.create_task(wait())


async def send_all(pacer: Pacer, *targets: str) -> list[asyncio.Task[Sent]]:
    """Send requests in this order, and return when each is sent or waits."""
    workers = [start_task(pacer.send(Request(target))) for target in targets]
    await settled()
    return workers


def failure_in(sent: Sent) -> AttemptFailed:
    assert isinstance(sent, FailedAttempt)
    return sent.failure


async def cancel_all(*tasks: asyncio.Task[Sent] | asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def start_probe(pacer: Pacer, server: Server, clock: StoppedClock, by: str) -> asyncio.Task[Sent]:
    """Return the probe after a pause, as the only request in flight."""
    workers = await send_all(pacer, "throttled")
    await server.answer(Throttled("HTTP 429", 429, wait=1.0))
    assert isinstance(failure_in(await workers[0]), Throttled)
    await clock.advance(5)
    probe = asyncio.create_task(send_by_method(by, pacer, server))
    await clock.advance(0.1)
    assert server.targets == ["throttled", "probe"]
    return probe


async def send_by_method(method: str, pacer: Pacer, server: Server, *, is_retry: bool = False) -> Sent:
    """Send a request with the given method of the pacer."""
    request = Request("probe", is_retry=is_retry)
    if method == "send":
        return await pacer.send(request)
    if method == "send_exclusively":
        return await pacer.send_exclusively(request, after=0.0)
    return await pacer.send_by(server.send, request)


@pytest.mark.parametrize("rate", [1, 7, 50])
async def test_workers_send_no_more_than_the_rate_in_any_second(rate: int) -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=rate), clock)
    workers = asyncio.gather(*(pacer.send(REQUEST) for _ in range(3 * rate)))
    await clock.advance(10)
    await workers
    assert len(server.starts) == 3 * rate
    for start in server.starts:
        assert sum(start <= other < start + 1 for other in server.starts) <= rate


@pytest.mark.parametrize("by", ["send", "send_exclusively", "send_by"])
async def test_a_failures_reason_contains_no_secret_for_the_governor_or_the_caller(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    governor = make_governor()
    pacer = make_pacer(server.send, governor, clock, scrub=lambda text: text.replace("secret", "[REDACTED]"))
    task = asyncio.create_task(send_by_method(by, pacer, server))
    await settled()
    await server.answer(Transient("secret"))
    failure = failure_in(await task)
    assert governor.last_failure == failure.reason == str(failure) == "[REDACTED]"
    assert "secret" not in repr(failure)
    assert (failure.__context__, failure.__cause__, failure.__traceback__) == (None, None, None)


async def test_requests_are_sent_in_order_of_arrival() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=10), clock)
    workers = await send_all(pacer, *(str(number) for number in range(20)))
    await clock.advance(10)
    await asyncio.gather(*workers)
    assert server.targets == [str(number) for number in range(20)]


async def test_a_new_request_does_not_overtake_the_queue() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=10), clock)
    workers = await send_all(pacer, "sent", "waits")
    clock.time += 5  # a permit is free now, but an earlier request waits
    workers += await send_all(pacer, "came later")
    assert server.targets == ["sent"]
    await clock.advance(5)
    assert server.targets == ["sent", "waits", "came later"]
    await asyncio.gather(*workers)


async def test_requests_in_flight_keep_the_governors_limit() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(concurrency=2), clock)
    workers = await send_all(pacer, "a", "b", "c", "d")
    assert server.targets == ["a", "b"]
    await server.answer(REPLY)
    assert server.targets == ["a", "b", "c"]
    await server.answer(Transient("the connection broke"))
    assert server.targets == ["a", "b", "c", "d"]
    await cancel_all(*workers)


async def test_after_a_stop_no_request_is_sent_not_even_an_exclusive_one() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(), clock)
    pacer.stop()
    workers = await send_all(pacer, "at once")
    workers.append(start_task(pacer.send_exclusively(Request("exclusive"), after=1.0)))
    await clock.advance(100)
    assert server.starts == []
    await cancel_all(*workers)


async def test_after_a_stop_no_waiting_request_is_sent() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(rate=1, concurrency=1), clock)
    workers = await send_all(pacer, "sent", "waits for its end")
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=1.0))
    await clock.advance(0.5)
    pacer.stop()
    await server.answer(REPLY)
    await clock.advance(60)
    assert server.targets == ["sent"]
    await cancel_all(*workers, alone)


async def test_a_pause_also_delays_requests_that_are_already_waiting() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(rate=1), clock)
    workers = await send_all(pacer, "sent", "waits for the rate")
    await clock.advance(0.5)
    await server.answer(Throttled("HTTP 429", 429, wait=30.0))
    await clock.advance(29.9)
    assert server.targets == ["sent"]
    await clock.advance(30)
    assert server.targets == ["sent", "waits for the rate"]
    assert server.starts[1] >= 30.5
    await cancel_all(*workers)


async def test_requests_wait_for_the_reset_of_an_exhausted_quota() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, "sent")
    await server.answer(Reply(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, b""))
    workers += await send_all(pacer, "waits for the reset")
    await clock.advance(29.9)
    assert server.targets == ["sent"]
    await clock.advance(4)
    assert server.targets == ["sent", "waits for the reset"]
    await cancel_all(*workers)


async def test_requests_in_flight_are_counted_until_they_end_or_are_cancelled() -> None:
    clock = Clock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, "a", "b", "c")
    assert pacer.in_flight == 3
    await cancel_all(workers[0])
    assert pacer.in_flight == 2
    await server.answer(REPLY, Transient("the connection broke"), REPLY)
    await asyncio.gather(*workers[1:], return_exceptions=True)
    assert pacer.in_flight == 0


async def test_a_waiting_request_is_not_in_flight() -> None:
    clock = StoppedClock()
    pacer = make_pacer(Server(clock, answers=False).send, make_governor(rate=1), clock)
    workers = await send_all(pacer, "a", "b", "c")
    assert pacer.in_flight == 1
    await cancel_all(*workers)


async def test_a_request_that_is_cancelled_in_the_queue_leaves_its_turn_to_the_next() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=1), clock)
    workers = await send_all(pacer, "sent", "leaves", "next")
    await cancel_all(workers[1])
    await clock.advance(5)
    assert server.targets == ["sent", "next"]
    await workers[2]


# Exclusive requests.


async def test_an_exclusive_request_holds_all_others_until_it_has_ended() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=2.0))
    await settled()
    workers = await send_all(pacer, "other", "another")
    await clock.advance(5.0)
    assert server.targets == ["exclusive"]
    assert server.starts == [2.0]
    await server.answer(REPLY)
    assert await alone == REPLY
    assert server.targets == ["exclusive", "other", "another"]
    assert server.starts[1:] == [5.0, 5.0]
    await cancel_all(*workers)


async def test_an_exclusive_request_is_in_flight_only_once_it_is_sent() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(REQUEST, after=2.0))
    await clock.advance(1.9)
    assert pacer.in_flight == 0
    await clock.advance(0.2)
    assert pacer.in_flight == 1
    await server.answer(REPLY)
    await alone
    assert pacer.in_flight == 0


async def test_an_exclusive_request_also_holds_requests_that_waited_before() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(rate=1), clock)
    workers = await send_all(pacer, "sent", "waits")
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=5.0))
    await clock.advance(60)
    assert server.targets == ["sent", "exclusive"]
    await server.answer(REPLY, REPLY)
    await clock.advance(5)
    assert server.targets == ["sent", "exclusive", "waits"]
    await cancel_all(*workers, alone)


async def test_an_exclusive_request_does_not_affect_requests_in_flight() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    (in_flight,) = await send_all(pacer, "in flight")
    alone = start_task(pacer.send_exclusively(REQUEST, after=1.0))
    await clock.advance(5)
    assert pacer.in_flight == 2
    await server.answer(REPLY, REPLY)
    assert await in_flight == await alone == REPLY


async def test_an_exclusive_request_counts_towards_the_rate() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=0.1), clock)
    alone = start_task(pacer.send_exclusively(REQUEST, after=1.0))
    await clock.advance(2.0)
    await alone
    workers = await send_all(pacer, "other")
    await clock.advance(30)
    assert server.starts[0] == 1.0
    assert server.starts[1] >= 11.0
    await asyncio.gather(*workers)


async def test_an_exclusive_request_waits_for_the_rate() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=0.1), clock)
    await send_all(pacer, "first")
    alone = start_task(pacer.send_exclusively(REQUEST, after=1.0))
    await clock.advance(30)
    await alone
    assert server.starts[1] >= 10


async def test_a_pause_also_delays_an_exclusive_request() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, "in flight")
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=1.0))
    await clock.advance(0.5)
    await server.answer(Throttled("HTTP 429", 429, wait=30.0))
    await clock.advance(29.9)
    assert server.targets == ["in flight"]
    await clock.advance(30)
    assert server.targets == ["in flight", "exclusive"]
    await cancel_all(*workers, alone)


@pytest.mark.parametrize("error", FAILURES)
async def test_a_failed_exclusive_request_releases_the_others(error: Exception) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=1.0))
    await clock.advance(1.0)
    workers = await send_all(pacer, "other")
    await server.answer(error)
    assert isinstance(failure_in(await alone), type(error) if isinstance(error, AttemptFailed) else UnexpectedFailure)
    assert server.targets == ["exclusive", "other"]
    await cancel_all(*workers)


@pytest.mark.parametrize("cancelled_at", [0.5, 1.5])
async def test_a_cancelled_exclusive_request_releases_the_others(cancelled_at: float) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=1.0))
    await clock.advance(cancelled_at)
    workers = await send_all(pacer, "other")
    await cancel_all(alone)
    await settled()
    assert server.targets[-1] == "other"
    assert pacer.in_flight == 1
    await cancel_all(*workers)


async def test_two_exclusive_requests_do_not_end_each_others_hold() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(), clock)
    first = start_task(pacer.send_exclusively(Request("/first"), after=2.0))
    second = start_task(pacer.send_exclusively(Request("/second"), after=0.0))
    await settled()
    others = await send_all(pacer, "/x", "/y")
    await clock.advance(1.0)
    assert server.targets == ["/second"]
    await clock.advance(1.0)
    assert server.targets[:2] == ["/second", "/first"]
    await asyncio.gather(first, second, *others)


async def test_a_stop_persists_after_an_exclusive_request() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(Request("exclusive"), after=1.0))
    await clock.advance(1.5)
    pacer.stop()  # as after a signal
    await server.answer(REPLY)
    await alone
    workers = await send_all(pacer, "other")
    await clock.advance(5)
    assert server.targets == ["exclusive"]
    await cancel_all(*workers)


# How requests end.

methods = pytest.mark.parametrize("by", ["send", "send_exclusively", "send_by"])


@methods
@pytest.mark.parametrize(
    ("answer", "min_wait", "max_wait"),
    [
        (REPLY, 0.0, 3.0),  # at the learned rate
        (BadPayload("no JSON"), 0.0, 3.0),
        (Unauthorized("HTTP 401", 401), 0.0, 3.0),
        (Transient("the connection broke"), 1.0, 1.0),
        (TimedOut("no reply in time"), 1.0, 1.0),
        (Throttled("HTTP 429", 429, wait=7.0), 7.0, 7.7),
        (Throttled("HTTP 503", 503, wait=7.0), 7.0, 7.7),
    ],
)
async def test_the_end_of_a_request_decides_when_the_next_is_sent(
    answer: Reply | Exception, min_wait: float, max_wait: float, by: str
) -> None:
    clock, governor = StoppedClock(), make_governor()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, governor, clock)
    probe = await start_probe(pacer, server, clock, by)
    assert governor.try_acquire(clock.now()) == Wait(inf, WaitReason.SERVER)
    await server.answer(answer)
    await asyncio.gather(probe, return_exceptions=True)
    assert pacer.in_flight == 0
    granted = governor.try_acquire(clock.now())
    assert min_wait <= (granted.seconds if isinstance(granted, Wait) else 0.0) <= max_wait
    later = governor.try_acquire(clock.now() + 10)
    assert isinstance(later, Permit)
    assert later.is_probe == (min_wait > 0)


@methods
@pytest.mark.parametrize("error", [*FAILURES, Throttled("HTTP 429", 429, 7.0)])
async def test_a_failure_of_sending_is_returned_to_the_caller(error: Exception, by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    task = asyncio.create_task(send_by_method(by, make_pacer(server.send, make_governor(), clock), server))
    await clock.advance(0.1)
    await server.answer(error)
    failure = failure_in(await task)
    if isinstance(error, AttemptFailed):
        assert (type(failure), failure.args) == (type(error), error.args)
    else:
        assert failure.reason.startswith("internal error: ValueError at test_pacer.py:")


@methods
async def test_an_exception_that_ends_the_run_is_raised_and_frees_the_permit(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    task = asyncio.create_task(send_by_method(by, pacer, server))
    await clock.advance(0.1)
    await server.answer(ConfigError("a certificate"))
    with pytest.raises(ConfigError, match="a certificate"):
        await task
    assert pacer.in_flight == 0


class Unreadable(dict[str, str]):
    """Headers that raise on every access."""

    def get(self, *_: object) -> NoReturn:
        raise ZeroDivisionError


@pytest.mark.parametrize("by", ["send", "send_exclusively"])
async def test_unreadable_headers_fail_one_attempt_and_free_the_permit(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    task = asyncio.create_task(send_by_method(by, pacer, server))
    await clock.advance(0.1)
    await server.answer(Reply(200, Unreadable(), b""))
    assert failure_in(await task).reason.startswith("internal error: ZeroDivisionError at test_pacer.py:")
    assert pacer.in_flight == 0


@methods
@pytest.mark.parametrize("answer", [REPLY, Transient("the connection broke"), ValueError("unexpected")])
async def test_a_retry_is_counted_when_it_is_sent_however_it_ends(answer: Reply | Exception, by: str) -> None:
    clock, count = StoppedClock(), RequestCount()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(concurrency=1), clock, count)
    workers = await send_all(pacer, "first")
    retry = asyncio.create_task(send_by_method(by, pacer, server, is_retry=True))
    await clock.advance(1)
    assert count.retried == 0
    await server.answer(REPLY)
    assert count.retried == 1
    await server.answer(answer)
    await asyncio.gather(*workers, retry, return_exceptions=True)
    assert count == RequestCount(retried=1)


@methods
async def test_throttled_replies_are_counted(by: str) -> None:
    clock, count = StoppedClock(), RequestCount()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock, count)
    probe = await start_probe(pacer, server, clock, by)
    await server.answer(Throttled("HTTP 503", 503))
    await asyncio.gather(probe, return_exceptions=True)
    assert count == RequestCount(throttled=2)


@methods
async def test_too_long_a_pause_stops_the_run_for_every_kind_of_request(by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(max_pause=60), clock)
    task = asyncio.create_task(send_by_method(by, pacer, server))
    await clock.advance(0.1)
    await server.answer(Throttled("HTTP 429", 429, wait=61.0))
    with pytest.raises(RunStopped, match="--max-pause 60"):
        await task


@methods
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
async def test_a_failed_attempt_has_its_duration_and_its_effect_on_the_breaker(
    error: AttemptFailed, opened_breaker: bool, by: str
) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    probe = await start_probe(pacer, server, clock, by)
    await clock.advance(2.9)
    await server.answer(error)
    failed = await probe
    assert isinstance(failed, FailedAttempt)
    assert isinstance(failed.failure, type(error))
    assert failed.was_probe
    assert failed.opened_breaker is opened_breaker
    assert failed.seconds == pytest.approx(3.0)


async def test_the_duration_of_an_attempt_excludes_its_wait_for_a_permit() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(rate=0.1), clock)
    workers = await send_all(pacer, "sent", "waits")
    await clock.advance(15)
    duration = clock.now() - server.starts[1]
    await server.answer(REPLY, Transient("the connection broke"))
    failed = await workers[1]
    assert isinstance(failed, FailedAttempt)
    assert not failed.was_probe
    assert failed.seconds == pytest.approx(duration)


@methods
@pytest.mark.parametrize("end", ["is cancelled", "fails here"])
async def test_after_an_abandoned_probe_the_next_request_probes(end: str, by: str) -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    probe = await start_probe(pacer, server, clock, by)
    workers = await send_all(pacer, "next", "another")
    assert server.targets == ["throttled", "probe"]
    if end == "fails here":
        await server.answer(ValueError("unexpected"))
    await cancel_all(probe)
    await clock.advance(100)
    assert server.targets == ["throttled", "probe", "next"]
    await server.answer(*[REPLY] * (1 + (end == "is cancelled")))
    await clock.advance(1)
    assert server.targets == ["throttled", "probe", "next", "another"]
    await cancel_all(*workers)


# Reasons of waits.


async def test_a_free_permit_causes_no_wait() -> None:
    clock = StoppedClock()
    pacer = make_pacer(Server(clock).send, make_governor(), clock)
    await asyncio.gather(*await send_all(pacer, "a", "b"))
    assert not pacer.wait_seconds


async def test_a_wait_for_the_rate_ceiling_is_counted_as_such() -> None:
    clock = StoppedClock()
    server = Server(clock)
    pacer = make_pacer(server.send, make_governor(rate=1), clock)
    workers = await send_all(pacer, "a", "b", "c")
    await clock.advance(10)
    await asyncio.gather(*workers)
    assert pacer.wait_seconds == {WaitReason.OWN_RATE: pytest.approx(server.starts[2])}


async def test_a_pause_and_the_wait_for_its_probe_count_as_waits_for_the_server() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, "throttled")
    await server.answer(Throttled("HTTP 429", 429, wait=10.0))
    workers += await send_all(pacer, "probe", "waits for it")
    await clock.advance(20)
    await server.answer(REPLY)
    assert server.starts[2] == 20
    assert pacer.wait_seconds == {WaitReason.SERVER: pytest.approx(20.0)}
    await cancel_all(*workers)


async def test_a_wait_for_an_exhausted_quota_counts_as_a_wait_for_the_server() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, "sent")
    await server.answer(Reply(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, b""))
    workers += await send_all(pacer, "waits for the reset")
    await clock.advance(40)
    assert pacer.wait_seconds == {WaitReason.SERVER: pytest.approx(server.starts[1])}
    await cancel_all(*workers)


async def test_a_wait_for_the_concurrency_limit_is_latency_unless_the_server_reduced_the_limit() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(concurrency=4), clock)
    workers = await send_all(pacer, *"abcde")
    await clock.advance(3)
    await server.answer(TimedOut("no reply in time"))
    assert pacer.wait_seconds == {WaitReason.LATENCY: 3.0}
    await clock.advance(4)
    await server.answer(REPLY, REPLY)
    assert server.targets == [*"abcde"]
    assert pacer.wait_seconds == {WaitReason.LATENCY: 3.0, WaitReason.SERVER: 4.0}
    await cancel_all(*workers)


async def test_a_wait_for_an_exclusive_request_is_not_counted() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    alone = start_task(pacer.send_exclusively(REQUEST, after=1.0))
    await settled()
    workers = await send_all(pacer, "waits")
    await clock.advance(5)
    await server.answer(REPLY)
    assert server.starts == [1.0, 5.0]
    assert not pacer.wait_seconds
    await cancel_all(*workers, alone)


# Outages.


async def send_repeatedly(pacer: Pacer, clock: StoppedClock) -> None:
    """Send one request after the other, even after failures."""
    while True:
        if isinstance(await pacer.send(REQUEST), FailedAttempt):
            await clock.sleep(1.0)


class CyclicServer:
    """Repeats these replies in turn, each after a second."""

    def __init__(self, clock: StoppedClock, *answers: Reply | Exception) -> None:
        self._clock = clock
        self._answers = answers
        self.requests = 0

    async def send(self, _request: Request) -> Reply:
        answer = self._answers[self.requests % len(self._answers)]
        self.requests += 1
        await self._clock.sleep(1.0)
        if isinstance(answer, Exception):
            raise copy(answer)
        return answer


async def outage_watch(clock: StoppedClock, seconds: float, *answers: Reply | Exception) -> asyncio.Task[None]:
    """Return the outage watch, with a limit of 60 s, after `seconds` with a server that gives these replies."""
    server = CyclicServer(clock, *answers)
    pacer = make_pacer(server.send, make_governor(), clock)
    asking = asyncio.create_task(send_repeatedly(pacer, clock))
    watch = asyncio.create_task(pacer.watch(60.0))
    await clock.advance(seconds)
    await cancel_all(asking)
    assert server.requests > 5
    return watch


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([Transient("HTTP 500", 500), Transient("the connection broke")], "the connection broke|HTTP 500"),
        ([TimedOut("no reply in time")], "no reply in time"),
        ([Reply(502, {}, b"")], "HTTP 502"),
    ],
)
async def test_the_run_stops_after_too_long_an_outage_and_reports_its_last_failure(
    answers: list[Reply | Exception], text: str
) -> None:
    clock = StoppedClock()
    watch = await outage_watch(clock, 59.0, *answers)
    assert not watch.done()
    await clock.advance(2.0)
    assert watch.done()
    with pytest.raises(RunStopped, match=rf"all requests failed for 60 s, longer than --outage-limit 60: {text}"):
        await watch


async def test_pauses_requested_by_a_server_out_of_service_do_not_count_towards_the_outage() -> None:
    clock = StoppedClock()
    watch = await outage_watch(clock, 70.0, Reply(503, {"Retry-After": "2"}, b""))
    assert not watch.done()
    await clock.advance(100.0)
    assert watch.done()
    with pytest.raises(RunStopped, match=r"all requests failed for 6\d s, longer than --outage-limit 60: HTTP 503"):
        await watch


@pytest.mark.parametrize(
    "answer", [REPLY, Reply(404, {}, b""), Reply(429, {"Retry-After": "1"}, b""), Reply(204, {}, b""), Unauthorized("")]
)
async def test_the_run_continues_while_the_server_answers_occasionally(answer: Reply | Exception) -> None:
    clock = StoppedClock()
    watch = await outage_watch(clock, 1000.0, *[Transient("HTTP 500", 500)] * 5, answer)
    assert not watch.done()
    await cancel_all(watch)


async def test_a_few_failures_without_further_requests_are_not_an_outage() -> None:
    clock = StoppedClock()
    server = Server(clock, answers=False)
    pacer = make_pacer(server.send, make_governor(), clock)
    workers = await send_all(pacer, *"abcd")
    await server.answer(*[Transient("the connection broke")] * 4)
    watch = asyncio.create_task(pacer.watch(60.0))
    await clock.advance(1000)
    assert not watch.done()
    await cancel_all(watch, *workers)


# Ends of a run.


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (901.0, "a pause of 901 s, longer than --max-pause 900; run again after 1970-01-01T00:15:01"),
        (1e6, "a pause of 1e[+]06 s, longer than --max-pause 900; run again after 1970-01-12T13:46:40"),
        (inf, "a pause without end, longer than --max-pause 900; run again much later"),
    ],
)
async def test_a_pause_over_the_maximum_stops_the_run_and_states_when_to_run_again(wait: float, text: str) -> None:
    async def refuse(_request: Request) -> Reply:
        raise Throttled("HTTP 429", 429, wait=wait)

    with pytest.raises(RunStopped, match=text):
        await make_pacer(refuse, make_governor(), StoppedClock()).send(REQUEST)


async def test_an_exhausted_quota_that_resets_too_late_stops_the_run_at_the_next_request() -> None:
    async def answer(_request: Request) -> Reply:
        return Reply(200, {"RateLimit": '"default";r=0;t=1000'}, b"")

    pacer = make_pacer(answer, make_governor(), StoppedClock())
    await pacer.send(REQUEST)
    with pytest.raises(RunStopped, match="a pause of 1000 s, longer than --max-pause 900"):
        await pacer.send(REQUEST)


async def test_half_an_hour_of_pauses_stops_a_run_that_mostly_pauses() -> None:
    clock = Clock()

    async def refuse(_request: Request) -> Reply:
        raise Throttled("HTTP 429", 429, wait=310.0)

    pacer = make_pacer(refuse, make_governor(), clock)

    async def send_repeatedly() -> None:
        for _ in range(20):
            await pacer.send(REQUEST)

    with pytest.raises(RunStopped, match=r"\d+ s of pauses in total, more than half of the run; run again after 1970"):
        await send_repeatedly()


async def test_every_decision_of_the_governor_is_reported_once() -> None:
    events: list[Event] = []
    governor, replies = make_governor(), iter([Throttled("HTTP 429", 429, wait=1.0), None])

    async def send(_request: Request) -> Reply:
        if failure := next(replies):
            raise failure
        return Reply(200, {}, b"")

    pacer = make_pacer(send, governor, Clock(), on_event=events.append)
    await pacer.send(REQUEST)
    await pacer.send(REQUEST)
    assert [type(event) for event in events] == [Paused, Resumed]
    assert governor.events == []
