"""Measures `collector export`: records/s, CPU time and peak memory for each format.

The script writes a snapshot of made-up records with its manifest, and exports it once per format, each time in a new
process. This script only measures: it has no pass or fail.

python bench/export.py [--records 1000000] [--formats parquet csv csv.gz jsonl.gz]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.redaction import reference
from collector.model.record import Record
from tests.support.snapshots import record_of, write_snapshot

TEMPLATES: Final = 500
CHILD: Final = """
import sys, time
from collector.cli.main import run
code = run(sys.argv[1:])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, time.process_time())
sys.exit(code)
"""
"""Runs a command, then prints its peak memory in KiB and its CPU time. `ru_maxrss` would count the parent's memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["parquet", "csv", "csv.gz", "jsonl.gz"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        snapshot = write_snapshot(Path(folder) / "connections.jsonl", _records(options.records))
        print(f"snapshot: {options.records:,} records, {snapshot.stat().st_size / 1e6:.0f} MB")
        for name in options.formats:
            _measure(snapshot, snapshot.with_name(f"out.{name}"), options.records)


def _records(count: int) -> Iterator[Record]:
    """Made-up records, each with an id of its own."""
    templates = [record_of(reference(number)) for number in range(TEMPLATES)]
    for number in range(count):
        record = templates[number % TEMPLATES]
        record["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))
        yield record


def _measure(snapshot: Path, target: Path, records: int) -> None:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "export", str(snapshot), "-o", str(target)], capture_output=True, check=True
    )
    seconds = time.perf_counter() - began
    peak, cpu = done.stdout.split()
    print(
        f"{target.name}: {records / seconds:,.0f} records/s, {float(cpu) / records * 1e6:.1f} µs of CPU per record, "
        f"peak {int(peak) / 1024:.0f} MiB, {target.stat().st_size / 1e6:.0f} MB"
    )
    target.unlink()


if __name__ == "__main__":
    main()
