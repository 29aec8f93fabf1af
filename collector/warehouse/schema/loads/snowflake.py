"""The load of Snowflake. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import EXTRA, INTEGER, LINES, UTC, Load, Misfit, is_configuration


class SnowflakeLoad(Load):
    """A stage, a table of lines with one VARIANT, and an INSERT from it."""

    dialect = DIALECTS[Warehouse.SNOWFLAKE]
    place = "/PATH/"
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
                return (
                    f"CASE TYPEOF({value}) WHEN 'VARCHAR' THEN PARSE_JSON(CAST({value} AS VARCHAR)) "
                    f"WHEN 'OBJECT' THEN {value} END"
                )
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

    def merged(self, extra: str, misfits: Sequence[Misfit]) -> str:
        """Insert one value after the other. OBJECT_INSERT omits a null; a value of `extra` replaces itself."""
        merged = f"CAST({extra} AS OBJECT)"
        for each in misfits:
            name = each.column.name
            value = f"PARSE_JSON({each.raw})" if each.column.type is ColumnType.BIGINT else f"TO_VARIANT({each.raw})"
            kept = f"COALESCE({extra}:{name}, IFF({each.condition}, {value}, NULL))"
            merged = f"OBJECT_INSERT({merged}, '{name}', {kept}, TRUE)"
        return f"TO_VARIANT({merged})" if misfits else extra
