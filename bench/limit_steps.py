"""Does `collector collect` follow a limit that steps 50 → 5 → 50 requests a second, whatever the server's ways?

Each run is a process of its own against a server of its own, which judges, counts and times every request; nothing is
taken from the collector but whether an id failed. Runs wait most of their time, so several go on at once. Exit status 1
when a bar is missed.

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

from bench.collecting import Left, collecting, left_in
from bench.limit_log import Log, save
from bench.limit_plot import draw
from bench.limit_server import FORMS, LimitServer, serving
from bench.limit_thresholds import Bars, Finding, judge
from bench.limits import ALGORITHMS, Segment, schedule

_STOPPED_BY_US = 143  # the exit code for SIGTERM
_STARTS_WITHIN = 60  # seconds


class Ways(NamedTuple):
    """How a server limits, and how it tells."""

    algorithm: str
    form: str


class Ran(NamedTuple):
    """One run: what the server saw and what the collector left."""

    ways: Ways
    log: Log
    left: Left
    exit_code: int | None
    said: str

    @property
    def is_sound(self) -> bool:
        """It went on until we stopped it, and no id failed."""
        return self.exit_code == _STOPPED_BY_US and self.left.status == "stopped" and not self.left.failed


def main() -> None:
    options = _options()
    segments = schedule(options.limits, [seconds * options.scale for seconds in options.seconds])
    bars = Bars().scaled(options.scale)
    runs = asyncio.run(_run_all(options, segments))
    judged = [(run, [judge(run.log.arrivals, segment, bars) for segment in segments]) for run in runs]
    if options.logs:
        _save_all(runs, options.logs)
    if options.draw:
        draw(runs[0].log, options.draw, settled=bars.settled)
    _print(judged, options)
    if not all(run.is_sound and not any(finding.missed for finding in findings) for run, findings in judged):
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", nargs="+", choices=ALGORITHMS, default=["sliding"], metavar="NAME")
    parser.add_argument("--form", nargs="+", choices=FORMS, default=["integer"], metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every form, with each algorithm that is named")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds, ±20 %%")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--limits", nargs="+", type=int, default=[50, 5, 50], help="requests a second")
    parser.add_argument("--seconds", nargs="+", type=float, default=[90, 120, 120], help="how long each of them holds")
    parser.add_argument("--scale", type=float, default=1.0, help="makes every time of plan and bars so many times it")
    parser.add_argument("--at-once", type=int, default=6, help="runs at the same time")
    parser.add_argument("--draw", type=Path, metavar="SVG", help="draw the first run (needs matplotlib)")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep the servers' logs, for bench.limit_plot")
    options = parser.parse_args()
    if options.all:
        options.form = list(FORMS)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """All that could fail after minutes of measuring."""
    if len(options.limits) != len(options.seconds) or min(options.limits) < 1:
        parser.error("--limits (from 1) and --seconds need as many values")
    if min(options.seconds) <= (longest := max(Bars().reached, Bars().settled)):
        parser.error(f"--seconds: each limit has to hold for more than {longest:g} s")
    if options.draw and find_spec("matplotlib") is None:
        parser.error("--draw needs matplotlib: pip install -r requirements/bench.txt")


async def _run_all(options: argparse.Namespace, segments: tuple[Segment, ...]) -> list[Ran]:
    places = asyncio.Semaphore(options.at_once)

    async def run(ways: Ways) -> Ran:
        async with places:
            return await _run(ways, options, segments)

    return await asyncio.gather(*(run(Ways(*pair)) for pair in product(options.algorithm, options.form)))


async def _run(ways: Ways, options: argparse.Namespace, segments: tuple[Segment, ...]) -> Ran:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with (
            serving(segments, ALGORITHMS[ways.algorithm](), form=ways.form, latency=options.latency) as server,
            collecting(folder, server.url, _enough_ids(segments), options.concurrency) as process,
        ):
            await _until(segments[-1].end, server, process)
            arrivals = list(server.arrivals)
        title = f"limit: {ways.algorithm}, Retry-After: {ways.form}, latency {options.latency * 1000:.0f} ms"
        said = (folder / "stderr.txt").read_text(errors="replace")
        return Ran(ways, Log(title, segments, arrivals), left_in(folder), process.returncode, said)


def _enough_ids(segments: Iterable[Segment]) -> int:
    """Twice what the limits allow, and room for many that fail."""
    return 10_000 + 2 * int(sum((segment.end - segment.start) * segment.limit for segment in segments))


async def _until(end: float, server: LimitServer, process: Process) -> None:
    """Wait until so many seconds after the first request, or until the collector ends by itself."""
    with suppress(TimeoutError):
        await asyncio.wait_for(server.asked.wait(), _STARTS_WITHIN)
        await asyncio.wait_for(process.wait(), end)


def _save_all(runs: list[Ran], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        save(run.log, folder / f"{run.ways.algorithm}-{run.ways.form}.json")


def _print(judged: list[tuple[Ran, list[Finding]]], options: argparse.Namespace) -> None:
    bars = Bars().scaled(options.scale)
    print(f"refused from {bars.settled:g} s after each step, used from {bars.reached:g} s after it;", end=" ")
    print(f"latency {options.latency * 1000:.0f} ms, concurrency {options.concurrency}\n")
    print(
        "| algorithm | Retry-After | limit/s | offered | refused         | in 8 s: mean, most | limit used"
        f" | {bars.used:.0%} after | ids ok / failed | missed"
    )
    print("|-----------|-------------|---------|---------|-----------------|--------------------|-----------", end="")
    print("|-----------|-----------------|-------")
    for run, findings in judged:
        for finding in findings:
            print(_row(run, finding))
    for run, _ in judged:
        if not run.is_sound:
            end = f"exit code {run.exit_code}, status {run.left.status}, {run.left.failed} ids failed"
            print(f"\n{run.ways.algorithm}, {run.ways.form}: {end}\n{run.said[-2000:]}")


def _row(run: Ran, finding: Finding) -> str:
    reached = "never" if finding.reached_after is None else f"{finding.reached_after:.1f} s"
    missed = [*finding.missed, *([] if run.is_sound else ["ids"])]
    cells = (
        f"{run.ways.algorithm:9}",
        f"{run.ways.form:11}",
        f"{finding.segment.limit:7}",
        f"{finding.offered:7}",
        f"{finding.throttled:6} ({finding.refused_share:6.1%})",
        f"{finding.refused_in:10.2f}, {finding.most_refused_in:6}",
        f"{finding.used:10.1%}",
        f"{reached:>9}",
        f"{run.left.ok:6} / {run.left.failed:6}",
        ", ".join(missed) or "none",
    )
    return f"| {' | '.join(cells)}"


if __name__ == "__main__":
    main()
