"""The clock of a run, as a value: every part that waits or reads the time gets one; tests pass their own. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Monotonic seconds, seconds since the epoch, and a function that sleeps for a number of seconds."""

    monotonic: Callable[[], float]
    wall_time: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
