"""Which failures are worth another attempt, and when. The loop is tenacity's; the decisions are pure.

Only `AttemptFailed` is ever retried: tenacity with a permissive predicate would swallow cancellation.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

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
from collector.retry_after import retry_after

T = TypeVar("T")

_FINAL = {404: OutcomeKind.NOT_FOUND, 410: OutcomeKind.NOT_FOUND, 403: OutcomeKind.FORBIDDEN}
_TRANSIENT = {408, 409, 425}
_REJECTED_5XX = {501, 505}
_ONLY_CONFIGURATION = {407: "the proxy wants credentials", 511: "the network wants a login"}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one id is asked for, and the bounds of the wait between two attempts, in seconds."""

    max_attempts: int = 5
    max_bad_payloads: int = 3
    max_throttles: int = 10
    base: float = 0.5
    cap: float = 20.0


class Attempts:
    """What one id has gone through."""

    __slots__ = ("bad_payloads", "last", "made", "throttled")

    def __init__(self) -> None:
        self.made = 0
        self.throttled = 0
        self.bad_payloads = 0
        self.last: AttemptFailed | None = None

    def failed(self, failure: AttemptFailed) -> None:
        self.last = failure
        self.throttled += isinstance(failure, Throttled)
        self.bad_payloads += isinstance(failure, BadPayload)

    def are_spent(self, policy: RetryPolicy) -> bool:
        """Is another attempt pointless or too many? A throttled one does not count against the id."""
        return (
            isinstance(self.last, TooLarge)
            or self.made - self.throttled >= policy.max_attempts
            or self.bad_payloads >= policy.max_bad_payloads
            or self.throttled >= policy.max_throttles
        )

    def backoff(self, policy: RetryPolicy, dice: random.Random) -> float:
        """Seconds to wait: full jitter (AWS Architecture Blog, 2015); 0 where a shared pause does the waiting."""
        if isinstance(self.last, Throttled | KeyDoubted):
            return 0.0
        return dice.uniform(0, min(policy.cap, policy.base * 2 ** (self.made - self.throttled - 1)))


def judge(reply: Reply, now: float) -> OutcomeKind:
    """What a status means for the id: ok (the body is worth reading) or the outcome it is final with.

    `now` is in seconds since the epoch. Raises `Transient`, `Throttled`, `KeyDoubted` or `BadPayload` where another
    attempt may help, and `ConfigError` where only the configuration can.
    """
    status = reply.status
    if status == 200:
        return OutcomeKind.OK
    if status == 401:
        raise KeyDoubted("HTTP 401", status)
    if status == 429 or (status in (403, 503) and "Retry-After" in reply.headers):
        raise Throttled(f"HTTP {status}", status, wait=retry_after(reply.headers, now))
    if status in _ONLY_CONFIGURATION:
        raise ConfigError(f"{_ONLY_CONFIGURATION[status]} (HTTP {status}); check [api] proxy and base_url")
    if 300 <= status < 400:
        raise ConfigError(
            f"the server redirects (HTTP {status}), and the key is never sent on; set --base-url to its final address"
        )
    if status in _TRANSIENT or (status >= 500 and status not in _REJECTED_5XX):
        raise Transient(f"HTTP {status}", status)
    if status < 300:
        raise BadPayload(f"HTTP {status} has no connection in it", status)
    return _FINAL.get(status, OutcomeKind.REJECTED)


def outcome_of(failure: AttemptFailed | None) -> OutcomeKind:
    """What an id is when its attempts are spent."""
    if isinstance(failure, TooLarge):
        return OutcomeKind.TOO_LARGE
    if isinstance(failure, BadPayload):
        return OutcomeKind.BAD_PAYLOAD
    return OutcomeKind.INTERNAL_ERROR if isinstance(failure, Unforeseen) else OutcomeKind.EXHAUSTED


async def retrying(
    attempt: Callable[[], Awaitable[T]],
    attempts: Attempts,
    policy: RetryPolicy,
    *,
    sleep: Callable[[float], Awaitable[None]],
    dice: random.Random,
) -> T:
    """Call `attempt` until it succeeds or `attempts` are spent, which raises the last `AttemptFailed`.

    `attempt` keeps `attempts` up to date; the first call may stand for a request made before.
    """

    def is_spent(_: RetryCallState) -> bool:
        return attempts.are_spent(policy)

    def wait(_: RetryCallState) -> float:
        return attempts.backoff(policy, dice)

    return await AsyncRetrying(
        retry=retry_if_exception_type(AttemptFailed), stop=is_spent, wait=wait, sleep=sleep, reraise=True
    )(attempt)
