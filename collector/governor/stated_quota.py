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

_MIN_WINDOW = 5.0  # seconds; in a shorter window whole seconds are too coarse to spread requests by
_ROUNDING_WINDOW = 3.0  # seconds; so few are one too many, by rounding up the moment and down the time of the reply
_USABLE_SHARE = 0.95  # of a quota less one, which would use it up; jitter on the way bunches requests up
_VALIDITY = 60.0  # seconds for which a quota is taken to hold, if nothing else is said


class StatedQuota:
    """Remembers what was said. Times are seconds."""

    def __init__(self) -> None:
        self._quota: int | None = None
        self._min_reset, self._max_reset = inf, 0.0  # seconds until a reset

    def rate(self, allowance: Allowance, quota: Quota | None, in_flight: int, max_pause: float) -> tuple[float, float]:
        """Requests a second that are within the quota, infinite if it is not known, and for how many seconds.

        Resets later than `max_pause` are not believed to be ones of a window.
        """
        requests = quota.requests if quota else None
        if requests != self._quota:
            self._quota, self._min_reset, self._max_reset = requests, inf, 0.0
        self._min_reset = min(self._min_reset, allowance.seconds)
        self._max_reset = max(self._max_reset, allowance.seconds)
        window = self._window(quota)
        if requests is not None and window:
            return max(0.5, _USABLE_SHARE * (requests - 1)) / window, _VALIDITY  # the last one would bring a pause
        if self._max_reset < _MIN_WINDOW or allowance.seconds > max_pause:
            return inf, allowance.seconds
        left = max(1, allowance.remaining - in_flight)  # what is in flight may not be counted in it yet
        return left / allowance.seconds, allowance.seconds

    def _window(self, quota: Quota | None) -> float | None:
        """Seconds of a window over which a quota is spread evenly."""
        stated_window = quota.window if quota else None
        if stated_window is not None and (stated_window < _MIN_WINDOW or self._min_reset >= stated_window - 1):
            return stated_window
        if stated_window is not None or self._max_reset - self._min_reset > 1:
            return None
        return max(1.0, self._min_reset - 1) if self._min_reset <= _ROUNDING_WINDOW else self._min_reset

    def __repr__(self) -> str:
        return f"<StatedQuota {self._quota} resets in {self._min_reset:g} to {self._max_reset:g} s>"
