"""How long everybody waits when the server asks to slow down, and how much of that a run bears. Pure.

Every pause is at least as long as the server said, and a little longer by chance, so that not all its clients come back
at once. Without a number, and when the request that tried after a pause was refused again, it is as long as an own
back-off that doubles with each such refusal.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from collector.governor.events import PauseTooLong, TooManyPauses

_LONGEST_OWN = 60.0  # seconds
_DOUBLINGS = 6  # to that; a power without bounds would overflow
_LONGEST_JITTER = 5.0  # seconds, or a tenth of what the server asks for
# Half an hour of pauses stops a run, but not one that makes its way all the same: at 5 requests a second a long list
# takes many hours, and a pause of a second every half minute comes to that by itself.
_LONGEST_IN_SUM = 1800.0
_LARGEST_SHARE = 0.5


class Pauses:
    """The pauses of a run. Times are monotonic seconds."""

    def __init__(self, longest: float, now: float, rng: Random) -> None:
        self._longest = longest
        self._began = now
        self._rng = rng
        self._planned = 0.0
        self._until = float("-inf")
        self.by_reason: Counter[str] = Counter()

    def begin(self, now: float, wait: float | None, reason: str, *, throttles: int) -> float:
        """The seconds that a pause is to take for which the server asks `wait`, or does not say how long.

        `throttles` is how many requests that tried after a pause were refused since the last answer. One that prolongs
        another is no pause of its own. Raises `PauseTooLong` and `TooManyPauses` for more than the run bears.
        """
        self.bear(wait or 0.0)
        seconds = self._length(wait, throttles)
        until = now + seconds
        if now >= self._until:
            self.by_reason[reason] += 1
        self._planned += max(0.0, until - max(now, self._until))
        self._until = max(self._until, until)
        if self._planned > max(_LONGEST_IN_SUM, _LARGEST_SHARE * (until - self._began)):
            raise TooManyPauses(self._planned, seconds)
        return seconds

    def bear(self, wait: float) -> None:
        """Raise `PauseTooLong` for a pause that the user does not want to wait out."""
        if wait > self._longest:
            raise PauseTooLong(wait, self._longest)

    def seconds(self, now: float) -> float:
        """Seconds paused until now."""
        return self._planned - max(0.0, self._until - now)

    def _length(self, wait: float | None, throttles: int) -> float:
        asked = wait + self._rng.uniform(0, min(_LONGEST_JITTER, wait / 10)) if wait else 0.0
        doublings = throttles - 1 if wait else throttles
        if doublings < 0:
            return asked
        own = min(_LONGEST_OWN, 2.0 ** min(doublings, _DOUBLINGS))
        return max(asked, self._rng.uniform(0.5, 1) * own)

    def __repr__(self) -> str:
        return f"<Pauses {self._planned:.1f}s>"
