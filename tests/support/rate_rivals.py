"""Another way to follow a limit: AWS' adaptive retries, with the curve of CUBIC. For comparison only.

Written from the descriptions in the AWS SDKs and Tools Reference Guide ("Retry behavior") and in RFC 9438. Run as a
program it prints what each way leaves of the rate, outside of the pauses, in simulated time:

python -m tests.support.rate_rivals [--seeds 10]
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable
from math import inf
from statistics import median
from typing import Final

from bench.limits import ALGORITHMS, Limit, schedule
from collector.governor.adaptive_rate import AdaptiveRate
from collector.governor.rate_ceiling import seconds_until_free
from tests.support.simulation import FORMS, Simulation

NO_LIMIT: Final = 1_000_000_000
_LESS = 0.7
_SCALE = 0.4
_SECOND = 1.0


class CubicRate:
    """Every pause begins with 0.7 of the rate that was measured; then the curve returns to it and beyond."""

    def __init__(self, now: float) -> None:
        self.rate = inf
        self.is_settled = False
        self.accepted = 0
        self._arrival = -inf
        self._recent: deque[float] = deque()
        self._most = 0.0
        self._cut_at = now

    def delay(self, now: float) -> float:
        return seconds_until_free(self._arrival, now)

    def started(self, now: float) -> None:
        if self.rate < inf:
            self._arrival = max(self._arrival, now) + 1 / self.rate

    def stated(self, now: float, rate: float, seconds: float) -> None: ...

    def answered(self, now: float) -> None:
        self.accepted += 1
        self._recent.append(now)
        measured = self._measured(now)
        if self._most:
            back = (self._most * (1 - _LESS) / _SCALE) ** (1 / 3)
            curve = _SCALE * (now - self._cut_at - back) ** 3 + self._most
            self.rate = max(0.5, min(curve, 2 * measured))

    def throttled(self, now: float, *, sent: float, begins_pause: bool = True, is_certain: bool = False) -> bool:
        if not begins_pause:
            return False
        self._most = max(0.5, min(self._measured(now), self.rate))
        self._cut_at = now
        self.rate = max(0.5, _LESS * self._most)
        self.is_settled = True
        return True

    def trailing_answered(self, *, is_throttled: bool) -> None: ...

    def resumed(self, now: float) -> None:
        self._cut_at = now
        self._recent.clear()

    def _measured(self, now: float) -> float:
        while self._recent and self._recent[0] <= now - _SECOND:
            self._recent.popleft()
        return float(len(self._recent))


Way = Callable[[float], AdaptiveRate | CubicRate]
WAYS: Final[dict[str, Way]] = {"CUBIC as AWS uses it": CubicRate, "belief in a limit": AdaptiveRate}
CASES: Final[dict[str, tuple[float, float, Callable[[], Limit] | None]]] = {
    "1 % of noise, 50/s": (0.01, 50, None),
    "0.2 % of noise, 300/s": (0.002, 300, None),
    "a limit of 50/s": (0.0, 300, ALGORITHMS["sliding"]),
    "1 % of noise below it": (0.01, 300, ALGORITHMS["sliding"]),
}


def left(way: Way, noise: float, rate: float, limit: Callable[[], Limit] | None, seed: int) -> float:
    """The part of what is possible that a run of two minutes gets, outside of its pauses."""
    segments = schedule([50 if limit else NO_LIMIT], [120])
    simulation = Simulation(
        limit() if limit else None, segments, FORMS["whole seconds"], 0.05, seed=seed, rate=rate, noise=lambda _: noise
    )
    simulation.follow(way(0.0))
    return simulation.run().throughput / (50 if limit else rate / 1.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    for way, make in WAYS.items():
        shares = [median(left(make, *case, seed) for seed in range(seeds)) for case in CASES.values()]
        print(f"{way:22}" + "".join(f"{share:8.0%}" for share in shares))


if __name__ == "__main__":
    main()
