"""The settings of dlt, wherever it looks for them, have no effect on a load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.support.engines import Engine, duckdb_engine
from tests.support.nights import implied_history, write_night

HOSTILE = {
    "DEV_MODE": "true",
    "REFRESH": "drop_sources",
    "PROGRESS": "log",
    "WORKERS": "many",
    "DATASET_NAME_LAYOUT": "evil_%s",
    "ENABLE_RUNTIME_TRACE": "maybe",
    "LOAD__WORKERS": "many",
    "LOAD__DELETE_COMPLETED_JOBS": "perhaps",
    "RUNTIME__SENTRY_DSN": "http://127.0.0.1:1/1",
    "RUNTIME__LOG_LEVEL": "DEBUG",
    "RUNTIME__DLTHUB_TELEMETRY": "true",
    "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": "http://127.0.0.1:1/1",
    "SCHEMA__NAMING": "direct",
    "DESTINATION__DUCKDB__CREDENTIALS": "duckdb:///evil.duckdb",
    "DESTINATION__REPLACE_STRATEGY": "nonsense",
    "DLT_PROJECT_DIR": "evil",
    "DLT_DATA_DIR": "evil",
    "DLT_CONFIG_FOLDER": "evil",
    "DLT_DEFAULT_NAMING_MODULE": "nonsense",
    "DLT_USE_JSON": "simplejson",
}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {**clean_environment(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}


def test_environment_variables_of_dlt_have_no_effect(tmp_path: Path, home: dict[str, str]) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    nights = [write_night(tmp_path / f"{night}.jsonl", night, {1: {"name": f"{night}"}, 2: {}}) for night in (1, 2)]
    engine: Engine = duckdb_engine(folder / "i.duckdb")
    for night in nights:
        command = [sys.executable, "-m", "collector", "load", str(night), *engine.target]
        done = subprocess.run(command, cwd=folder, env={**home, **HOSTILE}, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
    assert engine.history() == implied_history(nights)
    assert [path.name for path in folder.iterdir()] == ["i.duckdb"]
