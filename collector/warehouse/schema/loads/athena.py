"""The load of Athena. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import INTEGER, LINES, UTC, TextLoad, is_configuration


class AthenaLoad(TextLoad):
    """An external table over the folder of the file, with one text for each line, and an INSERT from it.

    Athena has two languages: names are quoted with backticks in definitions, and with double quotes in queries.
    """

    dialect = DIALECTS[Warehouse.ATHENA]
    place = "s3://BUCKET/PATH/"
    starts = ("s3://",)
    notes = (
        "Athena runs one statement at a time. The location of the stage is the folder of the file. .gz and .zst work.",
        "Timestamps are in UTC. JSON is text: json_extract_scalar(configuration, '$.host').",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The delimiter is a control character, which never occurs in a line."""
        lines = f"{LINES}_{table.name}"
        folder = self.dialect.literal(file.rpartition("/")[0] + "/")
        return (
            f"DROP TABLE IF EXISTS `{lines}`;",
            f"CREATE EXTERNAL TABLE `{lines}` (`line` string)\n"
            f"ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001'\nLOCATION {folder};",
        )

    def source(self, table: Table, file: str) -> str:
        """The lines of the file, not of other files in its folder."""
        return f'(SELECT line FROM "{LINES}_{table.name}" WHERE "$path" = {self.dialect.literal(file)}) AS line'

    def read(self, column: Column) -> str:
        """A member of the line."""
        path = f"'$.{column.name}'"
        scalar = f"JSON_EXTRACT_SCALAR(line.line, {path})"
        match column.type:
            case ColumnType.BOOLEAN:
                return f"CAST({scalar} AS BOOLEAN)"
            case ColumnType.TEXTS:
                return f"CAST(JSON_EXTRACT(line.line, {path}) AS ARRAY(VARCHAR))"
            case ColumnType.JSON:
                value = f"NULLIF(JSON_FORMAT(JSON_EXTRACT(line.line, {path})), 'null')"
                return f"COALESCE({scalar}, {value})" if is_configuration(column) else value
        return scalar

    def timestamp(self, raw: str) -> str:
        """The column has no time zone, so the text is cast without its Z."""
        text = f"SUBSTR(REPLACE({raw}, 'T', ' '), 1, 26)"
        return f"CASE WHEN REGEXP_LIKE({raw}, '{UTC}') THEN TRY_CAST({text} AS TIMESTAMP(6)) END"

    def integer(self, raw: str) -> str:
        """The form excludes decimals."""
        return f"CASE WHEN REGEXP_LIKE({raw}, '{INTEGER}') THEN TRY_CAST({raw} AS BIGINT) END"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the object?"""
        return f"(JSON_EXTRACT({extra}, '$.{name}') IS NOT NULL)"

    def member(self, name: str, text: str) -> str:
        """A text cast to JSON is escaped."""
        return f"'\"{name}\":' || JSON_FORMAT(CAST({text} AS JSON)) || ','"

    def _quoted(self, name: str) -> str:
        return f'"{name}"'
