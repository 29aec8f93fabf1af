"""Failures that are retried, and the waits before the retries."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.classify import final_outcome, is_throttle, outcome_of, raise_if_not_final
from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    Throttled,
    TooLarge,
    Transient,
    Unauthorized,
    UnexpectedFailure,
)
from collector.client.messages import Reply
from collector.client.retry import Attempts, RetryPolicy, retrying
from collector.governor.retry_budget import AFTER_FAILURE, AFTER_THROTTLE
from collector.model.errors import ConfigError, RunStopped
from collector.model.outcome import OutcomeKind
from tests.support.clock import Clock

NOW = 1_700_000_000.0

kinds = st.sampled_from([Transient, Throttled, Unauthorized, BadPayload, TooLarge, UnexpectedFailure])
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    max_bad_payloads=st.integers(1, 5),
    max_throttles=st.integers(1, 20),
    within=st.floats(0, 500),
    base=st.floats(0, 5),
    cap=st.floats(0, 60),
)


class FailingAttempt:
    """An attempt that fails with each of the given failures, after `seconds` each, and then succeeds."""

    def __init__(self, attempts: Attempts, kinds: list[type[AttemptFailed]], seconds: float = 0.0) -> None:
        self._attempts = attempts
        self._kinds = list(kinds)
        self._seconds = seconds
        self.calls = 0

    async def __call__(self) -> str | FailedAttempt:
        self.calls += 1
        self._attempts.total += 1
        if not self._kinds:
            return "answer"
        failed = FailedAttempt(self._kinds.pop(0)("no"), self._seconds)
        self._attempts.add_failure(failed)
        return failed


def run(
    failures: list[type[AttemptFailed]], policy: RetryPolicy, seed: int = 0, *, seconds: float = 0.0
) -> tuple[str | FailedAttempt, int, list[float]]:
    """Return the result, the number of attempts and the waits between them; each attempt takes `seconds`."""

    async def main() -> tuple[str | FailedAttempt, int, list[float]]:
        clock, attempts = Clock(), Attempts()
        attempt = FailingAttempt(attempts, failures, seconds)
        result = await retrying(attempt, attempts, policy, sleep=clock.sleep, rng=random.Random(seed))
        return result, attempt.calls, clock.slept

    return asyncio.run(main())


@given(st.lists(kinds, max_size=150), policies, st.integers())
def test_attempts_are_bounded_and_every_wait_is_between_zero_and_the_cap(
    failures: list[type[AttemptFailed]], policy: RetryPolicy, seed: int
) -> None:
    result, calls, slept = run(failures, policy, seed)
    assert calls <= min(len(failures) + 1, policy.max_attempts + policy.max_throttles)
    assert all(0 <= delay <= policy.cap for delay in slept)
    assert len(slept) == calls - 1
    if isinstance(result, FailedAttempt):
        assert type(result.failure) is failures[calls - 1]
    else:
        assert calls == len(failures) + 1


@given(st.lists(kinds, min_size=150, max_size=150), policies)
def test_each_bound_holds_separately(failures: list[type[AttemptFailed]], policy: RetryPolicy) -> None:
    _, calls, _ = run(failures, policy)
    attempts_made = failures[:calls]
    throttled = sum(issubclass(kind, Throttled) for kind in attempts_made)
    assert throttled <= policy.max_throttles
    assert sum(issubclass(kind, BadPayload) for kind in attempts_made) <= policy.max_bad_payloads
    assert calls - throttled <= policy.max_attempts
    assert not any(issubclass(kind, TooLarge) for kind in attempts_made[:-1])


@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ([Transient] * 9, 5),
        ([UnexpectedFailure] * 9, 5),
        ([Unauthorized] * 9, 5),
        ([BadPayload] * 9, 3),
        ([TooLarge] * 9, 1),
        ([Throttled] * 99, 10),
        ([Throttled] * 9 + [Transient] * 9, 14),
        ([Transient] * 4, 5),
        ([Transient, BadPayload, Transient, BadPayload, BadPayload], 5),
    ],
)
def test_the_default_policy_makes_the_documented_number_of_attempts(
    failures: list[type[AttemptFailed]], calls: int
) -> None:
    assert run(failures, RetryPolicy())[1] == calls


def attempts_after(
    *failures: AttemptFailed, attempts: Attempts | None = None, seconds: float = 0.0, is_excused: bool = False
) -> Attempts:
    """Return the attempts of an id with these failures, each after `seconds`."""
    attempts = attempts or Attempts()
    for failure in failures:
        attempts.total += 1
        attempts.add_failure(FailedAttempt(failure, seconds), is_excused=is_excused)
    return attempts


@given(st.lists(kinds, min_size=1, max_size=50), policies, st.integers(), st.floats(0, 30))
def test_no_attempt_begins_with_less_than_a_second_left(
    failures: list[type[AttemptFailed]], policy: RetryPolicy, seed: int, seconds: float
) -> None:
    _, calls, slept = run(failures, policy, seed, seconds=seconds)
    spent = 0.0
    for kind, wait_seconds in zip(failures, slept, strict=False):
        spent += 0.0 if kind is Throttled else wait_seconds + seconds  # a pause of the whole run does not count
        assert policy.within - spent >= 1.0 - 1e-6
    assert calls == len(slept) + 1


@pytest.mark.parametrize(("spent", "are_spent"), [(8.9, False), (9.0, False), (9.1, True), (100.0, True)])
def test_an_id_is_given_up_with_less_than_a_second_left(spent: float, are_spent: bool) -> None:
    attempts = attempts_after(Transient("no"), seconds=spent)
    assert attempts.are_spent(RetryPolicy(within=10.0)) is are_spent


def test_a_shared_pause_does_not_count_as_time_of_the_id() -> None:
    attempts = attempts_after(*[Throttled("no")] * 9, seconds=100.0)
    assert attempts.seconds == 0
    assert not attempts.are_spent(RetryPolicy(within=10.0))


async def test_waits_between_attempts_count_as_time_of_the_id() -> None:
    clock, attempts = Clock(), Attempts()
    attempt = FailingAttempt(attempts, [Transient] * 3, seconds=2.0)
    await retrying(attempt, attempts, RetryPolicy(), sleep=clock.sleep, rng=random.Random(0))
    assert sum(clock.slept) > 0
    assert attempts.seconds == pytest.approx(3 * 2.0 + sum(clock.slept))


@given(st.integers(1, 50), st.lists(st.sampled_from([Transient, UnexpectedFailure, Unauthorized]), max_size=4))
def test_a_failed_probe_does_not_count_against_the_id(probes: int, others: list[type[AttemptFailed]]) -> None:
    attempts = attempts_after(*[Transient("no")] * probes, seconds=30.0, is_excused=True)
    assert (attempts.excused, attempts.counted, attempts.seconds) == (probes, 0, 0.0)
    attempts_after(*(kind("no") for kind in others), attempts=attempts, seconds=1.0)
    assert (attempts.total, attempts.counted) == (probes + len(others), len(others))
    assert not attempts.are_spent(RetryPolicy())
    attempts_after(*[Transient("no")] * (5 - len(others)), attempts=attempts)
    assert attempts.are_spent(RetryPolicy())


def test_after_a_failed_probe_the_id_has_no_backoff() -> None:
    attempts = attempts_after(Transient("no"), is_excused=True)
    assert attempts.backoff(RetryPolicy(), random.Random(0)) == 0
    attempts_after(Transient("no"), attempts=attempts)
    assert 0 < attempts.backoff(RetryPolicy(), random.Random(0)) <= RetryPolicy().base


@pytest.mark.parametrize("kind", [Transient, Unauthorized, BadPayload, UnexpectedFailure])
def test_a_retry_after_a_throttled_reply_costs_less_than_after_a_failure(
    kind: type[AttemptFailed],
) -> None:
    assert attempts_after(Throttled("no"), kind("no")).retry_cost == AFTER_FAILURE
    assert attempts_after(kind("no"), Throttled("no")).retry_cost == AFTER_THROTTLE < AFTER_FAILURE


@given(st.integers(1, 100), st.integers())
def test_the_backoff_has_full_jitter_up_to_a_doubling_bound(attempts_made: int, seed: int) -> None:
    attempts, policy = attempts_after(*(Transient("no") for _ in range(attempts_made))), RetryPolicy()
    bound = min(policy.cap, policy.base * 2 ** (attempts_made - 1))
    assert attempts.backoff(policy, random.Random(seed)) == random.Random(seed).uniform(0, bound)


def test_an_id_has_no_backoff_during_a_shared_pause() -> None:
    attempts = Attempts()
    for failure in (Throttled("no"), Unauthorized("no")):
        attempts_after(failure, attempts=attempts)
        assert attempts.backoff(RetryPolicy(), random.Random(0)) == 0


async def test_cancellation_is_never_swallowed() -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await retrying(attempt, Attempts(), RetryPolicy(), sleep=Clock().sleep, rng=random.Random())
    assert calls == 1


@pytest.mark.parametrize("error", [ConfigError("x"), OSError("x"), ValueError("x"), KeyboardInterrupt()])
async def test_exceptions_are_never_retried(error: BaseException) -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(type(error)):
        await retrying(attempt, Attempts(), RetryPolicy(), sleep=Clock().sleep, rng=random.Random())
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
def test_a_final_status_has_an_outcome(statuses: list[int], kind: OutcomeKind) -> None:
    for status in statuses:
        raise_if_not_final(reply(status), NOW)
    assert [final_outcome(status) for status in statuses] == [kind] * len(statuses)


@pytest.mark.parametrize(
    "status", [408, 409, 425, 500, 502, 503, 504, 506, 507, 508, 520, 521, 522, 523, 524, 529, 599]
)
def test_a_transient_status_is_retried(status: int) -> None:
    with pytest.raises(Transient) as caught:
        raise_if_not_final(reply(status), NOW)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [429, 403, 503])
@pytest.mark.parametrize(("value", "wait"), [("7", 7.0), ("garbage", None), ("0", 0.0)])
def test_a_throttled_reply_is_recognized_by_its_status_or_header(status: int, value: str, wait: float | None) -> None:
    with pytest.raises(Throttled) as caught:
        raise_if_not_final(reply(status, Retry_After=value), NOW)
    assert caught.value.wait == wait
    assert caught.value.status == status


def test_a_429_without_a_header_is_throttled() -> None:
    with pytest.raises(Throttled) as caught:
        raise_if_not_final(reply(429), NOW)
    assert caught.value.wait is None


QUOTA_LEFT = {"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "30"}
QUOTA_EXHAUSTED = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {}, True),
        (429, QUOTA_LEFT, True),
        (429, QUOTA_EXHAUSTED, True),
        (403, {}, False),
        (403, QUOTA_LEFT, False),
        (403, QUOTA_EXHAUSTED, True),
        (403, {"Retry-After": "7"}, True),
        (503, {}, False),
        (503, QUOTA_LEFT, False),
        (503, QUOTA_EXHAUSTED, True),
        (503, {"RateLimit": '"default";r=0;t=30'}, True),
        (503, {"Retry-After": "7"}, True),
        (200, QUOTA_EXHAUSTED, False),
        (404, {"Retry-After": "7"}, False),
        (404, QUOTA_EXHAUSTED, False),
        (500, {"Retry-After": "7"}, False),
        (502, QUOTA_EXHAUSTED, False),
    ],
)
def test_a_429_is_throttled_and_so_is_a_403_or_503_with_a_wait_or_an_exhausted_quota(
    status: int, headers: dict[str, str], expected: bool
) -> None:
    answer = Reply(status, headers, b"")
    assert is_throttle(answer, NOW) is expected
    with pytest.raises(Throttled) if expected else suppress(AttemptFailed):
        raise_if_not_final(answer, NOW)


@pytest.mark.parametrize("status", [429, 403, 503])
def test_the_reset_of_an_exhausted_quota_is_the_wait_unless_retry_after_states_one(status: int) -> None:
    with pytest.raises(Throttled) as caught:
        raise_if_not_final(Reply(status, QUOTA_EXHAUSTED, b""), NOW)
    assert caught.value.wait == 30.0
    with pytest.raises(Throttled) as caught:
        raise_if_not_final(Reply(status, {**QUOTA_EXHAUSTED, "Retry-After": "7"}, b""), NOW)
    assert caught.value.wait == 7.0


def test_a_report_of_abnormal_usage_stops_the_run() -> None:
    body = b'{"type":"https://iana.org/assignments/http-problem-types#abnormal-usage-detected","title":"no"}'
    with pytest.raises(RunStopped, match="abnormal usage"):
        raise_if_not_final(Reply(429, {"Retry-After": "7"}, body), NOW)


@pytest.mark.parametrize("status", [200, 404])
def test_abnormal_usage_in_the_text_of_another_reply_does_not_stop_the_run(status: int) -> None:
    raise_if_not_final(Reply(status, {}, b"abnormal-usage-detected"), NOW)


@pytest.mark.parametrize("status", [201, 202, 204, 206, 226])
def test_a_2xx_other_than_200_does_not_contain_a_connection(status: int) -> None:
    with pytest.raises(BadPayload):
        raise_if_not_final(reply(status), NOW)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_ends_the_run_and_names_the_setting(status: int) -> None:
    with pytest.raises(ConfigError, match="--base-url"):
        raise_if_not_final(reply(status, Location="https://elsewhere.example"), NOW)


@pytest.mark.parametrize("status", [407, 511])
def test_a_proxy_or_network_that_requires_credentials_ends_the_run(status: int) -> None:
    with pytest.raises(ConfigError, match=str(status)):
        raise_if_not_final(reply(status), NOW)


def test_a_401_is_unauthorized() -> None:
    with pytest.raises(Unauthorized):
        raise_if_not_final(reply(401), NOW)


@given(st.integers(100, 999), st.text())
def test_every_status_is_classified(status: int, retry_after: str) -> None:
    with suppress(AttemptFailed, ConfigError):
        raise_if_not_final(reply(status, Retry_After=retry_after), NOW)
        assert (final_outcome(status) is OutcomeKind.OK) == (status == 200)


def test_a_final_reply_does_not_raise() -> None:
    for status in (200, 404, 403, 422):
        raise_if_not_final(reply(status), NOW)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(500), Transient),
        (reply(429), Throttled),
        (reply(401), Unauthorized),
        (reply(204), BadPayload),
        (reply(302), ConfigError),
    ],
)
def test_a_reply_that_is_not_final_raises(answer: Reply, error: type[Exception]) -> None:
    with pytest.raises(error):
        raise_if_not_final(answer, NOW)


@pytest.mark.parametrize(("now", "left"), [(NOW + 3, 7.0), (NOW + 4, 6.0)])
def test_a_retry_after_date_counts_from_the_arrival_of_the_reply(now: float, left: float) -> None:
    with pytest.raises(Throttled) as caught:
        raise_if_not_final(reply(429, Retry_After="Tue, 14 Nov 2023 22:13:30 GMT"), now)
    assert caught.value.wait == left


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (TooLarge("x"), "too_large"),
        (BadPayload("x"), "bad_payload"),
        (UnexpectedFailure("x"), "internal_error"),
        (Transient("x"), "exhausted"),
        (Throttled("x"), "exhausted"),
        (Unauthorized("x"), "exhausted"),
        (None, "exhausted"),
    ],
)
def test_an_id_whose_attempts_are_spent_has_the_outcome_of_its_last_failure(
    failure: AttemptFailed | None, kind: str
) -> None:
    assert outcome_of(failure) == kind
