"""Does a run keep to what is promised about a limit that steps? Pure: judges a server's log, never a client's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from bench.limit_log import Arrival
from bench.limits import Segment


@dataclass(frozen=True, slots=True)
class Bars:
    """The promise: times are seconds after a step, shares are of all requests or of the limit."""

    settled: float = 30.0
    """From here on few are refused: this share of all; below a limit of `slow`, one in `one_in` seconds on average."""
    throttled: float = 0.02
    one_in: float = 8.0
    slow: int = 10
    reached: float = 60.0
    """By here `window` seconds have brought the share `used` of the limit, and from here on all of them together do."""
    used: float = 0.8
    window: float = 10.0

    def scaled(self, factor: float) -> Bars:
        """The same after steps that follow each other faster or slower."""
        return replace(self, settled=self.settled * factor, reached=self.reached * factor, window=self.window * factor)


class Finding(NamedTuple):
    """What one segment brought. `throttled` of `offered` count from `settled` on, `used` from `reached` on.

    `refused_in` and `most_refused_in` are how many were refused in `one_in` seconds, on average and at most;
    `reached_after` is in seconds after the step, None if never.
    """

    segment: Segment
    offered: int
    throttled: int
    refused_in: float
    most_refused_in: int
    used: float
    reached_after: float | None
    missed: tuple[str, ...]

    @property
    def refused_share(self) -> float:
        return self.throttled / self.offered if self.offered else 0.0


def judge(arrivals: list[Arrival], segment: Segment, bars: Bars) -> Finding:
    """What the requests that arrived in a segment say; those of other segments may be among them.

    Raises ValueError for a segment that ends before `reached`, of which nothing can be said.
    """
    lasts = segment.end - segment.start
    if lasts <= max(bars.settled, bars.reached):
        raise ValueError(
            f"a limit has to hold for more than {max(bars.settled, bars.reached):g} s, not for {lasts:g} s"
        )
    settled = [one for one in arrivals if segment.start + bars.settled <= one.at < segment.end]
    throttled = [one.at for one in settled if not one.allowed]
    allowed = [one.at for one in arrivals if one.allowed and segment.start <= one.at < segment.end]
    late = sum(at >= segment.start + bars.reached for at in allowed)
    finding = Finding(
        segment=segment,
        offered=len(settled),
        throttled=len(throttled),
        refused_in=len(throttled) * bars.one_in / (lasts - bars.settled),
        most_refused_in=_most_within(bars.one_in, throttled),
        used=late / (segment.limit * (lasts - bars.reached)),
        reached_after=_reached(allowed, segment, bars),
        missed=(),
    )
    return finding._replace(missed=_missed(finding, bars))


def _most_within(seconds: float, moments: list[float]) -> int:
    """The most moments in any such stretch of time."""
    most = begin = 0
    for number, moment in enumerate(moments, start=1):
        while moments[begin] <= moment - seconds:
            begin += 1
        most = max(most, number - begin)
    return most


def _reached(allowed: list[float], segment: Segment, bars: Bars) -> float | None:
    """The first moment at which the last `window` seconds, of this segment alone, hold enough."""
    enough = ceil(bars.used * segment.limit * bars.window - 1e-9)  # products of floats end a little above whole numbers
    for first, last in zip(allowed, allowed[enough - 1 :], strict=False):
        if last - first < bars.window:
            return last - segment.start
    return None


def _missed(finding: Finding, bars: Bars) -> tuple[str, ...]:
    slow = finding.segment.limit < bars.slow
    too_many = finding.refused_in > 1 if slow else finding.refused_share > bars.throttled
    too_late = finding.reached_after is None or finding.reached_after > bars.reached
    verdicts = {"refused": too_many, "used": finding.used < bars.used, "reached": too_late}
    return tuple(bar for bar, is_missed in verdicts.items() if is_missed)
