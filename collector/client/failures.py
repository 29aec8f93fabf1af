"""Why one request got no usable answer. Another request may.

    AttemptFailed
    ├── Transient                 the server or the way to it failed
    │   └── TimedOut              … or took too long
    ├── Throttled                 the server asked to slow down
    ├── KeyDoubted                401: the key is asked about once more before it counts
    ├── BadPayload                an answer came, but it is not this connection
    │   └── TooLarge              … and never will be, because it is over a cap
    └── Unforeseen                a bug of ours or of a library, kept to the one id it struck

None of them leaves the room `polytomic`: each is retried or becomes an outcome.
"""

from __future__ import annotations


class AttemptFailed(Exception):
    """One request got no usable answer.

    `status` is the HTTP status when there was an answer, else None. `attempts` is how many attempts were made for the
    id until then, `retried_s` how many seconds they and the waits between them took; `seconds` is what this one took,
    `is_excused` whether it does not count against the id, since it was to try whether the server is back, and `halts`
    whether all requests halt for it.
    """

    attempts = 1
    retried_s = 0.0
    seconds = 0.0
    is_excused = False
    halts = False

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status

    @property
    def reason(self) -> str:
        """Why, in words; nowhere else are they kept, so that what is taken out of them is gone."""
        return str(self.args[0])

    @reason.setter
    def reason(self, text: str) -> None:
        self.args = (text,)


class Transient(AttemptFailed):
    """The server or the way to it failed; the same request may succeed later."""


class TimedOut(Transient):
    """There was no whole answer in time."""


class Throttled(AttemptFailed):
    """The server asked to slow down; everybody waits, and the id's attempts are not used up.

    `wait` is in seconds, as the server put it, or None when it did not say. `refused_at` is how many requests it had
    taken by then; `is_own` says that it refuses this id alone, which then waits alone.
    """

    refused_at = 0
    is_own = False

    def __init__(self, reason: str, status: int | None = None, *, wait: float | None = None) -> None:
        super().__init__(reason, status)
        self.wait = wait


class KeyDoubted(AttemptFailed):
    """A 401. Confirmed by one more request, it ends the run."""


class BadPayload(AttemptFailed):
    """An answer came, but it is not the connection that was asked for."""


class TooLarge(BadPayload):
    """The answer is over a cap; asking again cannot help."""


class Unforeseen(AttemptFailed):
    """An exception nobody foresaw; it costs one id its record, not the run."""
