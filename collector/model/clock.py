"""The clock of a run, as a value. Code that sleeps or reads the time takes one as an argument. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Functions that return monotonic seconds, return seconds since the epoch, and sleep for a number of seconds."""

    monotonic: Callable[[], float]
    wall_time: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
