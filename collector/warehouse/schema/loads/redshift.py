"""The load of Redshift. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import (
    EXTRA,
    INTEGER,
    LINES,
    UTC,
    ParsedLoad,
    is_configuration,
)


class RedshiftLoad(ParsedLoad):
    """COPY of each line into one SUPER, which needs no list of columns, and an INSERT from it."""

    dialect = DIALECTS[Warehouse.REDSHIFT]
    serialize = "JSON_SERIALIZE"
    parse = "JSON_PARSE"
    place = "s3://BUCKET/PATH/"
    starts = ("s3://",)
    notes = (
        "The cluster needs a default IAM role that reads the bucket; else name one: IAM_ROLE 'arn:…'.",
        "COPY refuses a line above 4 MB, and VARCHAR a text above 65,535 bytes or with a NUL character.",
        "SUPER keeps integers of up to 38 digits exactly.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The stage is a temporary table."""
        ending = {"gz": " GZIP", "zst": " ZSTD"}.get(file.rpartition(".")[2], "")
        return (
            f"DROP TABLE IF EXISTS {LINES};",
            f"CREATE TEMPORARY TABLE {LINES} (record SUPER);",
            f"COPY {LINES} FROM {self.dialect.literal(file)}\nIAM_ROLE DEFAULT FORMAT AS JSON 'noshred'{ending};",
        )

    def read(self, column: Column) -> str:
        """A member of the record."""
        value = f"line.record.{self.dialect.quote(column.name)}"
        match column.type:
            case ColumnType.BOOLEAN:
                return f"CAST({value} AS BOOLEAN)"
            case ColumnType.TEXTS:
                return value
            case ColumnType.JSON if is_configuration(column):
                return (
                    f"CASE JSON_TYPEOF({value}) WHEN 'string' THEN JSON_PARSE(CAST({value} AS VARCHAR(65535))) "
                    f"WHEN 'object' THEN {value} END"
                )
            case ColumnType.JSON:
                return value if column.name == EXTRA else f"CASE WHEN JSON_TYPEOF({value}) <> 'null' THEN {value} END"
        return f"CAST({value} AS VARCHAR(65535))"

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"CASE WHEN {raw} ~ '{UTC}' THEN TRY_CAST({raw} AS TIMESTAMPTZ) END"

    def integer(self, raw: str) -> str:
        """The form excludes decimals."""
        return f"CASE WHEN {raw} ~ '{INTEGER}' THEN TRY_CAST({raw} AS BIGINT) END"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the text of the object?"""
        return f"(COALESCE(JSON_EXTRACT_PATH_TEXT({extra}, '{name}', true), '') <> '')"

    def member(self, name: str, text: str) -> str:
        """`JSON_SERIALIZE` escapes the text."""
        return f"'\"{name}\":' || JSON_SERIALIZE(CAST({text} AS SUPER)) || ','"
