"""A rival of the adaptive rate: AWS' adaptive retries, with the curve of CUBIC. For comparison only.

Written from the AWS SDKs and Tools Reference Guide ("Retry behavior") and RFC 9438. As a program it prints the share of
the possible rate that each algorithm achieves outside of pauses, in simulated time:

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
_CUT_FACTOR = 0.7
_SCALE = 0.4
_WINDOW = 1.0


class CubicRate:
    """Each pause lowers the rate to 0.7 of the measured one; then the curve returns to it and beyond."""

    def __init__(self, now: float) -> None:
        self.rate = inf
        self.is_settled = False
        self.accepted = 0
        self._arrival = -inf
        self._recent: deque[float] = deque()
        self._max_rate = 0.0
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
        if self._max_rate:
            return_time = (self._max_rate * (1 - _CUT_FACTOR) / _SCALE) ** (1 / 3)
            curve = _SCALE * (now - self._cut_at - return_time) ** 3 + self._max_rate
            self.rate = max(0.5, min(curve, 2 * measured))

    def throttled(self, now: float, *, sent: float, begins_pause: bool = True, is_certain: bool = False) -> bool:
        if not begins_pause:
            return False
        self._max_rate = max(0.5, min(self._measured(now), self.rate))
        self._cut_at = now
        self.rate = max(0.5, _CUT_FACTOR * self._max_rate)
        self.is_settled = True
        return True

    def trailing_answered(self, *, is_throttled: bool) -> None: ...

    def resumed(self, now: float) -> None:
        self._cut_at = now
        self._recent.clear()

    def _measured(self, now: float) -> float:
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        return float(len(self._recent))


MakeRate = Callable[[float], AdaptiveRate | CubicRate]
RIVALS: Final[dict[str, MakeRate]] = {"CUBIC as AWS uses it": CubicRate, "limit belief": AdaptiveRate}
CASES: Final[dict[str, tuple[float, float, Callable[[], Limit] | None]]] = {
    "1 % of noise, 50/s": (0.01, 50, None),
    "0.2 % of noise, 300/s": (0.002, 300, None),
    "a limit of 50/s": (0.0, 300, ALGORITHMS["sliding"]),
    "1 % of noise below it": (0.01, 300, ALGORITHMS["sliding"]),
}


def achieved_share(
    make_rate: MakeRate, noise: float, rate: float, limit: Callable[[], Limit] | None, seed: int
) -> float:
    """Return the share of the possible rate that a run of two minutes achieves outside of its pauses."""
    segments = schedule([50 if limit else NO_LIMIT], [120])
    simulation = Simulation(
        limit() if limit else None, segments, FORMS["whole seconds"], 0.05, seed=seed, rate=rate, noise=lambda _: noise
    )
    simulation.use_rate(make_rate(0.0))
    return simulation.run().throughput / (50 if limit else rate / 1.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    for name, make_rate in RIVALS.items():
        shares = [median(achieved_share(make_rate, *case, seed) for seed in range(seeds)) for case in CASES.values()]
        print(f"{name:22}" + "".join(f"{share:8.0%}" for share in shares))


if __name__ == "__main__":
    main()
