"""Measures the CPU time of `collector collect` by the format of the snapshot, as ratios to JSON Lines.

The sandbox API answers on another core. The formats alternate, so that a slower machine affects all of them. The result
is the median of the ratios of each round. This script only measures: it has no pass or fail.

python bench/formats.py [--connections 5000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FORMATS: Final = ("jsonl", "jsonl.zst", "parquet", "csv", "csv.gz")
CLIENT_CORE: Final = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    costs: dict[str, list[float]] = {each: [] for each in FORMATS}
    with tempfile.TemporaryDirectory() as folder, _sandbox(options.connections) as url:
        for number in range(options.rounds + 1):
            for each in FORMATS:
                cost = _cpu_seconds(url, Path(folder) / each / f"out.{each}")
                if number:  # the first round warms the caches
                    costs[each].append(cost)
    for each, found in costs.items():
        ratios = [cost / plain for cost, plain in zip(found, costs[FORMATS[0]], strict=True)]
        micros = statistics.median(found) / options.connections * 1e6
        spread = f"({min(ratios):.2f} … {max(ratios):.2f})"
        print(f"{each}: {micros:.0f} µs of CPU per record, {statistics.median(ratios):.2f} × JSON Lines {spread}")


@contextmanager
def _sandbox(connections: int) -> Iterator[str]:
    command = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--connections", str(connections)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        yield next(word.rstrip(",;") for line in server.stderr for word in line.split() if word.startswith("http://"))
    finally:
        server.terminate()
        server.wait()


def _cpu_seconds(url: str, output: Path) -> float:
    before = _children()
    environ = {**os.environ, "POLYTOMIC_API_KEY": "sandbox-key", "COLLECTOR_BASE_URL": url}
    command = [sys.executable, "-m", "collector", "collect", "--all", "-q", "--rate", "0", "-o", str(output)]
    subprocess.run(["taskset", "--cpu-list", str(CLIENT_CORE), *command], check=True, env=environ)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
