"""`collector.warehouse.dlt_resource`: a table of a snapshot in a user's own pipeline of dlt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext
from dlt.pipeline.exceptions import PipelineStepFailed

import collector.warehouse
from collector.model.errors import UsageError
from tests.support.nights import user, write_night


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep dlt off the network, and its files in the test's folder; as root it would write below /var."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    context = RunContext(str(tmp_path))
    context._global_dir = str(tmp_path)
    with Container().injectable_context(PluggableRunContext(context)):
        yield


def pipeline(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "own",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "own.duckdb")),
        dataset_name="inventory",
    )


def test_a_pipeline_loads_the_tables_with_history(tmp_path: Path) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {}}, tables={"users": [user(1, "x")]}),
        write_night(tmp_path / "2.jsonl", 2, {1: {"name": "b"}}, tables={"users": [user(1, "x")]}),
    ]
    own = pipeline(tmp_path)
    for night in nights:
        own.run([collector.warehouse.dlt_resource(night, table) for table in ("connections", "users")])
    with duckdb.connect(str(tmp_path / "own.duckdb")) as connection:
        found = "SELECT name, valid_to IS NULL FROM inventory.connections ORDER BY ALL"
        assert connection.execute(found).fetchall() == [("a", False), ("b", True), (None, False)]
        assert connection.execute("SELECT count(*) FROM inventory.users").fetchall() == [(1,)]


def test_a_damaged_snapshot_ends_the_pipeline_before_it_loads(tmp_path: Path) -> None:
    night = write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}})
    night.write_bytes(night.read_bytes().replace(b'"a"', b'"b"'))
    with pytest.raises(PipelineStepFailed, match="its SHA-256 digest is not that in its manifest"):
        pipeline(tmp_path).run(collector.warehouse.dlt_resource(night))


def test_a_table_that_the_snapshot_does_not_have_is_refused(tmp_path: Path) -> None:
    night = write_night(tmp_path / "1.jsonl", 1, {1: {}})
    with pytest.raises(UsageError, match="has no table users; it has connections"):
        collector.warehouse.dlt_resource(night, "users")
    with pytest.raises(AttributeError):
        collector.warehouse.nothing  # noqa: B018  # must raise
