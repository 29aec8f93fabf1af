"""Converts the quota that the server states in its replies into requests per second. Pure.

Theory of operation. A quota of `q` requests in a window of `w` seconds allows q/w per second in the long run, for a
fixed window, a sliding window and a bucket alike. `RateLimit-Policy` states both. Other fields state `q` at most, and
the seconds until the reset then reveal the window. If they never vary by more than a second (they are whole numbers),
the window slides or is very short, and its length is the fewest seconds seen. If they vary, the window is fixed, and
the remaining requests are spread over the seconds until the reset. The same holds for a long window of unknown `q`.
"""

from __future__ import annotations

from math import inf

from collector.governor.rate_limit_headers import Allowance, Quota

_MIN_WINDOW = 5.0  # seconds; for shorter windows whole seconds are too coarse
_ROUNDING_WINDOW = 3.0  # seconds; resets up to this are one second too long, because the server rounds up
_USABLE_SHARE = 0.95  # of the quota minus one, which would exhaust it; network jitter bunches requests
_VALIDITY = 60.0  # seconds for which a stated quota holds


class StatedQuota:
    """Remembers the stated quotas of a run. Times are in seconds."""

    def __init__(self) -> None:
        self._quota: int | None = None
        self._min_reset, self._max_reset = inf, 0.0  # seconds until a reset

    def rate(self, allowance: Allowance, quota: Quota | None, in_flight: int, max_pause: float) -> tuple[float, float]:
        """Return the requests per second within the quota, infinite if unknown, and for how many seconds.

        A reset later than `max_pause` is not taken as the end of a window.
        """
        requests = quota.requests if quota else None
        if requests != self._quota:
            self._quota, self._min_reset, self._max_reset = requests, inf, 0.0
        self._min_reset = min(self._min_reset, allowance.seconds)
        self._max_reset = max(self._max_reset, allowance.seconds)
        window = self._window(quota)
        if requests is not None and window:
            return max(0.5, _USABLE_SHARE * (requests - 1)) / window, _VALIDITY  # the last request would cause a pause
        if self._max_reset < _MIN_WINDOW or allowance.seconds > max_pause:
            return inf, allowance.seconds
        left = max(1, allowance.remaining - in_flight)  # the server may not have counted the requests in flight yet
        return left / allowance.seconds, allowance.seconds

    def _window(self, quota: Quota | None) -> float | None:
        """Return the seconds of the window over which to spread the quota; None if unknown."""
        stated_window = quota.window if quota else None
        if stated_window is not None and (stated_window < _MIN_WINDOW or self._min_reset >= stated_window - 1):
            return stated_window
        if stated_window is not None or self._max_reset - self._min_reset > 1:
            return None
        return max(1.0, self._min_reset - 1) if self._min_reset <= _ROUNDING_WINDOW else self._min_reset

    def __repr__(self) -> str:
        return f"<StatedQuota {self._quota} resets in {self._min_reset:g} to {self._max_reset:g} s>"
