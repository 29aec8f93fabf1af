"""The exceptions, and the exit code each one ends a run with.

    CollectorError
    ├── UsageError            2   what only the user can mend before a run can start
    │   ├── ConfigError       2   a setting, the key's source, the server's address or certificate
    │   └── InputError        2   the lists of ids
    ├── KeyRefused            4   the API does not accept the key
    ├── RunStopped            5   stopped before the end; what was collected is kept
    ├── OutputError           6   the system refuses to write
    ├── OutputLocked          7   another run holds this output
    ├── NothingCollected      3   no id was ok; the older snapshot stays
    ├── Damaged               8   a file of records is not what it should be
    ├── AccountMismatch      70   a bug: the account does not add up
    └── Interrupted     128 + n   a signal, or nobody reads standard output any more

    AttemptFailed                 one request got no usable answer; another may
    ├── Transient                 the server or the way to it failed
    │   └── TimedOut              … or took too long
    ├── Throttled                 the server asked to slow down
    ├── KeyDoubted                401: the key is asked about once more before it counts
    ├── BadPayload                an answer came, but it is not this connection
    │   └── TooLarge              … and never will be, because it is over a cap
    └── Unforeseen                a bug of ours or of a library, kept to the one id it struck

A failed run is an exception; a failed connection is an `Outcome`. `AttemptFailed` therefore never leaves
`fetch`: it is either retried or becomes an outcome.
"""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command. Frozen: programs outside depend on them."""

    OK = 0
    USAGE = 2
    INCOMPLETE = 3
    KEY_REFUSED = 4
    STOPPED = 5
    OUTPUT = 6
    LOCKED = 7
    DAMAGED = 8
    BUG = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class CollectorError(Exception):
    """Ends a run. Its text names the thing and says what to do next."""

    exit_code: int = ExitCode.BUG


class UsageError(CollectorError):
    """What only the user can mend before a run can start."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A setting, the key's source, or the server's address or certificate is wrong."""


class InputError(UsageError):
    """A list of ids cannot be read, or names no connection."""


class KeyRefused(CollectorError):
    """The API does not accept the key."""

    exit_code = ExitCode.KEY_REFUSED


class RunStopped(CollectorError):
    """The run stopped before the end; what was collected is kept."""

    exit_code = ExitCode.STOPPED


class OutputError(CollectorError):
    """The system refuses to write: permission, space, a read-only disk."""

    exit_code = ExitCode.OUTPUT


class OutputLocked(CollectorError):
    """Another run holds this output."""

    exit_code = ExitCode.LOCKED


class NothingCollected(CollectorError):
    """The run finished, but no id was ok, and its empty snapshot would replace one with records."""

    exit_code = ExitCode.INCOMPLETE


class Damaged(CollectorError):
    """A file of records is damaged, or an unfinished one does not belong to this run."""

    exit_code = ExitCode.DAMAGED


class AccountMismatch(CollectorError):
    """A bug: the outcomes do not add up to the ids."""

    exit_code = ExitCode.BUG


class Interrupted(CollectorError):
    """A signal ended the run; SIGPIPE stands for a reader of standard output that went away."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum
        self.exit_code = 128 + signum


def first_of(group: BaseExceptionGroup[CollectorError]) -> CollectorError:
    """The first failure of a group: when several tasks fail at once, one of them ends the run."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


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
