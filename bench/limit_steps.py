"""Checks that `collector collect` follows a limit that steps 50 → 5 → 50 requests/s, for several types of servers.

Each run is a separate process with its own server, which counts and times every request. The collector's results serve
only to find failed ids. Runs mostly wait, so several run concurrently. The exit code is 1 if a run misses a threshold.

python -m bench.limit_steps [--algorithm sliding bucket fixed strict] [--form integer decimal …] [--all]
                            [--draw docs/explanation/limit-steps.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bench.collecting import RunResult, collecting, result_in
from bench.limit_log import Log, save
from bench.limit_plot import draw
from bench.limit_server import FORMS, LimitServer, serving
from bench.limit_thresholds import Finding, Thresholds, evaluate
from bench.limits import ALGORITHMS, Segment, schedule

_EXIT_SIGTERM = 143  # the exit code for SIGTERM
_START_TIMEOUT = 60  # seconds


class ServerType(NamedTuple):
    """The algorithm of a server's limit, and the form in which it states the limit."""

    algorithm: str
    form: str


class Run(NamedTuple):
    """One run: the server's log and the collector's result."""

    server_type: ServerType
    log: Log
    result: RunResult
    exit_code: int | None
    stderr: str

    @property
    def is_valid(self) -> bool:
        """Did the collector run until this script stopped it, without a failed id?"""
        return self.exit_code == _EXIT_SIGTERM and self.result.status == "stopped" and not self.result.failed


def main() -> None:
    options = _options()
    segments = schedule(options.limits, [seconds * options.scale for seconds in options.seconds])
    thresholds = Thresholds().scaled(options.scale)
    runs = asyncio.run(_run_all(options, segments))
    evaluated = [(run, [evaluate(run.log.arrivals, segment, thresholds) for segment in segments]) for run in runs]
    if options.logs:
        _save_all(runs, options.logs)
    if options.draw:
        draw(runs[0].log, options.draw, settled=thresholds.settled)
    _print(evaluated, options)
    if not all(run.is_valid and not any(finding.missed for finding in findings) for run, findings in evaluated):
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", nargs="+", choices=ALGORITHMS, default=["sliding"], metavar="NAME")
    parser.add_argument("--form", nargs="+", choices=FORMS, default=["integer"], metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every form, with each given algorithm")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds, ±20 %%")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--limits", nargs="+", type=int, default=[50, 5, 50], help="requests/s")
    parser.add_argument("--seconds", nargs="+", type=float, default=[90, 120, 120], help="duration of each limit")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all times of schedule and thresholds")
    parser.add_argument("--at-once", type=int, default=6, help="concurrent runs")
    parser.add_argument("--draw", type=Path, metavar="SVG", help="draw the first run (needs matplotlib)")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep the servers' logs, for bench.limit_plot")
    options = parser.parse_args()
    if options.all:
        options.form = list(FORMS)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check all options that would otherwise fail after minutes of measuring."""
    if len(options.limits) != len(options.seconds) or min(options.limits) < 1:
        parser.error("--limits and --seconds need the same number of values; limits start at 1")
    if min(options.seconds) <= (minimum := max(Thresholds().reached, Thresholds().settled)):
        parser.error(f"--seconds: each limit must last longer than {minimum:g} s")
    if options.draw and find_spec("matplotlib") is None:
        parser.error("--draw needs matplotlib: pip install -r requirements/bench.txt")


async def _run_all(options: argparse.Namespace, segments: tuple[Segment, ...]) -> list[Run]:
    slots = asyncio.Semaphore(options.at_once)

    async def run(server_type: ServerType) -> Run:
        async with slots:
            return await _run(server_type, options, segments)

    return await asyncio.gather(*(run(ServerType(*pair)) for pair in product(options.algorithm, options.form)))


async def _run(server_type: ServerType, options: argparse.Namespace, segments: tuple[Segment, ...]) -> Run:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with (
            serving(
                segments, ALGORITHMS[server_type.algorithm](), form=server_type.form, latency=options.latency
            ) as server,
            collecting(folder, server.url, _id_count(segments), options.concurrency) as process,
        ):
            await _until(segments[-1].end, server, process)
            arrivals = list(server.arrivals)
        title = (
            f"limit: {server_type.algorithm}, Retry-After: {server_type.form}, latency {options.latency * 1000:.0f} ms"
        )
        stderr = (folder / "stderr.txt").read_text(errors="replace")
        return Run(server_type, Log(title, segments, arrivals), result_in(folder), process.returncode, stderr)


def _id_count(segments: Iterable[Segment]) -> int:
    """Return twice the number of ids that the limits allow, and a reserve for failures."""
    return 10_000 + 2 * int(sum((segment.end - segment.start) * segment.limit for segment in segments))


async def _until(end: float, server: LimitServer, process: Process) -> None:
    """Wait until `end` seconds after the first request, or until the collector ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(server.first_request.wait(), _START_TIMEOUT)
        await asyncio.wait_for(process.wait(), end)


def _save_all(runs: list[Run], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        save(run.log, folder / f"{run.server_type.algorithm}-{run.server_type.form}.json")


def _print(evaluated: list[tuple[Run, list[Finding]]], options: argparse.Namespace) -> None:
    thresholds = Thresholds().scaled(options.scale)
    print(f"throttled from {thresholds.settled:g} s after each step, used from {thresholds.reached:g} s;", end=" ")
    print(f"latency {options.latency * 1000:.0f} ms, concurrency {options.concurrency}\n")
    print(
        "| algorithm | Retry-After | limit/s | offered | throttled       | in 8 s: mean, max  | limit used"
        f" | {thresholds.min_used:.0%} after | ids ok / failed | missed"
    )
    print("|-----------|-------------|---------|---------|-----------------|--------------------|-----------", end="")
    print("|-----------|-----------------|-------")
    for run, findings in evaluated:
        for finding in findings:
            print(_row(run, finding))
    for run, _ in evaluated:
        if not run.is_valid:
            end = f"exit code {run.exit_code}, status {run.result.status}, {run.result.failed} ids failed"
            print(f"\n{run.server_type.algorithm}, {run.server_type.form}: {end}\n{run.stderr[-2000:]}")


def _row(run: Run, finding: Finding) -> str:
    reached = "never" if finding.reached_after is None else f"{finding.reached_after:.1f} s"
    missed = [*finding.missed, *([] if run.is_valid else ["ids"])]
    cells = (
        f"{run.server_type.algorithm:9}",
        f"{run.server_type.form:11}",
        f"{finding.segment.limit:7}",
        f"{finding.offered:7}",
        f"{finding.throttled:6} ({finding.throttled_share:6.1%})",
        f"{finding.throttled_per_interval:10.2f}, {finding.max_throttled_per_interval:6}",
        f"{finding.used:10.1%}",
        f"{reached:>9}",
        f"{run.result.ok:6} / {run.result.failed:6}",
        ", ".join(missed) or "none",
    )
    return f"| {' | '.join(cells)}"


if __name__ == "__main__":
    main()
