"""What the governor decided, and what ends a run, as values: who reports them finds the words. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Allowed(NamedTuple):
    """What may start from now on: requests a second, infinite where no limit was found, and requests in flight."""

    rate: float
    concurrency: int


class Paused(NamedTuple):
    """The server asks to slow down: nothing starts for so many seconds.

    `should_warn`: the server serves nobody, its refusals continue after a pause, and this was not reported yet.
    """

    seconds: float
    reason: str
    allowed: Allowed
    should_warn: bool = False


class BreakerOpened(NamedTuple):
    """Too much fails: nothing starts for so many seconds, and then one request tries.

    `should_warn` says that this is the first of an outage, and not soon after the last.
    """

    seconds: float
    reason: str
    should_warn: bool


class Resumed(NamedTuple):
    """A request was answered, so others may start again; `ends_outage` if one was news."""

    allowed: Allowed
    ends_outage: bool


class ConcurrencyReduced(NamedTuple):
    """A time-out: fewer requests may be in flight."""

    reason: str
    concurrency: int


Event: TypeAlias = Paused | BreakerOpened | Resumed | ConcurrencyReduced


class PauseTooLong(Exception):
    """The server asks for a longer pause than the user wants: `wait` seconds, infinite for one without end."""

    def __init__(self, wait: float, max_pause: float) -> None:
        super().__init__(wait, max_pause)
        self.wait = wait
        self.max_pause = max_pause


class TooManyPauses(Exception):
    """The server asked for so many seconds of pauses that the run makes no way; the last of them takes `wait`."""

    def __init__(self, planned: float, wait: float) -> None:
        super().__init__(planned, wait)
        self.planned = planned
        self.wait = wait
