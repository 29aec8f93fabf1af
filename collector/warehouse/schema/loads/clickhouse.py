"""The load of ClickHouse. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse
from collector.warehouse.schema.loads.load import INTEGER, ORGANIZATION, RUN, UTC, TextLoad, wrapped


class ClickhouseLoad(TextLoad):
    """The table function `file`, with JSON as text, which keeps every integer and every key."""

    dialect = DIALECTS[Warehouse.CLICKHOUSE]
    notes = (
        "A server reads the path below its user_files_path; clickhouse-local below the current folder.",
        "The path may be a pattern. .gz and .zst are read too. JSON is text: JSONExtractString(configuration, 'host').",
        "A DateTime64 of older servers holds the years 1900 to 2299; another year does not fit.",
    )
    settings = (
        "\nSETTINGS input_format_json_read_objects_as_strings = 1, input_format_json_read_arrays_as_strings = 1,\n"
        "  input_format_json_read_numbers_as_strings = 1, input_format_null_as_default = 0,\n"
        "  input_format_skip_unknown_fields = 1, prefer_column_name_to_alias = 1"
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """The file is read in place."""
        return ()

    def source(self, table: Table, file: str) -> str:
        """The columns as text."""
        columns = wrapped(
            ", ".join(f"{self.dialect.quote(column.name)} {_read_type(column)}" for column in table.columns)
        )
        return f"file({self.dialect.literal(file)}, 'JSONEachRow', $$\n{columns}\n    $$) AS line"

    def read(self, column: Column) -> str:
        """The column."""
        return f"line.{self.dialect.quote(column.name)}"

    def timestamp(self, raw: str) -> str:
        """The formatted result must be the text again: the parser accepts days that do not exist."""
        parsed = f"parseDateTime64BestEffortOrNull({raw}, 6, 'UTC')"
        return (
            f"if(match({raw}, '{UTC}') AND formatDateTime({parsed}, '%Y-%m-%dT%H:%i:%S.%fZ') = {raw}, {parsed}, NULL)"
        )

    def integer(self, raw: str) -> str:
        """`toInt64OrNull` refuses other sizes."""
        return f"if(match({raw}, '{INTEGER}'), toInt64OrNull({raw}), NULL)"

    def has_key(self, extra: str, name: str) -> str:
        """Is the key in the object?"""
        return f"JSONHas({extra}, '{name}')"

    def member(self, name: str, text: str) -> str:
        """`toJSONString` escapes the text."""
        return f"'\"{name}\":' || toJSONString({text}) || ','"

    def without_last_comma(self, text: str) -> str:
        """`replaceRegexpOne` replaces the first match, which is at the end."""
        return f"replaceRegexpOne({text}, ',}}$', '}}')"

    def is_new(self, table: Table) -> str:
        """Without a correlated subquery."""
        names = [self.dialect.quote(name) for name in (*table.key, RUN)]
        organization = self.dialect.quote(ORGANIZATION)
        typed = [*(f"typed.{name}" for name in names), f"COALESCE(typed.{organization}, '')"]
        loaded = [*(f"loaded.{name}" for name in names), f"COALESCE(loaded.{organization}, '')"]
        rows = f"SELECT {', '.join(loaded)} FROM {self.dialect.quote(table.name)} AS loaded"
        return f"({', '.join(typed)}) NOT IN (\n  {rows}\n)"


def _read_type(column: Column) -> str:
    match column.type:
        case ColumnType.BOOLEAN:
            return "Nullable(Bool)"
        case ColumnType.TEXTS:
            return "Array(String)"
    return "Nullable(String)" if column.is_nullable or column.type is ColumnType.TIMESTAMP else "String"
