"""Ask until there is an answer, and let everybody wait when the server says so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.account import RequestCount
from collector.asking import Asker, Chance
from collector.errors import (
    AttemptFailed,
    BadPayload,
    ConfigError,
    KeyDoubted,
    KeyRefused,
    RunStopped,
    Throttled,
    Transient,
    Unforeseen,
)
from collector.limiter import Limiter
from collector.model import Reply, Request
from collector.pacing import Pacer
from collector.retrying import RetryPolicy

from .clock import Clock, settled

REQUEST = Request("/api/connections/1")


class Desk:
    """An asker with all it needs, at a clock that stands still, and what came of it."""

    def __init__(
        self, *, confirmations: Sequence[int | Exception] = (), max_pause: float = 900.0, seed: int = 0
    ) -> None:
        self.clock = Clock()
        self.limiter = Limiter(0)
        self.count = RequestCount()
        self.notes: list[str] = []
        self.confirmed_at: list[float] = []
        self.started_at: list[float] = []
        self._confirmations = list(confirmations)
        self.pacer = Pacer(self.limiter, self.clock.now, self.clock.sleep)
        self.asker = Asker(
            self._send,
            self.pacer,
            self.limiter,
            policy=RetryPolicy(),
            max_pause=max_pause,
            count=self.count,
            chance=Chance(self.clock.now, self.clock.sleep, random.Random(seed)),
            scrub=str,
            note=self.notes.append,
        )

    async def _send(self, request: Request) -> Reply:
        assert request == REQUEST
        self.confirmed_at.append(self.clock.now())
        await asyncio.sleep(0)
        answer = self._confirmations.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, {}, b"")

    async def ask(self, *answers: str | Exception) -> str:
        """Ask a server that answers so, one after the other, and the last for ever."""
        left = list(answers)

        async def attempt(number: int) -> str:
            assert number == len(answers) - len(left) + 1 or len(left) == 1
            await self.pacer.wait()
            self.started_at.append(self.clock.now())
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return await self.asker.ask(attempt, REQUEST)


async def test_an_answer_is_returned_after_one_attempt() -> None:
    desk = Desk()
    assert await desk.ask("answer") == "answer"
    assert desk.started_at == [0.0]
    assert desk.count == RequestCount()
    assert desk.notes == []


async def test_a_failure_is_retried_counted_and_noted() -> None:
    desk = Desk()
    assert await desk.ask(Transient("HTTP 500", 500), Transient("HTTP 502", 502), "answer") == "answer"
    assert len(desk.started_at) == 3
    assert desk.count.retried == 2
    assert desk.notes == [f"{REQUEST.target}: HTTP 500 (attempt 1)", f"{REQUEST.target}: HTTP 502 (attempt 2)"]


async def test_when_attempts_are_spent_the_last_failure_tells_how_many_there_were() -> None:
    desk = Desk()
    with pytest.raises(Transient) as caught:
        await desk.ask(*(Transient(f"HTTP 50{number}", 500) for number in range(5)))
    assert caught.value.reason == "HTTP 504"
    assert caught.value.attempts == 5
    assert desk.count.retried == 4


async def test_what_nobody_foresaw_costs_an_id_its_record_and_tells_no_more_than_its_kind() -> None:
    desk = Desk()
    with pytest.raises(Unforeseen) as caught:
        await desk.ask(ValueError("a text that may hold a key"))
    assert caught.value.reason.startswith("internal error: ValueError at ")
    assert "a text" not in caught.value.reason
    assert caught.value.attempts == 5


async def test_what_nobody_foresaw_may_pass() -> None:
    assert await Desk().ask(ZeroDivisionError(), "answer") == "answer"


@pytest.mark.parametrize("before", [(), (Transient("x"),)])
async def test_what_ends_the_run_is_never_retried(before: tuple[Exception, ...]) -> None:
    desk = Desk()
    with pytest.raises(ConfigError):
        await desk.ask(*before, ConfigError("a redirect"))
    assert len(desk.started_at) == len(before) + 1


async def test_cancellation_passes_through() -> None:
    async def attempt(_number: int) -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Desk().asker.ask(attempt, REQUEST)


@given(st.floats(0.001, 900), st.integers())
def test_a_pause_is_never_shorter_than_the_server_asks_and_little_longer(wait: float, seed: int) -> None:
    async def main() -> None:
        desk = Desk(max_pause=inf, seed=seed)
        await desk.ask(Throttled("HTTP 429", 429, wait=wait), "answer")
        assert wait <= desk.started_at[1] <= wait + min(5.0, wait / 10) + 1e-6
        assert desk.count.throttled == 1

    asyncio.run(main())


@given(st.integers(), st.sampled_from([None, 0.0]))
def test_a_request_to_slow_down_without_a_time_is_waited_out_longer_each_time(seed: int, wait: float | None) -> None:
    async def main() -> None:
        desk = Desk(seed=seed)
        await desk.ask(*(Throttled("HTTP 429", 429, wait=wait) for _ in range(9)), "answer")
        pauses = [b - a for a, b in zip(desk.started_at, desk.started_at[1:], strict=False)]
        for episode, pause in enumerate(pauses):
            longest = min(60.0, 2.0**episode)
            assert longest / 2 - 1e-6 <= pause <= longest + 1e-6

    asyncio.run(main())


async def test_a_good_answer_ends_the_growth_of_pauses() -> None:
    desk = Desk()
    for _ in range(5):
        await desk.ask(Throttled("HTTP 429", 429), "answer")
        await desk.ask("answer")
        begun = desk.clock.time
        await desk.ask(Throttled("HTTP 429", 429), "answer")
        assert desk.clock.time - begun <= 1
        await desk.ask("answer")


async def test_requests_throttled_in_one_go_are_one_pause() -> None:
    desk, answer = Desk(), asyncio.Event()

    async def attempt(number: int) -> str:
        if number == 1:
            await answer.wait()
            raise Throttled("HTTP 429", 429)
        await desk.pacer.wait()
        return "answer"

    crew = asyncio.gather(*(desk.asker.ask(attempt, REQUEST) for _ in range(20)))
    await settled()
    answer.set()
    await crew
    assert desk.count.throttled == 20
    assert desk.limiter.paused_s <= 1


async def test_throttling_does_not_use_up_the_ids_attempts() -> None:
    desk = Desk()
    failures = [Throttled("HTTP 429", 429, wait=1), Transient("HTTP 500", 500)] * 4
    assert await desk.ask(*failures, "answer") == "answer"


async def test_an_id_that_is_throttled_over_and_over_is_given_up() -> None:
    desk = Desk()
    with pytest.raises(Throttled) as caught:
        await desk.ask(Throttled("HTTP 429", 429, wait=1))
    assert caught.value.attempts == 10


@pytest.mark.parametrize("wait", [901.0, 1e6, inf])
async def test_a_pause_over_the_limit_stops_the_run_and_says_why(wait: float) -> None:
    desk = Desk()
    with pytest.raises(RunStopped, match="--max-pause 900"):
        await desk.ask(Throttled("HTTP 429", 429, wait=wait), "answer")
    assert len(desk.started_at) == 1


async def test_a_401_that_is_confirmed_ends_the_run() -> None:
    desk = Desk(confirmations=[401])
    with pytest.raises(KeyRefused, match="twice"):
        await desk.ask(KeyDoubted("HTTP 401", 401))
    assert desk.confirmed_at == [1.0]


async def test_what_ends_the_run_ends_it_also_when_a_401_is_confirmed() -> None:
    desk = Desk(confirmations=[ConfigError("a certificate")])
    with pytest.raises(ConfigError):
        await desk.ask(KeyDoubted("HTTP 401", 401), "answer")


async def test_a_401_that_is_not_confirmed_is_an_attempt_like_another() -> None:
    desk = Desk(confirmations=[200])
    assert await desk.ask(KeyDoubted("HTTP 401", 401), "answer") == "answer"
    assert desk.started_at == [0.0, 1.0]
    assert desk.count.retried == 2


async def test_a_crew_that_meets_a_401_sends_one_request_more_than_was_in_flight() -> None:
    desk = Desk(confirmations=[401])
    asked = [asyncio.create_task(desk.ask(KeyDoubted("HTTP 401", 401))) for _ in range(8)]
    done, pending = await asyncio.wait(asked, return_when=asyncio.FIRST_EXCEPTION)
    for task in pending:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert any(isinstance(task.exception(), KeyRefused) for task in done)
    assert len(desk.started_at) + len(desk.confirmed_at) <= 8 + 1


async def test_the_401s_of_one_moment_are_confirmed_once() -> None:
    desk = Desk(confirmations=[200])
    answers = await asyncio.gather(*(desk.ask(KeyDoubted("HTTP 401", 401), "answer") for _ in range(8)))
    assert answers == ["answer"] * 8
    assert len(desk.confirmed_at) == 1


async def test_a_key_that_held_once_is_doubted_again_at_the_next_401() -> None:
    desk = Desk(confirmations=[200, 401])
    with pytest.raises(KeyRefused):
        await desk.ask(KeyDoubted("HTTP 401", 401), KeyDoubted("HTTP 401", 401), "answer")
    assert len(desk.confirmed_at) == 2


@pytest.mark.parametrize("error", [Transient("the connection broke"), ValueError("nobody foresaw this")])
async def test_a_confirmation_that_gets_no_answer_is_no_verdict_on_the_key(error: Exception) -> None:
    desk = Desk(confirmations=[error])
    assert await desk.ask(KeyDoubted("HTTP 401", 401), "answer") == "answer"


async def test_attempts_are_told_in_full_also_when_the_last_401_could_not_be_confirmed() -> None:
    desk = Desk(confirmations=[Transient("the connection broke")])
    with pytest.raises(AttemptFailed) as caught:
        await desk.ask(*(Transient("HTTP 500", 500) for _ in range(4)), KeyDoubted("HTTP 401", 401))
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
            assert await desk.ask(*failures, "answer") == "answer"
        except AttemptFailed as failure:
            told = failure.attempts
        assert told == len(desk.started_at) <= 15
        assert desk.count.retried == len(desk.started_at) - 1

    asyncio.run(main())
