"""The exceptions that end a run, and their exit codes.

    CollectorError
    ├── UsageError            2   a mistake that the user must correct before a run can start
    │   ├── ConfigError       2   a setting, the key's source, the server's address or certificate
    │   └── InputError        2   the lists of ids
    ├── KeyRefused            4   the API rejects the key
    ├── RunStopped            5   stopped before the end; the collected records are kept
    ├── OutputError           6   the system refuses to write
    ├── OutputLocked          7   another run holds the lock of this output
    ├── NothingCollected      3   no id was ok; the older snapshot stays
    ├── Damaged               8   a file of records is corrupt, or of another run
    ├── LedgerMismatch       70   a bug: the outcomes do not add up
    └── Interrupted     128 + n   a signal, or the reader of stdout closed it

A failed run is an exception; a failed connection is an `Outcome` (see `client.failures`).
"""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command. Frozen: other programs depend on them."""

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
    """Ends a run. Its text is a message: what happened, what it means, what to do next."""

    exit_code: int = ExitCode.BUG


class UsageError(CollectorError):
    """A mistake that the user must correct before a run can start."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A setting, the key's source, or the server's address or certificate is wrong."""


class InputError(UsageError):
    """A list of ids is unreadable or contains no ids."""


class KeyRefused(CollectorError):
    """The API rejects the key."""

    exit_code = ExitCode.KEY_REFUSED


class RunStopped(CollectorError):
    """The run stopped before the end. The collected records are kept."""

    exit_code = ExitCode.STOPPED


class OutputError(CollectorError):
    """The system refuses to write: permission, space, a read-only disk."""

    exit_code = ExitCode.OUTPUT


class OutputLocked(CollectorError):
    """Another run holds the lock of this output."""

    exit_code = ExitCode.LOCKED


class NothingCollected(CollectorError):
    """The run finished, but no id was ok, and its empty snapshot would replace one with records."""

    exit_code = ExitCode.INCOMPLETE


class Damaged(CollectorError):
    """A file of records is corrupt, or an unfinished one belongs to another run."""

    exit_code = ExitCode.DAMAGED


class LedgerMismatch(CollectorError):
    """A bug: the outcomes do not add up to the ids."""

    exit_code = ExitCode.BUG


class Interrupted(CollectorError):
    """A signal ended the run. SIGPIPE means that the reader of stdout closed it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum
        self.exit_code = 128 + signum


def first_of(group: BaseExceptionGroup[CollectorError]) -> CollectorError:
    """The first failure of a group. If several tasks fail, it ends the run."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
