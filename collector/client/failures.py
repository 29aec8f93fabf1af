"""Why one request got no usable answer. Another request may.

    AttemptFailed
    ├── Transient                 the server or the way to it failed
    │   └── TimedOut              … or took too long
    ├── Throttled                 the server asked to slow down
    ├── KeyDoubted                401: the key is asked about once more before it counts
    ├── BadPayload                an answer came, but it is not this connection
    │   └── TooLarge              … and never will be, because it is over a cap
    └── Unforeseen                a bug of ours or of a library, kept to the one id it struck

They are raised where a reply is read and judged. An attempt returns each as a part of a `FailedAttempt`, and a request
whose attempts are spent ends in `GaveUp`. None of them leaves the room `polytomic`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class AttemptFailed(Exception):
    """One request got no usable answer. `args` is all it has, and none of it changes."""

    def __init__(self, reason: str, status: int | None = None, *more: object) -> None:
        super().__init__(reason, status, *more)

    def __str__(self) -> str:
        return self.reason

    @property
    def reason(self) -> str:
        """Why, in words, some of which a server may have chosen."""
        return str(self.args[0])

    @property
    def status(self) -> int | None:
        """The HTTP status when there was an answer."""
        status: int | None = self.args[1]
        return status


class Transient(AttemptFailed):
    """The server or the way to it failed; the same request may succeed later."""


class TimedOut(Transient):
    """There was no whole answer in time."""


class Throttled(AttemptFailed):
    """The server asked to slow down; all requests wait, and the id's attempts are not used up."""

    def __init__(self, reason: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(reason, status, wait)

    @property
    def wait(self) -> float | None:
        """Seconds to wait, as the server put it; None when it did not say."""
        wait: float | None = self.args[2]
        return wait


class Unauthorized(AttemptFailed):
    """A 401. Confirmed by one more request, it ends the run."""


class BadPayload(AttemptFailed):
    """An answer came, but it is not the connection that was asked for."""


class TooLarge(BadPayload):
    """The answer is over a cap; asking again cannot help."""


class UnexpectedFailure(AttemptFailed):
    """An unexpected exception; it costs one id its record, not the run."""


class FailedAttempt(NamedTuple):
    """The value of an attempt that failed, in place of its result.

    `seconds` is its time in flight; 0 when reading the reply failed. `was_probe` says that it tried whether the server
    is back, and `opened_breaker` that nothing starts for a while because of it. `throttled_at` is the number of requests that
    the server had taken when it asked to slow down, and `is_isolated` says that it refuses this request alone, which
    then waits alone.
    """

    failure: AttemptFailed
    seconds: float = 0.0
    was_probe: bool = False
    opened_breaker: bool = False
    throttled_at: int | None = None
    is_isolated: bool = False


class GaveUp(Exception):
    """The attempts of a request are spent; `failure` is the last, `retried_s` their time and that of the waits."""

    def __init__(self, failure: AttemptFailed, attempts: int, retried_s: float) -> None:
        super().__init__(failure, attempts, retried_s)
        self.failure = failure
        self.attempts = attempts
        self.retried_s = retried_s


def failure_of(error: Exception, scrub: Callable[[str], str]) -> AttemptFailed:
    """A new failure for what an attempt raised: without secrets, and without the exceptions it was raised from.

    An unexpected exception becomes `UnexpectedFailure`, of which only the kind and the place are told: its own text
    could hold anything.
    """
    if isinstance(error, AttemptFailed):
        return type(error)(scrub(error.reason), *error.args[1:])
    at = traceback.extract_tb(error.__traceback__)[-1]
    return UnexpectedFailure(f"internal error: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}")
