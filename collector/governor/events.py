"""What the governor decided, and what ends a run, as values: who reports them finds the words. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Allowed(NamedTuple):
    """What may start from now on: requests a second, infinite where no limit was found, and requests in flight."""

    rate: float
    concurrency: int


class Paused(NamedTuple):
    """The server asks to slow down: nothing starts for so many seconds.

    `is_news`: the server serves nobody, its refusals continue after a pause, and this was not reported yet.
    """

    seconds: float
    reason: str
    then: Allowed
    is_news: bool = False


class Halted(NamedTuple):
    """Too much fails: nothing starts for so many seconds, and then one request tries.

    `is_news` says that this is the first of an outage, and not soon after the last.
    """

    seconds: float
    reason: str
    is_news: bool


class Resumed(NamedTuple):
    """A request was answered, so others may start again; `ends_outage` if one was news."""

    now: Allowed
    ends_outage: bool


class Narrowed(NamedTuple):
    """A time-out: fewer requests may be in flight."""

    reason: str
    concurrency: int


Event: TypeAlias = Paused | Halted | Resumed | Narrowed


class PauseTooLong(Exception):
    """The server asks for a longer pause than the user wants: `wait` seconds, infinite for one without end."""

    def __init__(self, wait: float, longest: float) -> None:
        super().__init__(wait, longest)
        self.wait = wait
        self.longest = longest


class TooManyPauses(Exception):
    """The server asked for so many seconds of pauses that the run makes no way; the last of them takes `wait`."""

    def __init__(self, planned: float, wait: float) -> None:
        super().__init__(planned, wait)
        self.planned = planned
        self.wait = wait
