"""Retries until a request succeeds or is given up."""

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
from tests.support.governor_harness import make_governor, make_pacer, make_retrier

REQUEST = Request("/api/connections/1")


class Harness:
    """A retrier with its parts and a test clock, and a record of its requests."""

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
        self.governor = make_governor(max_pause=max_pause)
        self.pacer = make_pacer(self._confirm, self.governor, self.clock, self.count)
        self.retrier = make_retrier(self.pacer, self.governor, self.clock, policy=policy, note=self.notes.append)

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
        """Execute a request against a server that gives these replies in turn, then repeats the last one.

        Each attempt takes `seconds`.
        """
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


async def test_a_success_is_returned_after_one_attempt() -> None:
    harness = Harness()
    assert await harness.execute("answer") == "answer"
    assert harness.started_at == [0.0]
    assert harness.count == RequestCount()
    assert harness.notes == []


async def test_a_failure_is_retried_counted_and_noted() -> None:
    harness = Harness()
    assert await harness.execute(Transient("HTTP 500", 500), Transient("HTTP 502", 502), "answer") == "answer"
    assert len(harness.started_at) == 3
    assert harness.count.retried == 2
    assert harness.notes == [f"{REQUEST.target}: HTTP 500 (attempt 1)", f"{REQUEST.target}: HTTP 502 (attempt 2)"]


async def test_when_attempts_are_spent_the_last_failure_and_their_number_are_raised() -> None:
    harness = Harness()
    with pytest.raises(GaveUp) as caught:
        await harness.execute(*(Transient(f"HTTP 50{number}", 500) for number in range(5)))
    assert caught.value.failure.reason == "HTTP 504"
    assert caught.value.attempts == 5
    assert harness.count.retried == 4


async def test_an_unexpected_exception_fails_one_id_and_shows_only_its_type() -> None:
    harness = Harness()
    with pytest.raises(GaveUp) as caught:
        await harness.execute(ValueError("a text that may hold a key"))
    assert isinstance(caught.value.failure, UnexpectedFailure)
    assert caught.value.failure.reason.startswith("internal error: ValueError at ")
    assert "a text" not in caught.value.failure.reason
    assert caught.value.attempts == 5


async def test_an_unexpected_exception_is_retried() -> None:
    assert await Harness().execute(ZeroDivisionError(), "answer") == "answer"


@pytest.mark.parametrize("before", [(), (Transient("x"),)])
async def test_an_exception_that_ends_the_run_is_never_retried(before: tuple[Exception, ...]) -> None:
    harness = Harness()
    with pytest.raises(ConfigError):
        await harness.execute(*before, ConfigError("a redirect"))
    assert len(harness.started_at) == len(before) + 1


async def test_cancellation_passes_through() -> None:
    async def attempt(_number: int, _request: Request) -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Harness().retrier.execute(attempt, REQUEST)


async def test_a_retry_is_marked_and_carries_the_remaining_time_of_the_id() -> None:
    harness = Harness(policy=RetryPolicy(within=60.0))
    await harness.execute(Transient("HTTP 500", 500), BadPayload("no JSON"), "answer", seconds=7.0)
    first, second, third = harness.requests
    assert first == REQUEST
    assert second.target == third.target == REQUEST.target
    assert second.is_retry
    assert third.is_retry
    assert second.within == pytest.approx(60.0 - harness.started_at[1])
    assert third.within == pytest.approx(60.0 - harness.started_at[2])


async def test_an_id_is_given_up_when_its_time_is_spent() -> None:
    harness = Harness(policy=RetryPolicy(within=30.0))
    with pytest.raises(GaveUp) as caught:
        await harness.execute(Transient("HTTP 500", 500), seconds=14.0)
    assert caught.value.attempts == len(harness.started_at) == 2
    assert caught.value.retried_s == pytest.approx(harness.clock.now())


async def test_the_policy_of_a_request_replaces_that_of_the_run() -> None:
    harness = Harness()

    async def attempt(_number: int, _request: Request) -> FailedAttempt:
        return FailedAttempt(Transient("HTTP 500", 500))

    with pytest.raises(GaveUp) as caught:
        await harness.retrier.execute(attempt, REQUEST, RetryPolicy(max_attempts=1))
    assert caught.value.attempts == 1


