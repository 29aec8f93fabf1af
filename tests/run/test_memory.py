"""Memory use is independent of the number of ids."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve

IDS = 100_000
WARM = 20_000  # memory must not grow after this many ids
MEGABYTE = 1024 * 1024


def resident(pid: int) -> int:
    """The resident memory of a process in bytes; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGESIZE") if len(fields) > 1 else 0


@pytest.mark.soak
async def test_memory_for_100_000_ids_stays_below_150_mb_and_stops_growing_after_20_000(
    tmp_path: Path,
) -> None:
    inventory = Inventory(IDS, seed=7)
    ids, output = tmp_path / "ids.txt", tmp_path / "out.jsonl"
    ids.write_text("".join(f"{one}\n" for one in inventory.ids()))
    partial = tmp_path / "out.jsonl.partial"
    samples: list[tuple[int, int]] = []  # bytes written, bytes resident
    async with serve(inventory) as sandbox:
        command = [sys.executable, "-m", "collector", "collect", "--ids", str(ids), "-o", str(output)]
        process = subprocess.Popen(  # noqa: ASYNC220  # starts quickly enough
            [*command, "--base-url", sandbox.url, "--rate", "0", "-q"],
            env={**os.environ, "POLYTOMIC_API_KEY": sandbox.key},
        )
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < 600:
            await anyio.sleep(0.2)
            if partial.exists():
                samples.append((partial.stat().st_size, resident(process.pid)))
        assert process.wait() == 0
    size = output.stat().st_size
    samples = [sample for sample in samples if sample[1]]
    warm = [memory for written, memory in samples if written <= size * WARM / IDS]
    later = [memory for written, memory in samples if written > size * WARM / IDS]
    print(f"peak {max(warm + later) / MEGABYTE:.0f} MB, {max(warm) / MEGABYTE:.0f} MB in the first {WARM}")
    assert max(warm + later) <= 150 * MEGABYTE
    assert max(later) <= max(warm) + 5 * MEGABYTE
