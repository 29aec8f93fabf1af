"""Measures the time and the memory to resume an unfinished file of many lines.

Creates the file and its run header as a killed run leaves them, and starts `collector collect`. Every id is complete,
so the run only reads, checks and publishes the file. This script only measures: it has no pass or fail.

python bench/recovery.py [--lines 1000000]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

BASE_URL = "http://127.0.0.1:9"  # unreachable, and not used
RUN_ID = "20260101T000000Z-00000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    lines: int = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        size = _make(folder, lines)
        command = [sys.executable, "-m", "collector", "collect", "--base-url", BASE_URL, "--ids", "ids.txt"]
        began = time.monotonic()
        completed = subprocess.run(
            [*command, "-o", "c.jsonl", "--resume", "always"],
            cwd=folder,
            env={**os.environ, "POLYTOMIC_API_KEY": "none"},
            capture_output=True,
            check=False,
            text=True,
        )
        seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        manifest = json.loads((folder / "c.manifest.json").read_bytes()) if completed.returncode == 0 else {}
    if manifest.get("resumed") != lines or manifest["requests"]["sent"]:
        sys.exit(f"not resumed (exit code {completed.returncode}): {completed.stderr}")
    print(f"{lines} lines, {size / 1e6:.0f} MB: {seconds:.1f} s from start to end, {peak:.0f} MB peak memory")


def _make(folder: Path, lines: int) -> int:
    """Write line by line, because a child's peak memory starts with its parent's memory."""
    line = json.dumps(_record(), separators=(",", ":"))
    digest = hashlib.sha256()
    with (folder / "ids.txt").open("w") as ids, (folder / "c.jsonl.partial").open("w") as partial:
        for number in range(lines):  # sorted, as the digest requires
            connection_id = f"{number:08x}-0000-4000-8000-00000000c0de"
            digest.update(f"{connection_id}\n".encode())
            ids.write(f"{connection_id}\n")
            partial.write(line.replace("ID", connection_id, 1) + "\n")
    header = {
        "run_id": RUN_ID,
        "started_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "ids_digest": digest.hexdigest(),
        "base_url": BASE_URL,
        "api_version": "2025-09-18",
        "schema": 1,
    }
    (folder / "c.partial.run.json").write_text(json.dumps(header))
    return (folder / "c.jsonl.partial").stat().st_size


def _record() -> dict[str, object]:
    timestamp, actor = "2024-01-15T09:30:00.000000Z", "22222222-2222-4222-8222-222222222222"
    return {
        "id": "ID",
        "name": "Warehouse",
        "organization_id": "11111111-1111-4111-8111-111111111111",
        "parent_connection_id": None,
        "type_id": "postgresql",
        "type_name": "PostgreSQL",
        "type_operations": ["query", "sync_source"],
        "status": "healthy",
        "status_error": None,
        "saved": True,
        "policies": ["33333333-3333-4333-8333-333333333333"],
        "api_calls_last_24_hours": 1204,
        "rate_limit": None,
        "created_at": timestamp,
        "created_by_id": actor,
        "created_by_name": "Ada",
        "created_by_type": "user",
        "updated_at": timestamp,
        "updated_by_id": actor,
        "updated_by_name": "Ada",
        "updated_by_type": "user",
        "configuration": {"hostname": "db.example", "port": 5432, "username": "reader", "password": "[REDACTED]"},
        "extra": {"type": {"logo_url": "https://example.com/postgresql.png"}},
        "_collected_at": timestamp,
        "_run_id": RUN_ID,
        "_schema": 1,
    }


if __name__ == "__main__":
    main()
