"""The load of DuckDB. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import EXTRA, INTEGER, UTC, TextLoad, is_configuration, wrapped


class DuckdbLoad(TextLoad):
    """`read_json` with the type of every column, so that no type depends on the data."""

    dialect = DIALECTS[Warehouse.DUCKDB]
    notes = (
        "The path may be a pattern, such as 'dt=*/connections.jsonl'. .gz and .zst are read too.",
        "A line above 16 MiB needs the option maximum_object_size of read_json.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The file is read in place."""
        return ()

    def source(self, table: Table, file: str) -> str:
        """The columns as text or JSON."""
        columns = wrapped(", ".join(f"{column.name}:'{_read_type(column)}'" for column in table.columns))
        options = "format = 'newline_delimited', hive_partitioning = false"
        return f"read_json({self.dialect.literal(file)}, {options}, columns = {{\n{columns}\n    }}) AS line"

    def read(self, column: Column) -> str:
        """The column. A configuration that is text becomes the JSON in it."""
        value = f"line.{self.dialect.quote(column.name)}"
        if is_configuration(column):
            return f"CASE JSON_TYPE({value}) WHEN 'VARCHAR' THEN CAST({value} ->> '$' AS JSON) ELSE {value} END"
        return f"CAST({value} AS VARCHAR)" if column.name == EXTRA else value

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"CASE WHEN REGEXP_MATCHES({raw}, '{UTC}') THEN TRY_CAST({raw} AS TIMESTAMPTZ) END"

    def integer(self, raw: str) -> str:
        """The form excludes decimals, which a cast would round."""
        return f"CASE WHEN REGEXP_MATCHES({raw}, '{INTEGER}') THEN TRY_CAST({raw} AS BIGINT) END"

    def json(self, column: Column, raw: str) -> str:
        """Only `extra` is text here."""
        return f"CAST({raw} AS JSON)" if column.name == EXTRA else raw

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the object?"""
        return f"LIST_CONTAINS(JSON_KEYS({extra}), '{name}')"

    def member(self, name: str, text: str) -> str:
        """`to_json` escapes the text."""
        return f"'\"{name}\":' || TO_JSON({text}) || ','"


def _read_type(column: Column) -> str:
    match column.type:
        case ColumnType.BOOLEAN:
            return "BOOLEAN"
        case ColumnType.TEXTS:
            return "VARCHAR[]"
        case ColumnType.JSON:
            return "JSON"
    return "VARCHAR"