async def test_retries_withdraw_from_the_budget_and_successes_deposit() -> None:
    harness = Harness()
    budget = harness.governor.retry_budget
    with pytest.raises(GaveUp):
        await harness.execute(Transient("HTTP 500", 500))
    assert budget.tokens == FULL - 4 * AFTER_FAILURE
    await harness.execute("answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1
    await harness.execute(Transient("HTTP 500", 500), "answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1
    await harness.execute(Throttled("HTTP 429", 429), BadPayload("no JSON"), "answer")
    assert budget.tokens == FULL - 4 * AFTER_FAILURE + 1 - AFTER_THROTTLE


async def test_a_throttled_request_is_retried_after_the_requested_pause() -> None:
    harness = Harness()
    assert (
        await harness.execute(*(Throttled("HTTP 429", 429, wait=wait) for wait in (7.0, 1.0, 30.0)), "answer")
        == "answer"
    )
    pauses = [after - before for before, after in zip(harness.started_at, harness.started_at[1:], strict=False)]
    assert all(pause >= wait for pause, wait in zip(pauses, (7.0, 1.0, 30.0), strict=True))
    assert harness.count == RequestCount(retried=3, throttled=3)


async def test_throttled_replies_do_not_count_as_attempts() -> None:
    harness = Harness()
    failures = [Throttled("HTTP 429", 429, wait=1), Transient("HTTP 500", 500)] * 4
    assert await harness.execute(*failures, "answer") == "answer"


async def test_an_id_that_is_throttled_repeatedly_is_given_up() -> None:
    harness = Harness()
    with pytest.raises(GaveUp) as caught:
        await harness.execute(Throttled("HTTP 429", 429, wait=1))
    assert caught.value.attempts == 10


async def test_too_long_a_pause_is_never_waited_out() -> None:
    harness = Harness()
    with pytest.raises(RunStopped, match="--max-pause 900"):
        await harness.execute(Throttled("HTTP 429", 429, wait=901), "answer")
    assert len(harness.started_at) == 1


async def test_a_failed_probe_does_not_count_as_an_attempt_of_its_id() -> None:
    harness = Harness()
    assert (
        await harness.execute(Throttled("HTTP 429", 429, wait=1), *[Transient("HTTP 500", 500)] * 20, "answer")
        == "answer"
    )
    assert len(harness.started_at) == 22
    waits = [after - before for before, after in zip(harness.started_at, harness.started_at[1:], strict=False)]
    assert all(wait >= min(60.0, 2.0**number) - 1e-6 for number, wait in enumerate(waits[1:]))


async def test_a_confirmed_401_ends_the_run() -> None:
    harness = Harness(confirmations=[401])
    with pytest.raises(KeyRefused, match="twice"):
        await harness.execute(Unauthorized("HTTP 401", 401))
    assert harness.confirmed_at == [1.0]


async def test_an_exception_that_ends_the_run_also_ends_it_during_a_confirmation() -> None:
    harness = Harness(confirmations=[ConfigError("a certificate")])
    with pytest.raises(ConfigError):
        await harness.execute(Unauthorized("HTTP 401", 401), "answer")


async def test_an_unconfirmed_401_is_an_ordinary_failed_attempt() -> None:
    harness = Harness(confirmations=[200])
    assert await harness.execute(Unauthorized("HTTP 401", 401), "answer") == "answer"
    assert harness.started_at == [0.0, 1.0]
    assert harness.count.retried == 2


async def test_after_a_401_workers_send_at_most_one_request_more_than_were_in_flight() -> None:
    harness = Harness(confirmations=[401, 401])
    with pytest.RaisesGroup(KeyRefused, allow_unwrapped=True):
        async with anyio.create_task_group() as workers:
            for _ in range(8):
                workers.start_soon(harness.execute, Unauthorized("HTTP 401", 401))
            await asyncio.sleep(0)
            assert 0 < (in_flight := harness.pacer.in_flight) < 8
    assert len(harness.started_at) + len(harness.confirmed_at) <= in_flight + 1


async def test_simultaneous_401s_are_confirmed_once() -> None:
    harness = Harness(confirmations=[200])
    answers = await asyncio.gather(*(harness.execute(Unauthorized("HTTP 401", 401), "answer") for _ in range(8)))
    assert answers == ["answer"] * 8
    assert len(harness.confirmed_at) == 1


async def test_the_next_401_is_confirmed_again() -> None:
    harness = Harness(confirmations=[200, 401])
    with pytest.raises(KeyRefused):
        await harness.execute(Unauthorized("HTTP 401", 401), Unauthorized("HTTP 401", 401), "answer")
    assert len(harness.confirmed_at) == 2


@pytest.mark.parametrize("answer", [Transient("the connection broke"), ValueError("unexpected"), 429, 500, 503])
async def test_a_confirmation_without_a_reply_is_inconclusive(answer: int | Exception) -> None:
    harness = Harness(confirmations=[answer, 401])
    assert await harness.execute(Unauthorized("HTTP 401", 401), "answer") == "answer"
    with pytest.raises(KeyRefused):
        await harness.execute(Unauthorized("HTTP 401", 401))
    assert len(harness.confirmed_at) == 2


@pytest.mark.parametrize("status", [200, 403, 404, 422])
async def test_any_final_reply_proves_the_key(status: int) -> None:
    harness = Harness(confirmations=[status])
    answers = await asyncio.gather(*(harness.execute(Unauthorized("HTTP 401", 401), "answer") for _ in range(4)))
    assert answers == ["answer"] * 4
    assert len(harness.confirmed_at) == 1


async def test_all_attempts_are_counted_even_if_the_last_401_cannot_be_confirmed() -> None:
    harness = Harness(confirmations=[Transient("the connection broke")])
    with pytest.raises(GaveUp) as caught:
        await harness.execute(*(Transient("HTTP 500", 500) for _ in range(4)), Unauthorized("HTTP 401", 401))
    assert caught.value.attempts >= 5


@given(
    st.lists(
        st.sampled_from([Transient("t"), Throttled("s", 429), Throttled("s", 429, wait=3), BadPayload("b"), OSError()]),
        max_size=60,
    )
)
def test_attempts_are_bounded_for_any_failures(failures: list[Exception]) -> None:
    async def main() -> None:
        harness = Harness()
        attempts = len(failures) + 1
        try:
            assert await harness.execute(*failures, "answer") == "answer"
        except GaveUp as end:
            attempts = end.attempts
        assert attempts == len(harness.started_at)
        assert attempts - sum(isinstance(one.failure, Transient) and one.was_probe for one in harness.failures) <= 15
        assert harness.count.retried == len(harness.started_at) - 1

    asyncio.run(main())
