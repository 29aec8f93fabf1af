"""Airflow 3: collect all connections every night, verify the snapshot, and fail if an id is missing.

Put this file into the folder of DAGs. CONNECTIONS_FOLDER is the folder of the snapshot, and POLYTOMIC_API_KEY the key.
"""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

FOLDER = Path(os.environ.get("CONNECTIONS_FOLDER", "/var/lib/connections"))
SNAPSHOT = FOLDER / "connections.jsonl"
MANIFEST = FOLDER / "connections.manifest.json"
INCOMPLETE = 3
"""Exit code of a run that finished, although some ids failed."""


@dag(schedule="15 2 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def polytomic_connections() -> None:
    """Collect, verify, and compare with the list."""

    @task(retries=2)  # a retry resumes the run and requests only the missing ids
    def collect() -> int:
        command = ["collector", "collect", "--all", "--quiet", "--output", str(SNAPSHOT)]
        code = subprocess.run(command, check=False).returncode  # noqa: S603  # no shell, no input
        if code not in {0, INCOMPLETE}:
            raise RuntimeError(f"collector ended with exit code {code}; the messages above say why")
        return code

    @task
    def verify(code: int) -> int:
        subprocess.run(["collector", "verify", str(SNAPSHOT)], check=True)  # noqa: S603, S607  # on the PATH
        account = json.loads(MANIFEST.read_text())
        if account["exit_code"] != code:  # no id was ok, so the older snapshot is still in place
            raise RuntimeError("nothing was published; the snapshot is that of an earlier night")
        records: int = account["files"][0]["records"]
        return records

    @task
    def require_complete(records: int) -> None:
        status = json.loads(MANIFEST.read_text())["status"]
        if status != "complete":
            raise RuntimeError(f"{records} connections are in the snapshot, but it is {status}")

    require_complete(verify(collect()))


polytomic_connections()
