"""DuckDB runs the printed script and holds every value of the file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.record_form import ConfigurationAs
from collector.warehouse.columns import CONNECTIONS, TABLES, Column, ColumnType, Table
from collector.warehouse.schema.formats import SchemaFormat, schema_text
from tests.support.odd_records import as_lines, big_record, compressed, odd_records, odd_rows, sandbox_records
from tests.support.random_rows import rows
from tests.support.typed_rows import Rows, assert_same, by_key, expected_rows, parse_json_columns

CONNECTION = TABLES[CONNECTIONS]


def load(database: duckdb.DuckDBPyConnection, table: Table, file: Path) -> None:
    database.execute(schema_text(SchemaFormat.DUCKDB, table.name, str(file)))


def rows_of(database: duckdb.DuckDBPyConnection, table: Table) -> Rows:
    names = [column.name for column in table.columns]
    database.execute(f'SELECT {", ".join(map(_text, table.columns))} FROM "{table.name}"')
    return by_key(table, [parse_json_columns(table, dict(zip(names, row, strict=True))) for row in database.fetchall()])


def _text(column: Column) -> str:
    if column.type is ColumnType.TIMESTAMP:
        return f"strftime(\"{column.name}\" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f'"{column.name}"'


def write(folder: Path, lines: bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(lines)
    return path


@pytest.mark.parametrize("form", list(ConfigurationAs))
def test_every_value_of_5000_connections_and_of_odd_ones_arrives(form: ConfigurationAs, tmp_path: Path) -> None:
    lines = as_lines([*odd_records(), *sandbox_records(5000), big_record()], form)
    with duckdb.connect() as database:
        load(database, CONNECTION, write(tmp_path, lines))
        assert_same(rows_of(database, CONNECTION), expected_rows(CONNECTION, lines))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_odd_value_of_every_table_arrives(table: Table, tmp_path: Path) -> None:
    lines = as_lines(odd_rows(table))
    with duckdb.connect() as database:
        load(database, table, write(tmp_path, lines))
        assert_same(rows_of(database, table), expected_rows(table, lines))


def test_a_file_that_is_loaded_again_adds_no_row_and_another_run_adds_its_rows(tmp_path: Path) -> None:
    monday, tuesday = as_lines(odd_records("monday")), as_lines(odd_records("tuesday"))
    with duckdb.connect() as database:
        for night in (monday, monday, tuesday, monday):
            load(database, CONNECTION, write(tmp_path, night))
        assert_same(rows_of(database, CONNECTION), expected_rows(CONNECTION, monday + tuesday))


def test_a_row_of_each_organization_stays_if_both_have_its_id(tmp_path: Path) -> None:
    [first, *_] = sandbox_records(1)
    with duckdb.connect() as database:
        for name in ("emea", "apac", None, "emea", None):
            load(database, CONNECTION, write(tmp_path, as_lines([{**first, "organization_id": name}])))
        assert database.execute("SELECT count(*), count(DISTINCT id) FROM connections").fetchall() == [(3, 1)]


def test_a_path_with_quotes_is_read(tmp_path: Path) -> None:
    lines = as_lines(odd_records())
    with duckdb.connect() as database:
        load(database, CONNECTION, write(tmp_path, lines, "it's; DROP TABLE x --.jsonl"))
        assert len(rows_of(database, CONNECTION)) == len(lines.splitlines())


def test_the_time_zone_of_the_session_changes_no_timestamp(tmp_path: Path) -> None:
    lines = as_lines(odd_records())
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'Asia/Kolkata'")
        load(database, CONNECTION, write(tmp_path, lines))
        assert_same(rows_of(database, CONNECTION), expected_rows(CONNECTION, lines))


@pytest.mark.parametrize("name", ["c.jsonl.gz", "c.jsonl.zst"])
def test_a_compressed_file_is_read(name: str, tmp_path: Path) -> None:
    lines = as_lines(odd_records())
    with duckdb.connect() as database:
        load(database, CONNECTION, write(tmp_path, compressed(lines, name), name))
        assert len(rows_of(database, CONNECTION)) == len(lines.splitlines())


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_value_of_random_rows_arrives(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(list(TABLES.values())))
    lines = as_lines(data.draw(rows(table)))
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        load(database, table, write(Path(folder), lines))
        assert_same(rows_of(database, table), expected_rows(table, lines))
