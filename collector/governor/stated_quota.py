"""How many requests a second a server's quota comes to, learned from what its replies say of it. Pure.

Theory of operation. A quota of `q` in a window of `w` seconds is q/w a second in the long run, whether its window is
fixed, slides, or is a bucket. The policy of `RateLimit-Policy` names both. Other fields name `q` at most; the seconds
until the reset then tell the window: where they never vary by more than a second (they are whole), the window slides,
or is so short, and is as long as the fewest. Where they vary, the window is fixed, and what is left of it is spread
over the seconds until its reset; so it is with a long window whose `q` nobody names.
"""

from __future__ import annotations

from math import inf

from collector.governor.rate_limit_headers import Allowance, Quota

_SHORT = 5.0  # seconds; in a shorter window whole seconds are too coarse to spread requests by
_COARSE = 3.0  # seconds; so few are one too many, by rounding up the moment and down the time of the reply
_USED = 0.95  # of a quota less one, which would use it up; jitter on the way bunches requests up
_LASTS = 60.0  # seconds for which a quota is taken to hold, if nothing else is said


class StatedQuota:
    """Remembers what was said. Times are seconds."""

    def __init__(self) -> None:
        self._quota: int | None = None
        self._fewest, self._most = inf, 0.0  # seconds until a reset

    def rate(self, said: Allowance, quota: Quota | None, in_flight: int, longest: float) -> tuple[float, float]:
        """Requests a second that are within the quota, infinite if it is not known, and for how many seconds.

        Resets later than `longest` are not believed to be ones of a window.
        """
        count = quota.requests if quota else None
        if count != self._quota:
            self._quota, self._fewest, self._most = count, inf, 0.0
        self._fewest = min(self._fewest, said.seconds)
        self._most = max(self._most, said.seconds)
        window = self._window(quota)
        if count is not None and window:
            return max(0.5, _USED * (count - 1)) / window, _LASTS  # the last one would bring a pause
        if self._most < _SHORT or said.seconds > longest:
            return inf, said.seconds
        left = max(1, said.remaining - in_flight)  # what is in flight may not be counted in it yet
        return left / said.seconds, said.seconds

    def _window(self, quota: Quota | None) -> float | None:
        """Seconds of a window over which a quota is spread evenly."""
        named = quota.window if quota else None
        if named is not None and (named < _SHORT or self._fewest >= named - 1):
            return named
        if named is not None or self._most - self._fewest > 1:
            return None
        return max(1.0, self._fewest - 1) if self._fewest <= _COARSE else self._fewest

    def __repr__(self) -> str:
        return f"<StatedQuota {self._quota} resets in {self._fewest:g} to {self._most:g} s>"
