"""The failures of one attempt. Another attempt may succeed.

    AttemptFailed
    ├── Transient                 the server or the network failed
    │   └── TimedOut              … or took too long
    ├── Throttled                 the server asked to slow down
    ├── Unauthorized              401: one more request confirms it before the run ends
    ├── BadPayload                the reply is not the requested connection
    │   └── TooLarge              … and a retry cannot help, because it exceeds a size limit
    └── UnexpectedFailure         a bug here or in a library; it affects only this id

Code that reads and classifies a reply raises them. An attempt returns each in a `FailedAttempt`, and a request whose
attempts are spent raises `GaveUp`. None of them leaves the room `polytomic`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class AttemptFailed(Exception):
    """One attempt got no usable reply. Immutable: `args` is its whole state."""

    def __init__(self, reason: str, status: int | None = None, *more: object) -> None:
        super().__init__(reason, status, *more)

    def __str__(self) -> str:
        return self.reason

    @property
    def reason(self) -> str:
        """The reason as text, which may contain text from the server."""
        return str(self.args[0])

    @property
    def status(self) -> int | None:
        """The HTTP status, if the server replied."""
        status: int | None = self.args[1]
        return status


class Transient(AttemptFailed):
    """The server or the network failed; the same request may succeed later."""


class TimedOut(Transient):
    """No complete reply arrived in time."""


class Throttled(AttemptFailed):
    """The server asked to slow down: all requests pause, and the attempt does not count against the id."""

    def __init__(self, reason: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(reason, status, wait)

    @property
    def wait(self) -> float | None:
        """Seconds to wait as requested by the server; None if it did not say."""
        wait: float | None = self.args[2]
        return wait


class Unauthorized(AttemptFailed):
    """HTTP 401. It ends the run once a second request confirms it."""


class BadPayload(AttemptFailed):
    """The reply is not the requested connection."""


class TooLarge(BadPayload):
    """The reply exceeds a size limit; a retry cannot help."""


class UnexpectedFailure(AttemptFailed):
    """An unexpected exception; only this id fails, not the run."""


class FailedAttempt(NamedTuple):
    """The result of a failed attempt.

    `seconds` is its time in flight; 0 if reading the reply failed. `was_probe`: it probed whether the server is up.
    `opened_breaker`: it opened the circuit breaker, so all requests wait. `throttled_at` is the number of requests that
    the server had accepted when it throttled this one. `is_isolated`: the server throttles this id alone, so only this
    id waits.
    """

    failure: AttemptFailed
    seconds: float = 0.0
    was_probe: bool = False
    opened_breaker: bool = False
    throttled_at: int | None = None
    is_isolated: bool = False


class GaveUp(Exception):
    """The attempts of a request are spent.

    `failure` is the last failure, `retried_s` the seconds of all attempts and of the waits between them.
    """

    def __init__(self, failure: AttemptFailed, attempts: int, retried_s: float) -> None:
        super().__init__(failure, attempts, retried_s)
        self.failure = failure
        self.attempts = attempts
        self.retried_s = retried_s


def failure_of(error: Exception, scrub: Callable[[str], str]) -> AttemptFailed:
    """Convert an exception of an attempt into a new failure, without secrets and without chained exceptions.

    An unexpected exception becomes an `UnexpectedFailure` that states only its type and location, because its text
    could contain secrets.
    """
    if isinstance(error, AttemptFailed):
        return type(error)(scrub(error.reason), *error.args[1:])
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return UnexpectedFailure(f"internal error: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}")
