"""Dagster: the snapshot of all connections as an asset, and its manifest as an asset check.

    pip install polytomic-collector dagster
    POLYTOMIC_API_KEY=… dagster asset materialize --select connections -f dagster_connections.py

CONNECTIONS_FOLDER is the folder of the snapshot; the current one without it.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg

FOLDER = Path(os.environ.get("CONNECTIONS_FOLDER", "."))
SNAPSHOT = FOLDER / "connections.jsonl"
MANIFEST = FOLDER / "connections.manifest.json"
FINISHED = (0, 3)
"""Exit codes of a run that finished: every id is ok, or some failed."""


def manifest() -> dict[str, Any]:
    """The account of the run that wrote the snapshot."""
    read: dict[str, Any] = json.loads(MANIFEST.read_text())
    return read


@dg.asset
def connections() -> dg.MaterializeResult:
    """All Polytomic connections, one JSON line each."""
    command = ["collector", "collect", "--all", "--quiet", "--output", str(SNAPSHOT)]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)  # noqa: S603  # no shell, no input
    if done.returncode not in FINISHED:
        raise dg.Failure(f"collector ended with exit code {done.returncode}: {done.stderr}")
    account = manifest()
    if account["exit_code"] != done.returncode:  # no id was ok, so the older snapshot is still in place
        raise dg.Failure(f"nothing was published: {done.stderr}")
    return dg.MaterializeResult(
        metadata={
            "run_id": account["run_id"],
            "status": account["status"],
            "dagster/row_count": account["files"][0]["records"],
            "redactions": account["redactions"],
        }
    )


@dg.asset_check(asset=connections)
def is_complete() -> dg.AssetCheckResult:
    """Every connection is in the snapshot. A downstream asset must not delete rows otherwise."""
    account = manifest()
    outcomes = {kind: count for kind, count in account["account"]["outcomes"].items() if count}
    return dg.AssetCheckResult(passed=account["status"] == "complete", metadata={"outcomes": outcomes})


@dg.asset_check(asset=connections)
def is_intact() -> dg.AssetCheckResult:
    """The snapshot is byte for byte the one that its manifest describes."""
    done = subprocess.run(  # noqa: S603  # no shell, no input
        ["collector", "verify", str(SNAPSHOT)],  # noqa: S607  # on the PATH
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    return dg.AssetCheckResult(passed=done.returncode == 0, description=done.stderr)


defs = dg.Definitions(assets=[connections], asset_checks=[is_complete, is_intact])
