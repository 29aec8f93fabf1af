"""How long everybody waits when the server asks to slow down, and how much of that a run bears. Pure.

Every pause is at least as long as the server said, and a little longer by chance, so that not all its clients come back
at once. Without a number, and when the request that tried after a pause was refused again, it is as long as an own
back-off that doubles with each such refusal.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from collector.governor.events import PauseTooLong, TooManyPauses

_MAX_BACKOFF = 60.0  # seconds
_MAX_DOUBLINGS = 6  # to that; a power without bounds would overflow
_MAX_JITTER = 5.0  # seconds, or a tenth of what the server asks for
# Half an hour of pauses stops a run, but not one that makes its way all the same: at 5 requests a second a long list
# takes many hours, and a pause of a second every half minute comes to that by itself.
_MAX_TOTAL = 1800.0
_MAX_SHARE = 0.5


class Pauses:
    """The pauses of a run. Times are monotonic seconds."""

    def __init__(self, max_pause: float, now: float, rng: Random) -> None:
        self._max_pause = max_pause
        self._began = now
        self._rng = rng
        self._planned = 0.0
        self._until = float("-inf")
        self.by_reason: Counter[str] = Counter()

    def begin(self, now: float, wait: float | None, reason: str, *, throttled_probes: int) -> float:
        """The seconds that a pause is to take for which the server asks `wait`, or does not say how long.

        `throttled_probes` is how many requests that tried after a pause were refused since the last answer. One that prolongs
        another is no pause of its own. Raises `PauseTooLong` and `TooManyPauses` for more than the run bears.
        """
        self.check_length(wait or 0.0)
        seconds = self._length(wait, throttled_probes)
        until = now + seconds
        if now >= self._until:
            self.by_reason[reason] += 1
        self._planned += max(0.0, until - max(now, self._until))
        self._until = max(self._until, until)
        if self._planned > max(_MAX_TOTAL, _MAX_SHARE * (until - self._began)):
            raise TooManyPauses(self._planned, seconds)
        return seconds

    def check_length(self, wait: float) -> None:
        """Raise `PauseTooLong` for a pause that the user does not want to wait out."""
        if wait > self._max_pause:
            raise PauseTooLong(wait, self._max_pause)

    def seconds(self, now: float) -> float:
        """Seconds paused until now."""
        return self._planned - max(0.0, self._until - now)

    def _length(self, wait: float | None, throttled_probes: int) -> float:
        requested = wait + self._rng.uniform(0, min(_MAX_JITTER, wait / 10)) if wait else 0.0
        doublings = throttled_probes - 1 if wait else throttled_probes
        if doublings < 0:
            return requested
        backoff = min(_MAX_BACKOFF, 2.0 ** min(doublings, _MAX_DOUBLINGS))
        return max(requested, self._rng.uniform(0.5, 1) * backoff)

    def __repr__(self) -> str:
        return f"<Pauses {self._planned:.1f}s>"
