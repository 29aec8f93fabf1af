"""Measures `collector load`: records per second and peak memory, into DuckDB and into a private Postgres server.

The first night loads every record, the second night a few changes. Each load is a process of its own. The snapshots are
of the sandbox. This script only measures: it has no pass or fail.

python -m bench.load [--records 100000] [--only duckdb|postgres]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector.cli.collect import run_and_report
from collector.cli.progress import ConsoleReporter
from collector.cli.progress_display import LineDisplay
from collector.run.ids.id_input import read_ids
from collector.run.settings import Api, Ids, Limits, Log, Output, Settings
from collector.sandbox.deployment import Deployment
from collector.sandbox.server import serve
from tests.support.postgres import postgres_server

_CHURN = 0.06


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--only", choices=["duckdb", "postgres"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nights = [asyncio.run(_collect(folder / f"{night}.jsonl", options.records, night)) for night in (0, 1)]
        if options.only != "postgres":
            _measure("DuckDB", nights, f"duckdb:///{folder / 'bench.duckdb'}", folder)
        if options.only != "duckdb":
            with postgres_server(folder / "postgres") as server:
                url = f"postgresql://collector@127.0.0.1:{server.port}/postgres"
                _measure("Postgres", nights, url, folder)


async def _collect(path: Path, records: int, generation: int) -> Path:
    settings = Settings(ids=Ids(all=True), limits=Limits(rate=0), output=Output(path=str(path)), log=Log(quiet=True))
    async with serve(Deployment.of_size(1, records, churn=_CHURN, generation=generation)) as sandbox:
        settings = Settings(
            api=Api(base_url=sandbox.url),
            ids=settings.ids,
            limits=settings.limits,
            output=settings.output,
            log=settings.log,
        )
        ids = read_ids([], (), column="id")
        key = {"POLYTOMIC_API_KEY": sandbox.key}
        assert await run_and_report(settings, ids, ConsoleReporter(LineDisplay()), key) == 0
    return path


def _measure(name: str, nights: list[Path], url: str, folder: Path) -> None:
    for night, path in enumerate(nights, start=1):
        records = sum(1 for _ in path.open("rb"))
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "collector", "load", str(path), "--to", url],
            env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        assert status == 0, status
        print(f"{name}, night {night}: {records / seconds:,.0f} records/s, {_text(seconds, usage)}")


def _text(seconds: float, usage: resource.struct_rusage) -> str:
    cpu = usage.ru_utime + usage.ru_stime
    return f"{seconds:.1f} s (CPU {cpu:.1f} s), peak {usage.ru_maxrss / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
