"""The clock of a run, as a value: whoever waits or looks at the time is given one, and tests give their own. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Monotonic seconds, seconds since the epoch, and a wait of so many seconds."""

    monotonic: Callable[[], float]
    wall_time: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
