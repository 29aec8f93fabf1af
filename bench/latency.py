"""Measures the throughput of `collector collect` against the maximum by Little's law, with a slow server.

With a fixed concurrency and an exact latency, the server can complete concurrency/latency requests per second. The
server counts them, from the end of the warm-up until the last request arrives. This script only measures: it has no
pass or fail.

python -m bench.latency [--ids 5000] [--concurrency 64] [--latency 0.2]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.collecting import collecting, result_in
from bench.limit_server import LimitServer, serving
from bench.limits import Sliding, schedule

_WARM_UP = 3.0  # seconds
_NO_LIMIT = 1_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    options = parser.parse_args()
    completed = asyncio.run(_measure(options.ids, options.concurrency, options.latency))
    possible = options.concurrency / options.latency
    print(f"concurrency {options.concurrency}, latency {options.latency * 1000:.0f} ms: {completed:.1f} of", end=" ")
    print(f"{possible:.1f} requests/s possible by Little's law, {completed / possible:.1%}")


async def _measure(ids: int, concurrency: int, latency: float) -> float:
    """Return the completed requests per second."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        segments = schedule([_NO_LIMIT], [1.0])
        async with serving(segments, Sliding(), form="absent", latency=latency, jitter=0.0) as server:
            async with collecting(folder, server.url, ids, concurrency) as process:
                await process.wait()
            if process.returncode or result_in(folder).ok != ids:
                sys.exit(f"exit code {process.returncode}: {_stderr(folder)}")
            return completions(server)


def _stderr(folder: Path) -> str:
    return (folder / "stderr.txt").read_text(errors="replace")


def completions(server: LimitServer) -> float:
    """Return the replies per second between warm-up and last request, after which fewer are in flight."""
    end = server.arrivals[-1].at
    if end <= _WARM_UP:
        sys.exit(
            f"too few ids: the run took {end:.1f} s, and the first {_WARM_UP:g} s do not count; pass a higher --ids"
        )
    return sum(_WARM_UP <= at < end for at in server.replied) / (end - _WARM_UP)


if __name__ == "__main__":
    main()
