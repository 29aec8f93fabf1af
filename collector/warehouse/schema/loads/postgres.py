"""The load of Postgres, for psql. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.dialects import DIALECTS, Warehouse, sql_text
from collector.warehouse.schema.loads.load import EXTRA, INTEGER, LINES, TIME, YEAR, Load, Misfit, is_configuration

_LEAP_YEAR: Final = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DAY: Final = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
VALID_UTC: Final = f"^({YEAR}-({_DAY})|{_LEAP_YEAR}-02-29){TIME}$"
"""A timestamp whose day exists. Before version 17, Postgres has no cast that returns null."""

_TIME: Final = f"""\
CREATE OR REPLACE FUNCTION pg_temp.collector_time(raw text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN raw ~ '{VALID_UTC}' THEN raw::timestamptz END
$$;"""

_JSON: Final = r"""CREATE OR REPLACE FUNCTION pg_temp.collector_json(raw text)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN strpos(raw, '\u0000') = 0 THEN raw
    ELSE regexp_replace(raw, '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g')
  END::jsonb
$$;"""


class PostgresLoad(Load):
    r"""A stage of lines, filled by `\copy`, which reads the file of the client."""

    dialect = DIALECTS[Warehouse.POSTGRES]
    first = (r"\set ON_ERROR_STOP on",)
    notes = (
        "Run it with psql -f. \\copy reads the file on this computer.",
        "jsonb and text refuse the NUL character: U+FFFD replaces it, and the last statement counts these lines.",
        "An escaped backslash before u0000 is not a NUL character and stays.",
    )

    def before(self, table: Table, file: str) -> Sequence[str]:
        """A temporary stage, and functions that end with the session."""
        return (
            "BEGIN;",
            f"LOCK TABLE {self.dialect.quote(table.name)} IN SHARE ROW EXCLUSIVE MODE;",  # another load waits
            _TIME,
            _JSON,
            f"CREATE TEMPORARY TABLE {LINES} (line text) ON COMMIT DROP;",
            rf"\copy {LINES} FROM {_input(file)} WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02', ENCODING 'UTF8')",
        )

    def after(self, table: Table) -> Sequence[str]:
        """Count the lines with NUL characters."""
        return (
            f"""\
SELECT count(*) AS "rows of {table.name} with NUL characters, replaced by U+FFFD" FROM {LINES}
WHERE strpos(line, '\\u0000') > 0 AND line ~ '(?<!\\\\)(\\\\\\\\)*\\\\u0000';""",
            "COMMIT;",
        )

    def source(self, table: Table, file: str) -> str:
        """The lines as JSON, each parsed once: OFFSET 0 keeps the planner from parsing them for every column."""
        return f"(SELECT pg_temp.collector_json(line) AS record FROM {LINES} OFFSET 0) AS line"

    def read(self, column: Column) -> str:
        """A member of the record."""
        name = sql_text(column.name)
        if column.type is ColumnType.JSON:
            return _json(f"line.record -> {name}", f"line.record ->> {name}", column)
        if column.type is ColumnType.TEXTS:
            return f"ARRAY(SELECT JSONB_ARRAY_ELEMENTS_TEXT(line.record -> {name}))"
        text = f"line.record ->> {name}"
        return f"CAST({text} AS boolean)" if column.type is ColumnType.BOOLEAN else text

    def timestamp(self, raw: str) -> str:
        """The session's time zone does not matter: the text has a Z."""
        return f"pg_temp.collector_time({raw})"

    def integer(self, raw: str) -> str:
        """A number of any size fits `numeric`."""
        bounds = "BETWEEN -9223372036854775808 AND 9223372036854775807"
        return (
            f"CASE WHEN {raw} ~ '{INTEGER}' THEN CASE WHEN CAST({raw} AS numeric) {bounds} "
            f"THEN CAST({raw} AS bigint) END END"
        )

    def merged(self, extra: str, misfits: Sequence[Misfit]) -> str:
        """The right operand wins."""
        objects = [
            f"CASE WHEN {each.condition} THEN JSONB_BUILD_OBJECT('{each.column.name}', {_value(each)}) "
            "ELSE '{}'::jsonb END"
            for each in misfits
        ]
        return " || ".join([*objects, extra])


def _value(misfit: Misfit) -> str:
    return f"CAST({misfit.raw} AS numeric)" if misfit.column.type is ColumnType.BIGINT else misfit.raw


def _json(value: str, text: str, column: Column) -> str:
    if is_configuration(column):
        return (
            f"CASE JSONB_TYPEOF({value}) WHEN 'string' THEN pg_temp.collector_json({text}) "
            f"WHEN 'object' THEN {value} END"
        )
    return value if column.name == EXTRA else f"NULLIF({value}, 'null'::jsonb)"


def _input(file: str) -> str:
    """The file, or the program that decompresses it."""
    for ending, program in ((".gz", "gzip"), (".zst", "zstd")):
        if file.endswith(ending):
            return f"PROGRAM {sql_text(f'{program} -dcq {shlex.quote(_not_an_option(file))}')}"
    return sql_text(file)


def _not_an_option(file: str) -> str:
    return f"./{file}" if file.startswith("-") else file
