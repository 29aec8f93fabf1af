"""Evaluates a server's log against the promise about a limit that steps. Pure; never uses a client's log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from bench.limit_log import Arrival
from bench.limits import Segment


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The promise. Times are seconds after a step; shares are of all requests or of the limit.

    From `settled` on, at most the share `max_throttled` of the requests is throttled. Below a limit of `slow_limit`
    requests/s, the server throttles on average at most one request per `slow_interval` seconds.

    By `reached`, a window of `window` seconds uses the share `min_used` of the limit; from then on, all time does.
    """

    settled: float = 30.0
    max_throttled: float = 0.02
    slow_interval: float = 8.0
    slow_limit: int = 10
    reached: float = 60.0
    min_used: float = 0.8
    window: float = 10.0

    def scaled(self, factor: float) -> Thresholds:
        """Return the thresholds with all times after a step multiplied by `factor`."""
        return replace(self, settled=self.settled * factor, reached=self.reached * factor, window=self.window * factor)


class Finding(NamedTuple):
    """The result of one segment. `throttled` of `offered` count from `settled` on, `used` from `reached` on.

    `throttled_per_interval` and `max_throttled_per_interval` count throttled requests per `slow_interval`, on average
    and at most. `reached_after` is in seconds after the step, None if never. `missed` names the missed thresholds.
    """

    segment: Segment
    offered: int
    throttled: int
    throttled_per_interval: float
    max_throttled_per_interval: int
    used: float
    reached_after: float | None
    missed: tuple[str, ...]

    @property
    def throttled_share(self) -> float:
        return self.throttled / self.offered if self.offered else 0.0


def evaluate(arrivals: list[Arrival], segment: Segment, thresholds: Thresholds) -> Finding:
    """Evaluate the requests that arrived in a segment; requests of other segments are ignored.

    Raises ValueError for a segment that ends before `reached`, because it cannot be evaluated.
    """
    length = segment.end - segment.start
    if length <= (minimum := max(thresholds.settled, thresholds.reached)):
        raise ValueError(f"a limit must last longer than {minimum:g} s, not {length:g} s")
    settled = [arrival for arrival in arrivals if segment.start + thresholds.settled <= arrival.at < segment.end]
    throttled = [arrival.at for arrival in settled if not arrival.allowed]
    allowed = [arrival.at for arrival in arrivals if arrival.allowed and segment.start <= arrival.at < segment.end]
    late = sum(at >= segment.start + thresholds.reached for at in allowed)
    finding = Finding(
        segment=segment,
        offered=len(settled),
        throttled=len(throttled),
        throttled_per_interval=len(throttled) * thresholds.slow_interval / (length - thresholds.settled),
        max_throttled_per_interval=_max_within(thresholds.slow_interval, throttled),
        used=late / (segment.limit * (length - thresholds.reached)),
        reached_after=_reached_after(allowed, segment, thresholds),
        missed=(),
    )
    return finding._replace(missed=_missed(finding, thresholds))


def _max_within(seconds: float, times: list[float]) -> int:
    """Return the highest number of times within any period of `seconds`."""
    highest = begin = 0
    for number, time in enumerate(times, start=1):
        while times[begin] <= time - seconds:
            begin += 1
        highest = max(highest, number - begin)
    return highest


def _reached_after(allowed: list[float], segment: Segment, thresholds: Thresholds) -> float | None:
    """Return the first time at which the last `window` seconds of this segment contain enough allowed requests."""
    product = thresholds.min_used * segment.limit * thresholds.window
    needed = ceil(product - 1e-9)  # a float product may exceed a whole number slightly
    for first, last in zip(allowed, allowed[needed - 1 :], strict=False):
        if last - first < thresholds.window:
            return last - segment.start
    return None


def _missed(finding: Finding, thresholds: Thresholds) -> tuple[str, ...]:
    is_slow = finding.segment.limit < thresholds.slow_limit
    too_many = finding.throttled_per_interval > 1 if is_slow else finding.throttled_share > thresholds.max_throttled
    too_late = finding.reached_after is None or finding.reached_after > thresholds.reached
    verdicts = {"throttled": too_many, "used": finding.used < thresholds.min_used, "reached": too_late}
    return tuple(name for name, is_missed in verdicts.items() if is_missed)
