"""The load of Databricks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import INTEGER, UTC, TextLoad


class DatabricksLoad(TextLoad):
    """`read_files` of each line as one text. JSON stays text, which keeps every integer."""

    dialect = DIALECTS[Warehouse.DATABRICKS]
    place = "s3://BUCKET/PATH/"
    starts = ("/", "s3://", "gs://", "abfss://", "dbfs:/")
    notes = (
        "A volume works too: /Volumes/CATALOG/SCHEMA/VOLUME/connections.jsonl. The path may be a pattern.",
        "JSON is text; a colon reads it: configuration:host. .gz is read too.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The file is read in place."""
        return ()

    def source(self, table: Table, file: str) -> str:
        """The lines, in the column `value`."""
        return f"READ_FILES({self.dialect.literal(file)}, format => 'text') AS line"

    def read(self, column: Column) -> str:
        """A member of the line. JSON that is text in the line is unescaped."""
        value = f"GET_JSON_OBJECT(line.value, '$.{column.name}')"
        match column.type:
            case ColumnType.BOOLEAN:
                return f"CAST({value} AS BOOLEAN)"
            case ColumnType.TEXTS:
                return f"FROM_JSON({value}, 'ARRAY<STRING>')"
        return value

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"CASE WHEN {raw} RLIKE '{UTC}' THEN TRY_CAST({raw} AS TIMESTAMP) END"

    def integer(self, raw: str) -> str:
        """The form excludes decimals."""
        return f"CASE WHEN {raw} RLIKE '{INTEGER}' THEN TRY_CAST({raw} AS BIGINT) END"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the object?"""
        return f"(GET_JSON_OBJECT({extra}, '$.{name}') IS NOT NULL)"

    def member(self, name: str, text: str) -> str:
        """`TO_JSON` escapes the text in an object, whose braces are removed."""
        value = f"TO_JSON(NAMED_STRUCT('{name}', {text}))"
        return f"SUBSTR({value}, 2, LENGTH({value}) - 2) || ','"
