"""The write disposition of dlt for a table of a night, and the rows of the database that it may close. Pure."""

from __future__ import annotations

from typing import Any, Final

from collector.warehouse.columns import Table
from collector.warehouse.load.loaded_table import ORGANIZATION, ROW_HASH, VALID_FROM, VALID_TO
from collector.warehouse.load.plan import Mode, Night

_RUN: Final = "_run_id"


def disposition(mode: Mode, night: Night, table: Table) -> Any:
    """The write disposition of a table. A merge closes or deletes only rows within its scope."""
    if mode is Mode.REPLACE:
        return "replace"
    if mode is Mode.APPEND:
        return _merge(f"{_equals(_RUN, night.manifest.run_id)} AND {_equals(ORGANIZATION, night.organization)}")
    scope = _equals(ORGANIZATION, night.organization)
    if not night.may_close(table.name):
        scope = f"{scope} AND {_is_staged(table.key)}"
    if mode is Mode.MERGE:
        return _merge(scope)
    return {
        "disposition": "merge",
        "strategy": "scd2",
        "row_version_column_name": ROW_HASH,
        "validity_column_names": [VALID_FROM, VALID_TO],
        "boundary_timestamp": night.manifest.started_at,
        "destination_scope": scope,
    }


def _merge(scope: str) -> dict[str, str]:
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def _equals(column: str, text: str) -> str:
    return f"{column} = {_literal(text)}"


def _literal(text: str) -> str:
    """An SQL literal, in which dlt does not see a placeholder."""
    escaped = text.replace("'", "''").replace("{", "{{").replace("}", "}}")
    return f"'{escaped}'"


def _is_staged(key: tuple[str, ...]) -> str:
    """A condition: the row's key is among the loaded ones."""
    if len(key) == 1:
        return f"{key[0]} IN (SELECT {key[0]} FROM {{staging_table}})"  # noqa: S608  # own names
    same = " AND ".join(f"staged.{name} = {{table}}.{name}" for name in key)
    return f"EXISTS (SELECT 1 FROM {{staging_table}} AS staged WHERE {same})"  # noqa: S608
