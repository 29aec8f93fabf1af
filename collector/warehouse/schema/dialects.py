"""The types of each SQL dialect, and the form of its names, texts and tables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from collector.warehouse.columns import Column, ColumnType, Table


class Warehouse(StrEnum):
    """A database whose tables and loads this room writes."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SNOWFLAKE = "snowflake"
    BIGQUERY = "bigquery"
    REDSHIFT = "redshift"
    CLICKHOUSE = "clickhouse"
    DATABRICKS = "databricks"
    ATHENA = "athena"


TYPES: Final[Mapping[Warehouse, Mapping[ColumnType, str]]] = {
    warehouse: dict(zip(ColumnType, names, strict=True))
    for warehouse, names in {
        Warehouse.DUCKDB: ("VARCHAR", "TIMESTAMPTZ", "BOOLEAN", "BIGINT", "VARCHAR[]", "JSON"),
        Warehouse.POSTGRES: ("text", "timestamptz", "boolean", "bigint", "text[]", "jsonb"),
        Warehouse.SNOWFLAKE: ("VARCHAR", "TIMESTAMP_TZ(6)", "BOOLEAN", "NUMBER(19,0)", "ARRAY", "VARIANT"),
        Warehouse.BIGQUERY: ("STRING", "TIMESTAMP", "BOOL", "INT64", "ARRAY<STRING>", "JSON"),
        Warehouse.REDSHIFT: ("VARCHAR(65535)", "TIMESTAMPTZ", "BOOLEAN", "BIGINT", "SUPER", "SUPER"),
        Warehouse.CLICKHOUSE: ("String", "DateTime64(6, 'UTC')", "Bool", "Int64", "Array(String)", "String"),
        Warehouse.DATABRICKS: ("STRING", "TIMESTAMP", "BOOLEAN", "BIGINT", "ARRAY<STRING>", "STRING"),
        Warehouse.ATHENA: ("string", "timestamp", "boolean", "bigint", "array<string>", "string"),
    }.items()
}
"""The type of each kind of column. Where JSON is text, the database has no type that keeps every integer."""

_NO_NOT_NULL: Final = {Warehouse.ATHENA: tuple(ColumnType), Warehouse.BIGQUERY: (ColumnType.TEXTS,)}
"""Columns that cannot be declared as never null."""


class Dialect(NamedTuple):
    """The form of names, texts and tables.

    - `quote`: a name, which may be a word of SQL.
    - `literal`: a text.
    - `ending`: the text after the columns of a table.
    """

    warehouse: Warehouse
    title: str
    quote: Callable[[str], str]
    literal: Callable[[str], str]
    ending: Callable[[Table], str]

    def type_of(self, column: Column) -> str:
        """The declared type of a column, and whether it may be null."""
        name = TYPES[self.warehouse][column.type]
        if self.warehouse is Warehouse.CLICKHOUSE:
            return f"Nullable({name})" if column.is_nullable else name
        if column.is_nullable or column.type in _NO_NOT_NULL.get(self.warehouse, ()):
            return name
        return f"{name} NOT NULL"


def _double(name: str) -> str:
    return f'"{name}"'


def _back(name: str) -> str:
    return f"`{name}`"


def sql_text(text: str) -> str:
    """A text of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def backslashed_text(text: str) -> str:
    """A text of a dialect that reads backslashes as escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _doubled_text(text: str) -> str:
    """A text of Redshift, which doubles quotes and reads backslashes as escapes."""
    return sql_text(text.replace("\\", "\\\\"))


def _clickhouse_ending(table: Table) -> str:
    key = ", ".join(map(_back, ("_run_id", *table.key)))
    return f"\nENGINE = MergeTree ORDER BY ({key})"


DIALECTS: Final = {
    each.warehouse: each
    for each in (
        Dialect(Warehouse.DUCKDB, "DuckDB", _double, sql_text, lambda _: ""),
        Dialect(Warehouse.POSTGRES, "Postgres", _double, sql_text, lambda _: ""),
        # Unquoted: quoted names of Snowflake would be in lower case, and every query would have to quote them.
        Dialect(Warehouse.SNOWFLAKE, "Snowflake", str, backslashed_text, lambda _: ""),
        Dialect(Warehouse.BIGQUERY, "BigQuery", _back, backslashed_text, lambda _: ""),
        Dialect(Warehouse.REDSHIFT, "Redshift", _double, _doubled_text, lambda _: ""),
        Dialect(Warehouse.CLICKHOUSE, "ClickHouse", _back, backslashed_text, _clickhouse_ending),
        Dialect(Warehouse.DATABRICKS, "Databricks", _back, backslashed_text, lambda _: "\nUSING DELTA"),
        Dialect(
            Warehouse.ATHENA,
            "Athena",
            _back,
            sql_text,
            lambda table: f"\nLOCATION 's3://BUCKET/warehouse/{table.name}/'\nTBLPROPERTIES ('table_type' = 'ICEBERG')",
        ),
    )
}
"""Every dialect."""
