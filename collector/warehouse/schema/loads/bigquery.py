"""The load of BigQuery. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import INTEGER, LINES, UTC, TextLoad, is_configuration


class BigqueryLoad(TextLoad):
    """LOAD DATA of each line as one text, in a table that the next load overwrites."""

    dialect = DIALECTS[Warehouse.BIGQUERY]
    place = "gs://BUCKET/PATH/"
    starts = ("gs://",)
    notes = (
        "Run it in a session with a default dataset, or put the dataset before each name of a table.",
        "The path may be a pattern. .gz is read too.",
        "JSON rounds numbers that neither 64 bits nor a double hold exactly.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The delimiter is a control character, which never occurs in a line."""
        options = "format = 'CSV', field_delimiter = '\\x01', quote = '', encoding = 'UTF-8'"
        return (
            f"LOAD DATA OVERWRITE `{LINES}` (line STRING)\n"
            f"FROM FILES ({options}, uris = [{self.dialect.literal(file)}]);",
        )

    def read(self, column: Column) -> str:
        """A member of the line."""
        path = f"'$.{column.name}'"
        match column.type:
            case ColumnType.BOOLEAN:
                return f"SAFE_CAST(JSON_VALUE(line.line, {path}) AS BOOL)"
            case ColumnType.TEXTS:
                return f"JSON_VALUE_ARRAY(line.line, {path})"
            case ColumnType.JSON:
                value = f"NULLIF(JSON_QUERY(line.line, {path}), 'null')"
                return f"COALESCE(JSON_VALUE(line.line, {path}), {value})" if is_configuration(column) else value
        return f"JSON_VALUE(line.line, {path})"

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"IF(REGEXP_CONTAINS({raw}, r'{UTC}'), SAFE_CAST({raw} AS TIMESTAMP), NULL)"

    def integer(self, raw: str) -> str:
        """The form excludes hexadecimal digits."""
        return f"IF(REGEXP_CONTAINS({raw}, r'{INTEGER}'), SAFE_CAST({raw} AS INT64), NULL)"

    def json(self, column: Column, raw: str) -> str:
        """Without the mode, a number that JSON cannot hold exactly would be an error."""
        return f"PARSE_JSON({raw}, wide_number_mode => 'round')"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the object?"""
        return f"(JSON_QUERY({extra}, '$.{name}') IS NOT NULL)"

    def member(self, name: str, text: str) -> str:
        """`TO_JSON_STRING` escapes the text."""
        return f"'\"{name}\":' || TO_JSON_STRING({text}) || ','"
