"""Computes the length of each pause of all requests, and ends a run that pauses too long. Pure.

A pause lasts at least as long as the server asked for. Jitter makes it slightly longer, so that clients do not all
return at the same time. Without a stated length, or after a throttled probe, a back-off applies that doubles with each
throttled probe.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from collector.governor.events import PauseTooLong, TooManyPauses

_MAX_BACKOFF = 60.0  # seconds
_MAX_DOUBLINGS = 6  # to `_MAX_BACKOFF`; an unbounded power would overflow
_MAX_JITTER = 5.0  # seconds; at most 10 % of the requested pause
# Half an hour of pauses stops a run only if they are also most of its time. At 5 requests/s a long list takes many
# hours, in which a pause of one second every half minute adds up to as much.
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
        """Begin or extend a pause and return its seconds; the server asked for `wait`, None if it did not say.

        `throttled_probes` counts the probes throttled since the last reply. A pause that extends another is not counted
        again. Raises `PauseTooLong` and `TooManyPauses` beyond the limits of the run.
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
        """Raise `PauseTooLong` for a pause longer than the user's maximum."""
        if wait > self._max_pause:
            raise PauseTooLong(wait, self._max_pause)

    def seconds(self, now: float) -> float:
        """Return the seconds paused until now."""
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
