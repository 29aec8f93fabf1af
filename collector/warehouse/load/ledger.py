"""The ledger of a dataset: one row of the table `_collector_loads` for each load that ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from collector.warehouse.load.destination import Kind
from collector.warehouse.load.pipeline import Pipeline
from collector.warehouse.load.plan import Loaded, Mode, Night

LEDGER: Final = "_collector_loads"

_TEXT: Final = {Kind.BIGQUERY: "STRING"}
_TIME: Final = {Kind.BIGQUERY: "TIMESTAMP", Kind.SNOWFLAKE: "TIMESTAMP_TZ"}
_COLUMNS: Final = {
    "run_id": "text",
    "snapshot_sha256": "text",
    "organization_id": "text",
    "started_at": "time",
    "loaded_at": "time",
    "mode": "text",
    "status": "text",
    "is_of_all": "BOOLEAN",
    "closes_missing": "BOOLEAN",
    "row_count": "BIGINT",
    "table_rows": "text",
    "nul_values": "BIGINT",
}


def make_ledger(pipeline: Pipeline, kind: Kind) -> None:
    """Create the table unless it exists."""
    types = {"text": _TEXT.get(kind, "VARCHAR"), "time": _TIME.get(kind, "TIMESTAMP WITH TIME ZONE")}
    columns = ", ".join(f"{name} {types.get(type_, type_)}" for name, type_ in _COLUMNS.items())
    pipeline.query(f"CREATE TABLE IF NOT EXISTS {pipeline.table(LEDGER)} ({columns})")


def read_ledger(pipeline: Pipeline) -> list[Loaded]:
    """Every load that ended, and the time of its run as in a manifest."""
    if not (pipeline.has_dataset() and pipeline.stored_columns(LEDGER)[LEDGER]):
        return []
    rows = pipeline.query(
        f"SELECT run_id, mode, started_at, organization_id FROM {pipeline.table(LEDGER)}"  # noqa: S608  # own names
    )
    return [
        Loaded(run_id, mode, _as_manifest(started_at), organization) for run_id, mode, started_at, organization in rows
    ]


def write_entry(pipeline: Pipeline, night: Night, mode: Mode, rows: Mapping[str, int], nul_values: int) -> None:
    """Add a load."""
    manifest = night.manifest
    values = (
        manifest.run_id,
        manifest.records_file.sha256,
        night.organization,
        manifest.started_at,
        str(mode),
        manifest.status,
        manifest.is_of_all,
        night.is_complete,
        sum(rows.values()),
        json.dumps(rows),
        nul_values,
    )
    names = [name for name in _COLUMNS if name != "loaded_at"]
    marks = ", ".join(["%s"] * len(names))
    pipeline.query(
        f"INSERT INTO {pipeline.table(LEDGER)} ({', '.join(names)}, loaded_at) "  # noqa: S608  # own names
        f"VALUES ({marks}, CURRENT_TIMESTAMP)",
        *values,
    )


def _as_manifest(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
