"""The load of Snowflake. Pure."""

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


class SnowflakeLoad(ParsedLoad):
    """A stage, a table of lines with one VARIANT, and an INSERT from it."""

    dialect = DIALECTS[Warehouse.SNOWFLAKE]
    serialize = "TO_JSON"
    parse = "PARSE_JSON"
    place = "/PATH/"
    starts = ("/",)
    notes = (
        "PUT runs in SnowSQL, the Snowflake CLI and the connectors, and needs an absolute path.",
        "VARIANT keeps integers of up to 38 digits exactly; a longer one becomes a double.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The file goes to a stage, and its lines into a temporary table."""
        stage = f"collector_stage_{table.name}"
        return (
            f"CREATE OR REPLACE TEMPORARY STAGE {stage};",
            f"PUT {self.dialect.literal(f'file://{file}')} @{stage} OVERWRITE = TRUE;",
            f"CREATE OR REPLACE TEMPORARY TABLE {LINES} (record VARIANT);",
            f"COPY INTO {LINES} FROM @{stage} FILE_FORMAT = (TYPE = JSON);",
        )

    def read(self, column: Column) -> str:
        """A member of the record. A JSON null becomes null."""
        value = f"line.record:{column.name}"
        match column.type:
            case ColumnType.BOOLEAN:
                return f"CAST({value} AS BOOLEAN)"
            case ColumnType.TEXTS:
                return f"CAST({value} AS ARRAY)"
            case ColumnType.JSON if is_configuration(column):
                return f"PARSE_JSON(CAST({value} AS VARCHAR))"  # the text, or the JSON of the object
            case ColumnType.JSON:
                return value if column.name == EXTRA else f"IFF(IS_NULL_VALUE({value}), NULL, {value})"
        return f"CAST({value} AS VARCHAR)"

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"IFF(REGEXP_LIKE({raw}, '{UTC}'), TRY_CAST({raw} AS TIMESTAMP_TZ(6)), NULL)"

    def integer(self, raw: str) -> str:
        """NUMBER(19,0) holds more than 64 bits."""
        number = f"TRY_CAST({raw} AS NUMBER(19,0))"
        bounds = "BETWEEN -9223372036854775808 AND 9223372036854775807"
        return f"IFF(REGEXP_LIKE({raw}, '{INTEGER}') AND {number} {bounds}, {number}, NULL)"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the text of the object?"""
        return f"(GET_PATH(PARSE_JSON({extra}), '{name}') IS NOT NULL)"

    def member(self, name: str, text: str) -> str:
        """`TO_JSON` escapes the text."""
        return f"'\"{name}\":' || TO_JSON(TO_VARIANT({text})) || ','"
