"""Which failures are worth another attempt, and when."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import (
    AttemptFailed,
    BadPayload,
    ConfigError,
    KeyDoubted,
    Throttled,
    TooLarge,
    Transient,
    Unforeseen,
)
from collector.model import OutcomeKind, Reply
from collector.retrying import Attempts, RetryPolicy, judge, outcome_of, retrying

from .clock import Clock

NOW = 1_700_000_000.0

kinds = st.sampled_from([Transient, Throttled, KeyDoubted, BadPayload, TooLarge, Unforeseen])
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    max_bad_payloads=st.integers(1, 5),
    max_throttles=st.integers(1, 20),
    base=st.floats(0, 5),
    cap=st.floats(0, 60),
)


class Failing:
    """An attempt that fails in a given way each time, and succeeds when there are no more."""

    def __init__(self, attempts: Attempts, kinds: list[type[AttemptFailed]]) -> None:
        self._attempts = attempts
        self._kinds = list(kinds)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        self._attempts.made += 1
        if not self._kinds:
            return "answer"
        failure = self._kinds.pop(0)("no")
        self._attempts.failed(failure)
        raise failure


def run(failures: list[type[AttemptFailed]], policy: RetryPolicy, seed: int = 0) -> tuple[object, int, list[float]]:
    """What came of it, how many attempts were made and the waits between them."""

    async def main() -> tuple[object, int, list[float]]:
        clock, attempts = Clock(), Attempts()
        attempt = Failing(attempts, failures)
        try:
            result: object = await retrying(attempt, attempts, policy, sleep=clock.sleep, dice=random.Random(seed))
        except AttemptFailed as failure:
            result = failure
        return result, attempt.calls, clock.slept

    return asyncio.run(main())


@given(st.lists(kinds, max_size=150), policies, st.integers())
def test_attempts_are_bounded_and_every_delay_is_between_zero_and_the_cap(
    failures: list[type[AttemptFailed]], policy: RetryPolicy, seed: int
) -> None:
    result, calls, slept = run(failures, policy, seed)
    assert calls <= min(len(failures) + 1, policy.max_attempts + policy.max_throttles)
    assert all(0 <= delay <= policy.cap for delay in slept)
    assert len(slept) == calls - 1
    if result == "answer":
        assert calls == len(failures) + 1
    else:
        assert type(result) is failures[calls - 1]


@given(st.lists(kinds, min_size=150, max_size=150), policies)
def test_every_bound_holds_by_itself(failures: list[type[AttemptFailed]], policy: RetryPolicy) -> None:
    _, calls, _ = run(failures, policy)
    made = failures[:calls]
    throttled = sum(issubclass(kind, Throttled) for kind in made)
    assert throttled <= policy.max_throttles
    assert sum(issubclass(kind, BadPayload) for kind in made) <= policy.max_bad_payloads
    assert calls - throttled <= policy.max_attempts
    assert not any(issubclass(kind, TooLarge) for kind in made[:-1])


@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ([Transient] * 9, 5),
        ([Unforeseen] * 9, 5),
        ([KeyDoubted] * 9, 5),
        ([BadPayload] * 9, 3),
        ([TooLarge] * 9, 1),
        ([Throttled] * 99, 10),
        ([Throttled] * 9 + [Transient] * 9, 14),
        ([Transient] * 4, 5),
        ([Transient, BadPayload, Transient, BadPayload, BadPayload], 5),
    ],
)
def test_by_default_an_id_is_asked_for_as_often_as_the_contract_says(
    failures: list[type[AttemptFailed]], calls: int
) -> None:
    assert run(failures, RetryPolicy())[1] == calls


@given(st.integers(1, 100), st.integers())
def test_the_backoff_has_full_jitter_under_a_doubling_bound(made: int, seed: int) -> None:
    attempts, policy = Attempts(), RetryPolicy()
    for _ in range(made):
        attempts.made += 1
        attempts.failed(Transient("no"))
    bound = min(policy.cap, policy.base * 2 ** (made - 1))
    assert attempts.backoff(policy, random.Random(seed)) == random.Random(seed).uniform(0, bound)


def test_where_a_shared_pause_waits_the_id_does_not_wait_as_well() -> None:
    attempts = Attempts()
    for failure in (Throttled("no"), KeyDoubted("no")):
        attempts.made += 1
        attempts.failed(failure)
        assert attempts.backoff(RetryPolicy(), random.Random(0)) == 0


async def test_cancellation_is_never_swallowed() -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await retrying(attempt, Attempts(), RetryPolicy(), sleep=Clock().sleep, dice=random.Random())
    assert calls == 1


@pytest.mark.parametrize("error", [ConfigError("x"), OSError("x"), ValueError("x"), KeyboardInterrupt()])
async def test_what_is_no_failed_attempt_is_never_retried(error: BaseException) -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(type(error)):
        await retrying(attempt, Attempts(), RetryPolicy(), sleep=Clock().sleep, dice=random.Random())
    assert calls == 1


def reply(status: int, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ([200], OutcomeKind.OK),
        ([404, 410], OutcomeKind.NOT_FOUND),
        ([403], OutcomeKind.FORBIDDEN),
        ([400, 402, 405, 406, 411, 413, 414, 415, 418, 422, 423, 426, 428, 431, 451, 499, 501, 505], "rejected"),
    ],
)
def test_a_final_status_is_an_outcome(statuses: list[int], kind: OutcomeKind) -> None:
    assert [judge(reply(status), NOW) for status in statuses] == [kind] * len(statuses)


@pytest.mark.parametrize(
    "status", [408, 409, 425, 500, 502, 503, 504, 506, 507, 508, 520, 521, 522, 523, 524, 529, 599]
)
def test_a_transient_status_is_worth_another_attempt(status: int) -> None:
    with pytest.raises(Transient) as caught:
        judge(reply(status), NOW)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [429, 403, 503])
@pytest.mark.parametrize(("value", "wait"), [("7", 7.0), ("garbage", None), ("0", 0.0)])
def test_a_request_to_slow_down_is_known_by_its_status_or_its_header(
    status: int, value: str, wait: float | None
) -> None:
    with pytest.raises(Throttled) as caught:
        judge(reply(status, Retry_After=value), NOW)
    assert caught.value.wait == wait
    assert caught.value.status == status


def test_a_429_without_a_header_asks_to_slow_down_too() -> None:
    with pytest.raises(Throttled) as caught:
        judge(reply(429), NOW)
    assert caught.value.wait is None


@pytest.mark.parametrize("status", [201, 202, 204, 206, 226])
def test_a_success_that_is_no_200_has_no_connection_in_it(status: int) -> None:
    with pytest.raises(BadPayload):
        judge(reply(status), NOW)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_ends_the_run_and_says_what_to_set(status: int) -> None:
    with pytest.raises(ConfigError, match="--base-url"):
        judge(reply(status, Location="https://elsewhere.example"), NOW)


@pytest.mark.parametrize("status", [407, 511])
def test_what_the_way_to_the_api_wants_ends_the_run(status: int) -> None:
    with pytest.raises(ConfigError, match=str(status)):
        judge(reply(status), NOW)


def test_a_401_puts_the_key_in_doubt() -> None:
    with pytest.raises(KeyDoubted):
        judge(reply(401), NOW)


@given(st.integers(100, 999), st.text())
def test_every_status_has_a_class(status: int, retry_after: str) -> None:
    with suppress(AttemptFailed, ConfigError):
        assert judge(reply(status, Retry_After=retry_after), NOW) in OutcomeKind


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (TooLarge("x"), "too_large"),
        (BadPayload("x"), "bad_payload"),
        (Unforeseen("x"), "internal_error"),
        (Transient("x"), "exhausted"),
        (Throttled("x"), "exhausted"),
        (KeyDoubted("x"), "exhausted"),
        (None, "exhausted"),
    ],
)
def test_an_id_whose_attempts_are_spent_has_the_outcome_of_its_last(failure: AttemptFailed | None, kind: str) -> None:
    assert outcome_of(failure) == kind
