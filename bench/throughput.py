"""Measures the throughput of `collector collect` against a plain aiohttp loop and the official SDK.

Each contender is a separate process, measured from start to end, on one core; nginx answers from memory on another.
Contenders alternate, so that a slower machine affects all of them. The result is the median of the ratios of each
round. The cost of durability is the ratio to the same run with `-o /dev/null`. This script only measures: it has no
pass or fail.

python bench/throughput.py [--ids 50000] [--pairs 5] [--concurrency 32] [--sdk-ids 1000]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = (0, 1) if (os.cpu_count() or 1) > 1 else (0, 0)


class Figures(NamedTuple):
    """One run of one contender."""

    records_s: float
    cpu_s_per_10k: float


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as scratch, _nginx(Path(scratch)) as base_url:
        folder = Path(scratch)
        many, few = _ids(folder / "many.txt", options.ids), _ids(folder / "few.txt", options.sdk_ids)
        out = str(folder / "out.jsonl")
        common = [base_url, str(many), out, str(options.concurrency)]
        contenders = {
            "plain aiohttp loop": ([sys.executable, str(HERE / "plain_loop.py"), *common], options.ids),
            "collector collect": (_collect(base_url, many, out, options.concurrency), options.ids),
            "… -o /dev/null": (_collect(base_url, many, os.devnull, options.concurrency), options.ids),
            "official SDK": (
                [sys.executable, str(HERE / "official_sdk.py"), base_url, str(few), out, str(options.concurrency)],
                options.sdk_ids,
            ),
        }
        runs: dict[str, list[Figures]] = {name: [] for name in contenders}
        for pair in range(options.pairs + 1):
            for name, (command, records) in contenders.items():
                figures = _timed(command, records, Path(out))
                Path(out).unlink(missing_ok=True)
                if pair:  # the first round warms the caches
                    runs[name].append(figures)
        _print(runs, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=50_000)
    parser.add_argument("--sdk-ids", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=32)
    return parser.parse_args()


@contextmanager
def _nginx(folder: Path) -> Iterator[str]:
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        sys.exit("nginx is not installed; on Debian run: apt-get install nginx-light")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "nginx.conf").write_text((HERE / "nginx.conf").read_text().replace("@ADDRESS@", address))
    server = subprocess.Popen([*_pinned(SERVER_CORE), binary, "-p", str(folder), "-c", "nginx.conf"])
    try:
        _wait_for(address)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait()


def _pinned(core: int) -> list[str]:
    return ["taskset", "--cpu-list", str(core)]


def _wait_for(address: str) -> None:
    host, port = address.split(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("nginx does not answer; check its messages above")


def _ids(path: Path, count: int) -> Path:
    path.write_text("".join(f"{uuid.uuid4()}\n" for _ in range(count)))
    return path


def _collect(base_url: str, ids: Path, out: str, concurrency: int) -> list[str]:
    limits = ["--rate", "0", "--concurrency", str(concurrency)]
    command = [sys.executable, "-m", "collector", "collect", "--base-url", base_url, "--ids", str(ids), "-q"]
    return [*command, "-o", out, *limits]


def _timed(command: list[str], records: int, out: Path) -> Figures:
    before, started_at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environ = {**os.environ, "POLYTOMIC_API_KEY": "sandbox-key"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has bytecode
    subprocess.run([*_pinned(CLIENT_CORE), *command], check=True, env=environ)
    seconds, after = time.monotonic() - started_at, resource.getrusage(resource.RUSAGE_CHILDREN)
    if os.devnull not in command and (written := _lines(out)) != records:
        sys.exit(f"{command}: wrote {written} of {records} records")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(records / seconds, cpu / records * 10_000)


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


def _print(runs: dict[str, list[Figures]], options: argparse.Namespace) -> None:
    plain = [figures.records_s for figures in runs["plain aiohttp loop"]]
    print(
        f"{options.ids} ids ({options.sdk_ids} for the SDK), concurrency {options.concurrency}, {options.pairs} rounds"
    )
    print(f"Python {sys.version.split()[0]}, server on core {SERVER_CORE}, client on core {CLIENT_CORE}; medians\n")
    print(f"| {'':18} | records/s | CPU s per 10,000 | × plain loop (min … max) |")
    print(f"|{'-' * 20}|{'-' * 11}|{'-' * 18}|{'-' * 26}|")
    for name, figures in runs.items():
        ratios = [run.records_s / other for run, other in zip(figures, plain, strict=True)]
        rate, cpu = (statistics.median(column) for column in zip(*figures, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})"
        print(f"| {name:18} | {rate:9,.0f} | {cpu:16.2f} | {spread:24} |")
    print(f"\ncollector collect is {_median_ratio(runs, 'official SDK'):.0f} × the official SDK")
    print(f"a durable file: {_median_ratio(runs, '… -o /dev/null'):.2f} × the throughput without one")


def _median_ratio(runs: dict[str, list[Figures]], other: str) -> float:
    """Return the median ratio of records per second of `collector collect` to the other contender."""
    pairs = zip(runs["collector collect"], runs[other], strict=True)
    return statistics.median(figures.records_s / other_figures.records_s for figures, other_figures in pairs)


if __name__ == "__main__":
    main()
