"""The governor's decisions, and the exceptions that end a run, as values; reporters word them. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Allowed(NamedTuple):
    """The limits from now on: requests per second, infinite without a known limit, and requests in flight."""

    rate: float
    concurrency: int


class Paused(NamedTuple):
    """The server asked to slow down: all requests pause for `seconds`.

    `allowed` holds the limits after the pause. `should_warn`: the server is out of service, stays so after a pause, and
    no warning was given yet.
    """

    seconds: float
    reason: str
    allowed: Allowed
    should_warn: bool = False


class BreakerOpened(NamedTuple):
    """Too many requests failed: all requests wait for `seconds`, then one probes the server.

    `should_warn`: the outage has just begun, and the last warning is old enough.
    """

    seconds: float
    reason: str
    should_warn: bool


class Resumed(NamedTuple):
    """The server answered the probe: requests resume with the limits in `allowed`.

    `ends_outage`: a warning was given when the outage began.
    """

    allowed: Allowed
    ends_outage: bool


class ConcurrencyReduced(NamedTuple):
    """A time-out reduced the limit of requests in flight to `concurrency`."""

    reason: str
    concurrency: int


Event: TypeAlias = Paused | BreakerOpened | Resumed | ConcurrencyReduced


class PauseTooLong(Exception):
    """The server asked for a pause of `wait` seconds (infinite: without end), longer than `max_pause`."""

    def __init__(self, wait: float, max_pause: float) -> None:
        super().__init__(wait, max_pause)
        self.wait = wait
        self.max_pause = max_pause


class TooManyPauses(Exception):
    """The run pauses for `planned` seconds in total and hardly progresses; the last pause takes `wait` seconds."""

    def __init__(self, planned: float, wait: float) -> None:
        super().__init__(planned, wait)
        self.planned = planned
        self.wait = wait
