"""The ledger of a dataset: one row of the table `_collector_loads` for each load of a night.

The row is written before the tables change, so that an older night is refused after a load that was killed. `loaded_at`
is null until the load has ended.
"""

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


_THIS_NIGHT: Final = "run_id = %s AND organization_id = %s"


def make_ledger(pipeline: Pipeline, kind: Kind) -> None:
    """Create the table, and the dataset that holds it, unless they exist."""
    pipeline.make_dataset()
    types = {"text": _TEXT.get(kind, "VARCHAR"), "time": _TIME.get(kind, "TIMESTAMP WITH TIME ZONE")}
    columns = ", ".join(f"{name} {types.get(type_, type_)}" for name, type_ in _COLUMNS.items())
    pipeline.query(f"CREATE TABLE IF NOT EXISTS {pipeline.table(LEDGER)} ({columns})")


def read_ledger(pipeline: Pipeline) -> list[Loaded]:
    """Every load, in order, with the time of its run as in a manifest."""
    if not (pipeline.has_dataset() and pipeline.stored_columns(LEDGER)[LEDGER]):
        return []
    rows = pipeline.query(
        f"SELECT run_id, mode, started_at, organization_id, loaded_at IS NOT NULL FROM {pipeline.table(LEDGER)}"  # noqa: S608  # own names
    )
    return [
        Loaded(run_id, mode, _as_manifest(started_at), organization, bool(has_ended))
        for run_id, mode, started_at, organization, has_ended in rows
    ]


def begin_entry(pipeline: Pipeline, night: Night, mode: Mode, rows: Mapping[str, int], nul_values: int) -> None:
    """Add a load that begins, in place of an earlier one of the same night."""
    pipeline.query(f"DELETE FROM {pipeline.table(LEDGER)} WHERE {_THIS_NIGHT}", *_identity(night))  # noqa: S608
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
        f"INSERT INTO {pipeline.table(LEDGER)} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608  # own names
        *values,
    )


def end_entry(pipeline: Pipeline, night: Night) -> None:
    """Note that the load of a night has ended."""
    pipeline.query(
        f"UPDATE {pipeline.table(LEDGER)} SET loaded_at = CURRENT_TIMESTAMP WHERE {_THIS_NIGHT}",  # noqa: S608
        *_identity(night),
    )


def _identity(night: Night) -> tuple[str, str]:
    return night.manifest.run_id, night.organization


def _as_manifest(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
