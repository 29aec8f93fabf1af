"""Checks that `collector collect` stays fast with random throttling, and finds the capacity of a queueing server.

Each run is a separate process with its own server, which counts and times every request. A pause lasts as long as the
server requested, plus 10 %; throughput excludes the pauses. The exit code is 1 if a run misses a threshold.

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

from bench.collecting import collecting, result_in
from bench.limit_log import Arrival
from bench.limit_server import LimitServer, serving
from bench.limits import Bucket, Sliding, schedule

_NO_LIMIT = 1_000_000_000
_PAUSE_SECONDS = 1.1  # seconds
_CONCURRENCY = 32
_SLACK = 1.05  # factor on the interval between two permits, see `collector.governor.rate_ceiling`
_MIN_USED = 0.8
_MIN_USED_OF_LIMIT = 0.75
_MAX_LATENCY_FACTOR = 4.0  # times the idle latency
_SETTLE_SECONDS = 5.0  # seconds


class Case(NamedTuple):
    """A server with noise, a limit or a queue; 0 disables each of them."""

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


class Run(NamedTuple):
    """The server's records of one run, and the number of failed ids."""

    arrivals: list[Arrival]
    latencies: list[tuple[float, float]]
    failed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--at-once", type=int, default=3, help="concurrent runs")
    options = parser.parse_args()
    runs = asyncio.run(_run_all(options.seconds, options.at_once))
    print("| noise  | --rate | latency | limit/s | queue/s | throttled | pauses  | of possible | p95 / idle | missed")
    print("|--------|--------|---------|---------|---------|-----------|---------|-------------|------------|-------")
    verdicts = [_print(case, run, options.seconds) for case, run in zip(CASES, runs, strict=True)]
    sys.exit(not all(verdicts))


async def _run_all(seconds: float, at_once: int) -> list[Run]:
    slots = asyncio.Semaphore(at_once)

    async def run(case: Case) -> Run:
        async with slots:
            return await _run(case, seconds)

    return await asyncio.gather(*(run(case) for case in CASES))


async def _run(case: Case, seconds: float) -> Run:
    segments = schedule([case.limit or _NO_LIMIT], [seconds])
    server_type = Sliding() if case.limit else Bucket()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with (
            serving(
                segments, server_type, form="integer", latency=case.latency, noise=case.noise, capacity=case.capacity
            ) as server,
            collecting(folder, server.url, _ids(case, seconds), _CONCURRENCY, rate=case.rate) as process,
        ):
            with suppress(TimeoutError):
                await asyncio.wait_for(server.first_request.wait(), 60)
                await asyncio.wait_for(process.wait(), seconds)
            arrivals, latencies = list(server.arrivals), _latencies(server)
        return Run(arrivals, latencies, result_in(folder).failed)


def _ids(case: Case, seconds: float) -> int:
    return 1_000 + 2 * int(_possible(case) * seconds)


def _possible(case: Case) -> float:
    """Return the requests per second that the case allows, outside of pauses."""
    rates = (case.rate / _SLACK, case.limit, case.capacity)
    return min([rate for rate in rates if rate] + [_CONCURRENCY / (case.latency or 0.01)])


def _latencies(server: LimitServer) -> list[tuple[float, float]]:
    times = (arrival.at for arrival in server.arrivals)
    return list(zip(times, server.latencies, strict=False))


def _print(case: Case, run: Run, seconds: float) -> bool:
    throttled = [arrival.at for arrival in run.arrivals if not arrival.allowed]
    paused, until = 0.0, 0.0
    for at in throttled:
        paused += max(0.0, at + _PAUSE_SECONDS - max(at, until))
        until = max(until, at + _PAUSE_SECONDS)
    allowed = sum(arrival.allowed for arrival in run.arrivals)
    used = allowed / (seconds - paused) / _possible(case)
    idle = case.latency + (1 / case.capacity if case.capacity else 0.0)
    settled = sorted(latency for at, latency in run.latencies if at >= _SETTLE_SECONDS)
    latency_factor = settled[int(0.95 * len(settled))] / idle
    min_used = _MIN_USED_OF_LIMIT if case.limit else _MIN_USED
    misses = {
        "used": used < min_used,
        "latency": case.capacity > 0 and latency_factor > _MAX_LATENCY_FACTOR,
        "ids": run.failed > 0,
    }
    missed = [name for name, is_missed in misses.items() if is_missed]
    print(
        f"| {case.noise:6.2%} | {case.rate:6g} | {case.latency * 1000:4.0f} ms | {case.limit or '-':>7} "
        f"| {case.capacity or '-':>7} | {len(throttled):9} | {paused:5.1f} s | {used:11.1%} | {latency_factor:10.1f} "
        f"| {', '.join(missed) or 'none'}"
    )
    return not missed


if __name__ == "__main__":
    main()
