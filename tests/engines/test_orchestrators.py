"""The examples for Dagster and Airflow run as they are."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.engines.foreign import ROOT, program, run

pytestmark = pytest.mark.engines

EXAMPLES = ROOT / "examples"


@contextmanager
def environment(folder: Path, faults: str = "") -> Iterator[dict[str, str]]:
    """Serve 60 connections; yields the variables of an orchestrator that collects them into `folder`."""
    with start_blocking_portal() as portal:
        serving = serve(Inventory(60, seed=4), faults=Faults.parse(faults))
        with portal.wrap_async_context_manager(serving) as sandbox:
            yield {
                "PATH": f"{_commands(folder)}:{os.environ['PATH']}",
                "COLLECTOR_BASE_URL": sandbox.url,
                "POLYTOMIC_API_KEY": SANDBOX_KEY,
                "CONNECTIONS_FOLDER": str(folder),
            }


def _commands(folder: Path) -> Path:
    """A folder with the command `collector` of this interpreter."""
    commands = folder / "commands"
    commands.mkdir(exist_ok=True)
    script = commands / "collector"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m collector "$@"\n')
    script.chmod(0o755)
    return commands


MATERIALIZE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import dagster as dg
import dagster_connections as example

if __name__ == "__main__":
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([example.connections, example.is_complete, example.is_intact], instance=instance,
                              raise_on_error=False)
    checks = {each.check_name: each.passed for each in done.get_asset_check_evaluations()}
    found = [each.step_materialization_data.materialization.metadata for each in done.all_events
             if each.is_step_materialization]
    rows = [each["dagster/row_count"].value for each in found]
    dg.Definitions.validate_loadable(example.defs)
    print(json.dumps({"success": done.success, "checks": checks, "rows": rows}))
"""


def materialize(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Materialize the asset of the example with its checks."""
    more = {"DAGSTER_DISABLE_TELEMETRY": "1", "DAGSTER_HOME": ""}
    out = run([program("dagster"), "-c", MATERIALIZE, str(EXAMPLES)], folder=folder, env=env | more)
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def test_dagster_materializes_the_snapshot_and_checks_it(tmp_path: Path) -> None:
    with environment(tmp_path) as env:
        done = materialize(tmp_path, env)
    assert done == {"success": True, "checks": {"is_complete": True, "is_intact": True}, "rows": [60]}


def test_a_partial_run_fails_the_check_of_dagster_but_not_the_asset(tmp_path: Path) -> None:
    with environment(tmp_path, "404=0.3") as env:
        done = materialize(tmp_path, env)
    assert done["success"]
    assert done["checks"] == {"is_complete": False, "is_intact": True}


def test_dagster_fails_the_asset_if_the_key_is_refused(tmp_path: Path) -> None:
    with environment(tmp_path) as env:
        done = materialize(tmp_path, {**env, "POLYTOMIC_API_KEY": "another-key-0123456789"})
    assert done == {"success": False, "checks": {}, "rows": []}


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Airflow with a new database and the example as its only DAG."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    shutil.copy(EXAMPLES / "airflow_connections.py", home / "dags")
    airflow(home, {}, "db", "migrate")
    airflow(home, {}, "dags", "reserialize")
    return home


def airflow(home: Path, env: dict[str, str], *arguments: str, code: int = 0) -> bytes:
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
    }
    command = [program("airflow", "airflow"), *arguments]
    return run(command, folder=home, env=settings | env, code=code)


@pytest.mark.parametrize(("faults", "code", "status"), [("", 0, "complete"), ("404=0.3", 1, "partial")])
def test_airflow_runs_the_dag_to_its_end_and_fails_it_unless_complete(
    airflow_home: Path, tmp_path: Path, faults: str, code: int, status: str
) -> None:
    with environment(tmp_path, faults) as env:
        out = airflow(airflow_home, env, "dags", "test", "polytomic_connections", code=code)
    manifest = json.loads((tmp_path / "connections.manifest.json").read_bytes())
    assert manifest["status"] == status, out.decode()
    assert (tmp_path / "connections.jsonl").read_bytes().count(b"\n") == manifest["account"]["outcomes"]["ok"]
