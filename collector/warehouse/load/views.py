"""The views of a dataset: the current connections, the history of their health, and every change. Pure SQL.

Only tables with history have the last two. A view is made anew by every load, so it has the columns of its table.
"""

from __future__ import annotations

from typing import Final

from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType
from collector.warehouse.load.destination import Kind
from collector.warehouse.load.ledger import LEDGER
from collector.warehouse.load.loaded_table import ORGANIZATION, VALID_FROM, VALID_TO, loaded
from collector.warehouse.load.pipeline import Pipeline
from collector.warehouse.load.plan import Mode

CURRENT: Final = "connections_current"
HEALTH: Final = "connection_health_history"
CHANGES: Final = "connection_changes"

_TEXT: Final = {Kind.BIGQUERY: "to_json_string({})", Kind.SNOWFLAKE: "to_json({})"}
_NAMES: Final = {Kind.BIGQUERY: "STRING"}


def make_views(pipeline: Pipeline, kind: Kind, mode: Mode) -> None:
    """Create or replace the views that the mode has."""
    connections, ledger = pipeline.table(CONNECTIONS), pipeline.table(LEDGER)
    for name, select in views(kind, mode, connections, ledger).items():
        pipeline.query(f"CREATE OR REPLACE VIEW {pipeline.table(name)} AS {select}")


def views(kind: Kind, mode: Mode, connections: str, ledger: str) -> dict[str, str]:
    """The definition of each view by its name. `connections` and `ledger` are the quoted names of the tables."""
    if mode is not Mode.SCD2:
        return {CURRENT: _current(mode, connections, ledger)}
    return {
        CURRENT: f"SELECT * FROM {connections} WHERE {VALID_TO} IS NULL",  # noqa: S608  # own names, here and below
        HEALTH: _HEALTH.format(connections=connections),
        CHANGES: _CHANGES.format(
            connections=connections, columns=_changed_columns(kind), text=_NAMES.get(kind, "VARCHAR")
        ),
    }


def _current(mode: Mode, connections: str, ledger: str) -> str:
    if mode is not Mode.APPEND:
        return f"SELECT * FROM {connections}"  # noqa: S608
    newest = (
        f"SELECT organization_id, max(started_at) AS started_at FROM {ledger} "  # noqa: S608
        "WHERE loaded_at IS NOT NULL GROUP BY organization_id"
    )
    return (
        f"SELECT c.* FROM {connections} AS c JOIN {ledger} AS l "  # noqa: S608
        f"ON l.run_id = c._run_id AND l.organization_id = c.{ORGANIZATION} "
        f"JOIN ({newest}) AS n ON n.organization_id = l.organization_id AND n.started_at = l.started_at"
    )


def _changed_columns(kind: Kind) -> str:
    """An expression for the names of the changed columns, each after a comma."""
    cases = []
    for column in loaded(TABLES[CONNECTIONS]).columns:
        if column.name.startswith("_") or column.name in ("id", "row_hash"):
            continue
        text = _TEXT.get(kind, "CAST({} AS VARCHAR)") if column.type is ColumnType.JSON else "{}"
        now, before = text.format(f"now.{column.name}"), text.format(f"before.{column.name}")
        cases.append(f"CASE WHEN {now} IS DISTINCT FROM {before} THEN ',{column.name}' ELSE '' END")
    return " || ".join(cases)


_HEALTH: Final = f"""
WITH versions AS (
  SELECT id, {ORGANIZATION}, name, status, status_error, {VALID_FROM}, {VALID_TO},
    CASE WHEN lag({VALID_TO}) OVER w = {VALID_FROM}
      AND lag(status) OVER w IS NOT DISTINCT FROM status
      AND lag(status_error) OVER w IS NOT DISTINCT FROM status_error THEN 0 ELSE 1 END AS is_new
  FROM {{connections}}
  WINDOW w AS (PARTITION BY id, {ORGANIZATION} ORDER BY {VALID_FROM})
), periods AS (
  SELECT versions.*, sum(is_new) OVER (
    PARTITION BY id, {ORGANIZATION} ORDER BY {VALID_FROM} ROWS UNBOUNDED PRECEDING) AS period
  FROM versions
)
SELECT id, {ORGANIZATION}, status, status_error, min({VALID_FROM}) AS {VALID_FROM},
  CASE WHEN count({VALID_TO}) = count(*) THEN max({VALID_TO}) END AS {VALID_TO}
FROM periods
GROUP BY id, {ORGANIZATION}, status, status_error, period"""  # noqa: S608  # own names

_CHANGES: Final = f"""
WITH versions AS (
  SELECT c.*, row_number() OVER (PARTITION BY id, {ORGANIZATION} ORDER BY {VALID_FROM}) AS version
  FROM {{connections}} AS c
), compared AS (
  SELECT now.id, now.{ORGANIZATION}, now.name, now.{VALID_FROM} AS changed_at,
    CASE WHEN before.{VALID_TO} = now.{VALID_FROM} THEN 'changed' ELSE 'appeared' END AS change,
    CASE WHEN before.{VALID_TO} = now.{VALID_FROM} THEN substr({{columns}}, 2) END AS columns
  FROM versions AS now
  LEFT JOIN versions AS before
    ON before.id = now.id AND before.{ORGANIZATION} = now.{ORGANIZATION} AND before.version = now.version - 1
), gone AS (
  SELECT now.id, now.{ORGANIZATION}, now.name, now.{VALID_TO} AS changed_at,
    'disappeared' AS change, CAST(NULL AS {{text}}) AS columns
  FROM versions AS now
  LEFT JOIN versions AS later
    ON later.id = now.id AND later.{ORGANIZATION} = now.{ORGANIZATION} AND later.version = now.version + 1
  WHERE now.{VALID_TO} IS NOT NULL AND (later.{VALID_FROM} IS NULL OR later.{VALID_FROM} <> now.{VALID_TO})
)
SELECT * FROM compared UNION ALL SELECT * FROM gone"""  # noqa: S608
