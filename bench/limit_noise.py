"""Does `collector collect` keep its speed where a server refuses at random, and find the capacity of one that queues?

Each run is a process of its own against a server of its own, which counts and times every request. A pause is what
the server asked for after a refusal, and a tenth more; throughput counts outside of the pauses. Exit status 1 when a
bar is missed.

python -m bench.limit_noise [--seconds 60]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.collecting import collecting, left_in
from bench.limit_log import Arrival
from bench.limit_server import LimitServer, serving
from bench.limits import Bucket, Sliding, schedule

_NO_LIMIT = 1_000_000_000
_PAUSE = 1.1  # seconds
_CONCURRENCY = 32
_SLACK = 1.05  # of the interval between two starts, see `collector.governor.rate_ceiling`
_USED = 0.8
_USED_OF_LIMIT = 0.75
_SLOWER = 4.0  # times the idle latency
_SETTLED = 5.0  # seconds


class Case(NamedTuple):
    """A server's ways: refusals at random, a limit, or a queue; 0 where it has none."""

    noise: float
    rate: float
    latency: float
    limit: int = 0
    capacity: float = 0.0


CASES = (
    Case(0.0005, 50, 0.1),
    Case(0.002, 50, 0.1),
    Case(0.01, 50, 0.1),
    Case(0.0005, 300, 0.02),
    Case(0.002, 300, 0.02),
    Case(0.002, 0, 0.1),
    Case(0.002, 0, 0.1, limit=50),
    Case(0.0, 0, 0.01, capacity=100),
    Case(0.0, 0, 0.09, capacity=100),
)


class Ran(NamedTuple):
    """What the server saw."""

    arrivals: list[Arrival]
    latencies: list[tuple[float, float]]
    failed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--at-once", type=int, default=3, help="runs at the same time")
    options = parser.parse_args()
    runs = asyncio.run(_run_all(options.seconds, options.at_once))
    print("| noise  | --rate | latency | limit/s | queue/s | refused | pauses  | of the possible | p95 / idle | missed")
    print("|--------|--------|---------|---------|---------|---------|---------|-----------------|------------|-------")
    verdicts = [_print(case, ran, options.seconds) for case, ran in zip(CASES, runs, strict=True)]
    sys.exit(not all(verdicts))


async def _run_all(seconds: float, at_once: int) -> list[Ran]:
    places = asyncio.Semaphore(at_once)

    async def run(case: Case) -> Ran:
        async with places:
            return await _run(case, seconds)

    return await asyncio.gather(*(run(case) for case in CASES))


async def _run(case: Case, seconds: float) -> Ran:
    segments = schedule([case.limit or _NO_LIMIT], [seconds])
    ways = Sliding() if case.limit else Bucket()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with (
            serving(
                segments, ways, form="integer", latency=case.latency, noise=case.noise, capacity=case.capacity
            ) as server,
            collecting(folder, server.url, _ids(case, seconds), _CONCURRENCY, rate=case.rate) as process,
        ):
            with suppress(TimeoutError):
                await asyncio.wait_for(server.asked.wait(), 60)
                await asyncio.wait_for(process.wait(), seconds)
            arrivals, latencies = list(server.arrivals), _latencies(server)
        return Ran(arrivals, latencies, left_in(folder).failed)


def _ids(case: Case, seconds: float) -> int:
    return 1_000 + 2 * int(_possible(case) * seconds)


def _possible(case: Case) -> float:
    """Requests a second that the case allows, outside of pauses."""
    rates = (case.rate / _SLACK, case.limit, case.capacity)
    return min([rate for rate in rates if rate] + [_CONCURRENCY / (case.latency or 0.01)])


def _latencies(server: LimitServer) -> list[tuple[float, float]]:
    moments = (arrival.at for arrival in server.arrivals)
    return list(zip(moments, server.latencies, strict=False))


def _print(case: Case, ran: Ran, seconds: float) -> bool:
    throttled = [one.at for one in ran.arrivals if not one.allowed]
    paused, until = 0.0, 0.0
    for at in throttled:
        paused += max(0.0, at + _PAUSE - max(at, until))
        until = max(until, at + _PAUSE)
    allowed = sum(one.allowed for one in ran.arrivals)
    used = allowed / (seconds - paused) / _possible(case)
    idle = case.latency + (1 / case.capacity if case.capacity else 0.0)
    settled = sorted(latency for at, latency in ran.latencies if at >= _SETTLED)
    slower = settled[int(0.95 * len(settled))] / idle
    enough = _USED_OF_LIMIT if case.limit else _USED
    misses = {"used": used < enough, "latency": case.capacity > 0 and slower > _SLOWER, "ids": ran.failed > 0}
    missed = [name for name, is_missed in misses.items() if is_missed]
    print(
        f"| {case.noise:6.2%} | {case.rate:6g} | {case.latency * 1000:4.0f} ms | {case.limit or '-':>7} "
        f"| {case.capacity or '-':>7} | {len(throttled):7} | {paused:5.1f} s | {used:15.1%} | {slower:10.1f} "
        f"| {', '.join(missed) or 'none'}"
    )
    return not missed


if __name__ == "__main__":
    main()
