"""Decides which failures are retried, and when. tenacity runs the loop; the decisions are pure.

Only a `FailedAttempt`, which is a value, is retried. Exceptions pass through tenacity unchanged.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from collector.client.failures import (
    AttemptFailed,
    BadPayload,
    FailedAttempt,
    Throttled,
    TooLarge,
    Transient,
    Unauthorized,
)
from collector.governor.retry_budget import AFTER_FAILURE, AFTER_THROTTLE

T = TypeVar("T")
_MAX_DOUBLINGS = 20  # of the wait, which reaches its cap much earlier
_MIN_SECONDS = 1.0  # seconds that must remain for another attempt


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The limits of one id's attempts: their number, their total time, and the waits between them; in seconds.

    `within` covers attempts and the waits between them, but not waits of the whole run. With `waits_out_outages`
    neither failures of the server nor throttled replies count as attempts; the run's own limits end the wait.
    """

    max_attempts: int = 5
    max_bad_payloads: int = 3
    max_throttles: int = 10
    within: float = 180.0
    base: float = 0.5
    cap: float = 20.0
    waits_out_outages: bool = False


class Attempts:
    """The attempts of one id so far.

    `seconds` is the time of its failed attempts and of the waits after them; `retried_s` excludes the last wait.
    """

    __slots__ = (
        "bad_payloads",
        "excused",
        "isolated",
        "last",
        "retried_s",
        "seconds",
        "throttled",
        "total",
        "transient",
    )

    def __init__(self) -> None:
        self.total = 0
        self.throttled = 0
        self.isolated = 0  # of these, throttled in isolation
        self.excused = 0
        self.bad_payloads = 0
        self.transient = 0
        self.seconds = 0.0
        self.retried_s = 0.0
        self.last: FailedAttempt | None = None

    def add_failure(self, failed: FailedAttempt, *, is_excused: bool = False) -> None:
        """Count a failed attempt; an excused one does not count against the id."""
        self.last = failed
        failure = failed.failure
        self.throttled += isinstance(failure, Throttled)
        self.isolated += failed.is_isolated
        self.bad_payloads += isinstance(failure, BadPayload)
        self.transient += isinstance(failure, Transient)
        if is_excused:
            self.excused += 1
        elif not isinstance(failure, Throttled):
            self.seconds += failed.seconds
        self.retried_s = self.seconds

    @property
    def failure(self) -> AttemptFailed | None:
        """The failure of the last attempt."""
        return self.last.failure if self.last else None

    @property
    def counted(self) -> int:
        """The attempts that count against the id."""
        return self.total - (self.throttled - self.isolated) - self.excused

    @property
    def is_isolated(self) -> bool:
        """Does the server throttle this id alone, however slowly requests are sent?"""
        return self.last is not None and self.last.is_isolated

    @property
    def throttled_at(self) -> int | None:
        """Requests accepted by the server when it throttled this id; None if the last attempt failed otherwise."""
        return self.last.throttled_at if self.last else None

    @property
    def retry_cost(self) -> int:
        """Tokens of the retry budget that another attempt costs."""
        return AFTER_THROTTLE if isinstance(self.failure, Throttled) else AFTER_FAILURE

    def are_spent(self, policy: RetryPolicy) -> bool:
        """Is another attempt useless or one too many? A throttled attempt counts only if it is isolated."""
        if isinstance(self.failure, TooLarge) or self.bad_payloads >= policy.max_bad_payloads:
            return True
        if policy.waits_out_outages:
            return self.total - self.throttled - self.transient >= policy.max_attempts
        return (
            self.counted >= policy.max_attempts
            or self.throttled >= policy.max_throttles
            or policy.within - self.seconds < _MIN_SECONDS
        )

    def backoff(self, policy: RetryPolicy, rng: random.Random) -> float:
        """Return the seconds to wait, with full jitter (AWS Architecture Blog, 2015); 0 if a pause replaces the wait.

        An id that is throttled again lets others go first, so that it does not become the probe after the pause. Only
        an isolated id waits by itself: as long as the server asks, or for a backoff that doubles, if that is longer.
        """
        failure = self.failure
        if isinstance(failure, Throttled) and self.throttled > 1:
            requested = failure.wait or 0.0
            if self.is_isolated:
                return max(requested, min(policy.cap, rng.uniform(0.5, 1) * 2.0**self.isolated))
            return min(policy.cap, requested + rng.uniform(0.1, 0.5))
        if isinstance(failure, Throttled | Unauthorized) or self.counted < 1:
            return 0.0
        return rng.uniform(0, min(policy.cap, policy.base * 2 ** min(self.counted - 1, _MAX_DOUBLINGS)))


async def retrying(
    attempt: Callable[[], Awaitable[T | FailedAttempt]],
    attempts: Attempts,
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], Awaitable[None]],
    rng: random.Random,
) -> T | FailedAttempt:
    """Call `attempt` until it succeeds or `attempts` are spent, and return its last result.

    `attempt` updates `attempts`; its first call may return the result of an earlier request. Its exceptions pass
    through.
    """

    def has_failed(result: T | FailedAttempt) -> bool:
        return isinstance(result, FailedAttempt)

    def is_spent(_: RetryCallState) -> bool:
        return attempts.are_spent(policy)

    def wait(_: RetryCallState) -> float:
        seconds = attempts.backoff(policy, rng)
        if not isinstance(attempts.failure, Throttled) or attempts.is_isolated:
            attempts.seconds += seconds  # otherwise the run's pause passes meanwhile
        return seconds

    return await AsyncRetrying(
        retry=retry_if_result(has_failed), stop=is_spent, wait=wait, sleep=sleep, retry_error_callback=_last_result
    )(attempt)


def _last_result(state: RetryCallState) -> Any:
    assert state.outcome is not None  # noqa: S101  # an attempt was made
    return state.outcome.result()
