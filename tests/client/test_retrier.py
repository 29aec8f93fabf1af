"""Ask until there is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import copy

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import (
    BadPayload,
    FailedAttempt,
    GaveUp,
    Throttled,
    Transient,
    Unauthorized,
    UnexpectedFailure,
)
from collector.client.messages import Reply, Request
from collector.client.retry import RetryPolicy
from collector.governor.retry_budget import AFTER_FAILURE, AFTER_THROTTLE, FULL
from collector.model.errors import ConfigError, KeyRefused, RunStopped
from collector.model.ledger import RequestCount
from tests.support.clock import Clock
from tests.support.governor_harness import governor, pacer, retrier

REQUEST = Request("/api/connections/1")


class Desk:
    """A retrier with all it needs, at a clock that stands still, and what came of it."""

    def __init__(
        self,
        *,
        confirmations: Sequence[int | Exception] = (),
        max_pause: float = 900.0,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # it is frozen
    ) -> None:
        self.clock = Clock()
        self.count = RequestCount()
        self.notes: list[str] = []
        self.confirmed_at: list[float] = []
        self.started_at: list[float] = []
        self.requests: list[Request] = []
        self.failures: list[FailedAttempt] = []
        self._confirmations = list(confirmations)
        self.governor = governor(max_pause=max_pause)
        self.pacer = pacer(self._confirm, self.governor, self.clock, self.count)
        self.retrier = retrier(self.pacer, self.governor, self.clock, policy=policy, note=self.notes.append)

    async def _confirm(self, request: Request) -> Reply:
        assert request.target == REQUEST.target
        assert self.pacer.in_flight == 1
        self.confirmed_at.append(self.clock.now())
        await asyncio.sleep(0)
        answer = self._confirmations.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, {}, b"")

    async def execute(self, *answers: str | Exception, seconds: float = 0.0) -> str:
        """Ask a server that answers so, one after the other, and the last for ever; each takes so many seconds."""
        left = list(answers)

        async def exchange(request: Request) -> str:
            self.started_at.append(self.clock.now())
            self.requests.append(request)
            self.clock.time += seconds
            await asyncio.sleep(0)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise copy(answer)
            return answer

        async def attempt(number: int, request: Request) -> str | FailedAttempt:
            assert number == len(answers) - len(left) + 1 or len(left) == 1
            result = await self.pacer.send_by(exchange, request)
            if isinstance(result, FailedAttempt):
                self.failures.append(result)
            return result

        return await self.retrier.execute(attempt, REQUEST)


async def test_an_answer_is_returned_after_one_attempt() -> None:
    desk = Desk()
    assert await desk.execute("answer") == "answer"
    assert desk.started_at == [0.0]
    assert desk.count == RequestCount()
    assert desk.notes == []


async def test_a_failure_is_retried_counted_and_noted() -> None:
    desk = Desk()
    assert await desk.execute(Transient("HTTP 500", 500), Transient("HTTP 502", 502), "answer") == "answer"
    assert len(desk.started_at) == 3
    assert desk.count.retried == 2
    assert desk.notes == [f"{REQUEST.target}: HTTP 500 (attempt 1)", f"{REQUEST.target}: HTTP 502 (attempt 2)"]


async def test_when_attempts_are_spent_the_last_failure_tells_how_many_there_were() -> None:
    desk = Desk()
    with pytest.raises(GaveUp) as caught:
        await desk.execute(*(Transient(f"HTTP 50{number}", 500) for number in range(5)))
    assert caught.value.failure.reason == "HTTP 504"
    assert caught.value.attempts == 5
    assert desk.count.retried == 4


async def test_what_nobody_foresaw_costs_an_id_its_record_and_tells_no_more_than_its_kind() -> None:
    desk = Desk()
    with pytest.raises(GaveUp) as caught:
        await desk.execute(ValueError("a text that may hold a key"))
    assert isinstance(caught.value.failure, UnexpectedFailure)
    assert caught.value.failure.reason.startswith("internal error: ValueError at ")
    assert "a text" not in caught.value.failure.reason
    assert caught.value.attempts == 5


async def test_what_nobody_foresaw_may_pass() -> None:
    assert await Desk().execute(ZeroDivisionError(), "answer") == "answer"


@pytest.mark.parametrize("before", [(), (Transient("x"),)])
async def test_what_ends_the_run_is_never_retried(before: tuple[Exception, ...]) -> None:
    desk = Desk()
    with pytest.raises(ConfigError):
        await desk.execute(*before, ConfigError("a redirect"))
    assert len(desk.started_at) == len(before) + 1


async def test_cancellation_passes_through() -> None:
    async def attempt(_number: int, _request: Request) -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Desk().retrier.execute(attempt, REQUEST)


async def test_a_retry_is_told_that_it_is_one_and_how_much_time_is_left_to_the_id() -> None:
    desk = Desk(policy=RetryPolicy(within=60.0))
    await desk.execute(Transient("HTTP 500", 500), BadPayload("no JSON"), "answer", seconds=7.0)
    first, second, third = desk.requests
    assert first == REQUEST
    assert second.target == third.target == REQUEST.target
    assert second.is_retry
    assert third.is_retry
    assert second.within == pytest.approx(60.0 - desk.started_at[1])
    assert third.within == pytest.approx(60.0 - desk.started_at[2])


async def test_an_id_whose_time_is_over_is_given_up_and_tells_how_long_it_took() -> None:
    desk = Desk(policy=RetryPolicy(within=30.0))
    with pytest.raises(GaveUp) as caught:
        await desk.execute(Transient("HTTP 500", 500), seconds=14.0)
    assert caught.value.attempts == len(desk.started_at) == 2
    assert caught.value.retried_s == pytest.approx(desk.clock.now())


async def test_an_id_that_is_asked_for_by_another_policy_is_given_up_by_it() -> None:
    desk = Desk()

    async def attempt(_number: int, _request: Request) -> FailedAttempt:
        return FailedAttempt(Transient("HTTP 500", 500))

    with pytest.raises(GaveUp) as caught:
        await desk.retrier.execute(attempt, REQUEST, RetryPolicy(max_attempts=1))
    assert caught.value.attempts == 1


async def test_retries_are_paid_for_and_earned_back_by_success() -> None:
    desk = Desk()
    budget = desk.governor.retry_budget
    with pytest.raises(GaveUp):
        await desk.execute(Transient("HTTP 500", 500))
    assert budget.tokens == FULL - 4 * AFTER_FAILURE
    await desk.execute("answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1
    await desk.execute(Transient("HTTP 500", 500), "answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1
    await desk.execute(Throttled("HTTP 429", 429), BadPayload("no JSON"), "answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1 - AFTER_THROTTLE


async def test_throttles_are_waited_out_at_least_as_long_as_the_server_asks() -> None:
    desk = Desk()
    assert (
        await desk.execute(*(Throttled("HTTP 429", 429, wait=wait) for wait in (7.0, 1.0, 30.0)), "answer") == "answer"
    )
    pauses = [after - before for before, after in zip(desk.started_at, desk.started_at[1:], strict=False)]
    assert all(pause >= wait for pause, wait in zip(pauses, (7.0, 1.0, 30.0), strict=True))
    assert desk.count == RequestCount(retried=3, throttled=3)


async def test_throttling_does_not_use_up_the_ids_attempts() -> None:
    desk = Desk()
    failures = [Throttled("HTTP 429", 429, wait=1), Transient("HTTP 500", 500)] * 4
    assert await desk.execute(*failures, "answer") == "answer"


async def test_an_id_that_is_throttled_over_and_over_is_given_up() -> None:
    desk = Desk()
    with pytest.raises(GaveUp) as caught:
        await desk.execute(Throttled("HTTP 429", 429, wait=1))
    assert caught.value.attempts == 10


async def test_too_long_a_pause_is_never_waited_out() -> None:
    desk = Desk()
    with pytest.raises(RunStopped, match="--max-pause 900"):
        await desk.execute(Throttled("HTTP 429", 429, wait=901), "answer")
    assert len(desk.started_at) == 1


async def test_a_probe_that_failed_is_no_attempt_of_its_id() -> None:
    desk = Desk()
    assert (
        await desk.execute(Throttled("HTTP 429", 429, wait=1), *[Transient("HTTP 500", 500)] * 20, "answer") == "answer"
    )
    assert len(desk.started_at) == 22
    waits = [after - before for before, after in zip(desk.started_at, desk.started_at[1:], strict=False)]
    assert all(wait >= min(60.0, 2.0**number) - 1e-6 for number, wait in enumerate(waits[1:]))


async def test_a_401_that_is_confirmed_ends_the_run() -> None:
    desk = Desk(confirmations=[401])
    with pytest.raises(KeyRefused, match="twice"):
        await desk.execute(Unauthorized("HTTP 401", 401))
    assert desk.confirmed_at == [1.0]


async def test_what_ends_the_run_ends_it_also_when_a_401_is_confirmed() -> None:
    desk = Desk(confirmations=[ConfigError("a certificate")])
    with pytest.raises(ConfigError):
        await desk.execute(Unauthorized("HTTP 401", 401), "answer")


async def test_a_401_that_is_not_confirmed_is_an_attempt_like_another() -> None:
    desk = Desk(confirmations=[200])
    assert await desk.execute(Unauthorized("HTTP 401", 401), "answer") == "answer"
    assert desk.started_at == [0.0, 1.0]
    assert desk.count.retried == 2


async def test_a_crew_that_meets_a_401_sends_one_request_more_than_was_in_flight() -> None:
    desk = Desk(confirmations=[401, 401])
    with pytest.RaisesGroup(KeyRefused, allow_unwrapped=True):
        async with anyio.create_task_group() as workers:
            for _ in range(8):
                workers.start_soon(desk.execute, Unauthorized("HTTP 401", 401))
            await asyncio.sleep(0)
            assert 0 < (in_flight := desk.pacer.in_flight) < 8
    assert len(desk.started_at) + len(desk.confirmed_at) <= in_flight + 1


async def test_the_401s_of_one_moment_are_confirmed_once() -> None:
    desk = Desk(confirmations=[200])
    answers = await asyncio.gather(*(desk.execute(Unauthorized("HTTP 401", 401), "answer") for _ in range(8)))
    assert answers == ["answer"] * 8
    assert len(desk.confirmed_at) == 1


async def test_a_key_that_held_once_is_doubted_again_at_the_next_401() -> None:
    desk = Desk(confirmations=[200, 401])
    with pytest.raises(KeyRefused):
        await desk.execute(Unauthorized("HTTP 401", 401), Unauthorized("HTTP 401", 401), "answer")
    assert len(desk.confirmed_at) == 2


@pytest.mark.parametrize(
    "answer", [Transient("the connection broke"), ValueError("nobody foresaw this"), 429, 500, 503]
)
async def test_a_confirmation_that_gets_no_answer_is_no_verdict_on_the_key(answer: int | Exception) -> None:
    desk = Desk(confirmations=[answer, 401])
    assert await desk.execute(Unauthorized("HTTP 401", 401), "answer") == "answer"
    with pytest.raises(KeyRefused):
        await desk.execute(Unauthorized("HTTP 401", 401))
    assert len(desk.confirmed_at) == 2


@pytest.mark.parametrize("status", [200, 403, 404, 422])
async def test_any_answer_that_is_final_says_that_the_key_holds(status: int) -> None:
    desk = Desk(confirmations=[status])
    answers = await asyncio.gather(*(desk.execute(Unauthorized("HTTP 401", 401), "answer") for _ in range(4)))
    assert answers == ["answer"] * 4
    assert len(desk.confirmed_at) == 1


async def test_attempts_are_told_in_full_also_when_the_last_401_could_not_be_confirmed() -> None:
    desk = Desk(confirmations=[Transient("the connection broke")])
    with pytest.raises(GaveUp) as caught:
        await desk.execute(*(Transient("HTTP 500", 500) for _ in range(4)), Unauthorized("HTTP 401", 401))
    assert caught.value.attempts >= 5


@given(
    st.lists(
        st.sampled_from([Transient("t"), Throttled("s", 429), Throttled("s", 429, wait=3), BadPayload("b"), OSError()]),
        max_size=60,
    )
)
def test_whatever_fails_the_attempts_are_bounded(failures: list[Exception]) -> None:
    async def main() -> None:
        desk = Desk()
        told = len(failures) + 1
        try:
            assert await desk.execute(*failures, "answer") == "answer"
        except GaveUp as end:
            told = end.attempts
        assert told == len(desk.started_at)
        assert told - sum(isinstance(one.failure, Transient) and one.was_probe for one in desk.failures) <= 15
        assert desk.count.retried == len(desk.started_at) - 1

    asyncio.run(main())
