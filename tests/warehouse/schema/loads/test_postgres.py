"""A Postgres server runs the printed script through psql and holds every value of the file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.record_form import ConfigurationAs
from collector.model.timestamps import is_utc
from collector.warehouse.columns import CONNECTIONS, TABLES, Column, ColumnType, Table
from collector.warehouse.schema.formats import SchemaFormat, schema_text
from tests.support.odd_records import TIMES, as_lines, big_record, compressed, odd_records, odd_rows, sandbox_records
from tests.support.postgres import Server, postgres_server
from tests.support.random_rows import rows
from tests.support.typed_rows import Rows, assert_same, by_key, expected_rows, parse

CONNECTION = TABLES[CONNECTIONS]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server without tables."""
    running.psql("SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    return running


def load(server: Server, table: Table, file: Path) -> str:
    return server.psql(schema_text(SchemaFormat.POSTGRES, table.name, file.name), cwd=file.parent)


def rows_of(server: Server, table: Table) -> Rows:
    """The rows as JSON, copied: in the results of queries, psql omits code points such as U+2FFFE."""
    query = (
        f'SELECT row_to_json(each) FROM (SELECT {", ".join(map(_column, table.columns))} FROM "{table.name}") AS each'
    )
    text = server.psql(f"COPY ({query}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")
    return by_key(table, [parse(line) for line in text.split("\n") if line])


def _column(column: Column) -> str:
    if column.type is not ColumnType.TIMESTAMP:
        return f'"{column.name}"'
    form = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    return f"to_char(\"{column.name}\" AT TIME ZONE 'UTC', '{form}') AS \"{column.name}\""


def write(folder: Path, lines: bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(lines)
    return path


@pytest.mark.parametrize("form", list(ConfigurationAs))
def test_every_value_of_5000_connections_and_of_odd_ones_arrives(
    form: ConfigurationAs, server: Server, tmp_path: Path
) -> None:
    lines = as_lines([*odd_records(), *sandbox_records(5000), big_record()], form)
    load(server, CONNECTION, write(tmp_path, lines))
    assert_same(rows_of(server, CONNECTION), expected_rows(CONNECTION, lines, has_nul=False))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_odd_value_of_every_table_arrives(table: Table, server: Server, tmp_path: Path) -> None:
    lines = as_lines(odd_rows(table))
    load(server, table, write(tmp_path, lines))
    assert_same(rows_of(server, table), expected_rows(table, lines, has_nul=False))


def test_rows_with_nul_characters_are_counted_but_not_those_with_an_escaped_backslash(
    server: Server, tmp_path: Path
) -> None:
    first, *others = [{**record, "name": "usual"} for record in sandbox_records(10)]
    with_nul = [{**first, "id": f"00000000-0000-4000-8000-00000000000{at}"} for at in range(3)]
    with_nul[0]["name"], with_nul[1]["extra"], with_nul[2]["name"] = "a\0b\0", {"\\\0": 1}, "\\\\\0"
    first["name"] = "\\u0000 \\\\u0000"
    counted = load(server, CONNECTION, write(tmp_path, as_lines([first, *others, *with_nul])))
    assert counted.split() == ["3"]


def test_a_file_that_is_loaded_again_adds_no_row_and_another_run_adds_its_rows(server: Server, tmp_path: Path) -> None:
    monday, tuesday = as_lines(odd_records("monday")), as_lines(odd_records("tuesday"))
    for night in (monday, monday, tuesday, monday):
        load(server, CONNECTION, write(tmp_path, night))
    assert_same(rows_of(server, CONNECTION), expected_rows(CONNECTION, monday + tuesday, has_nul=False))


def test_a_damaged_line_leaves_the_table_as_it_was(server: Server, tmp_path: Path) -> None:
    monday, tuesday = as_lines(odd_records("monday")), as_lines(odd_records("tuesday"))
    load(server, CONNECTION, write(tmp_path, monday))
    with pytest.raises(AssertionError, match="invalid input syntax for type json"):
        load(server, CONNECTION, write(tmp_path, tuesday[:-100]))
    assert_same(rows_of(server, CONNECTION), expected_rows(CONNECTION, monday, has_nul=False))


@pytest.mark.parametrize(
    "name",
    [
        "it's; DROP TABLE x --.jsonl",
        "\\t $HOME `id` %s.jsonl",
        "-o 'x' \"y\".jsonl.gz",
        "~.jsonl",
        "é.jsonl",
        "it's.jsonl.zst",
    ],
)
def test_a_path_with_odd_characters_is_read(name: str, server: Server, tmp_path: Path) -> None:
    lines = as_lines(odd_records())
    load(server, CONNECTION, write(tmp_path, compressed(lines, name), name))
    assert len(rows_of(server, CONNECTION)) == len(lines.splitlines())


def test_the_time_zone_of_the_session_changes_no_timestamp(server: Server, tmp_path: Path) -> None:
    lines = as_lines(odd_records())
    script = "SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German';\n" + schema_text(
        SchemaFormat.POSTGRES, CONNECTIONS, "rows.jsonl"
    )
    server.psql(script, cwd=write(tmp_path, lines).parent)
    assert_same(rows_of(server, CONNECTION), expected_rows(CONNECTION, lines, has_nul=False))


def test_the_odd_timestamps_contain_those_that_fit_and_those_that_do_not() -> None:
    assert {is_utc(text) for text in TIMES} == {True, False}


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_value_of_random_rows_arrives(running: Server, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(list(TABLES.values())))
    lines = as_lines(data.draw(rows(table)))
    running.psql(f'SET client_min_messages = error; DROP TABLE IF EXISTS "{table.name}"')
    with TemporaryDirectory() as folder:
        load(running, table, write(Path(folder), lines))
    assert_same(rows_of(running, table), expected_rows(table, lines, has_nul=False))


def test_a_row_of_each_organization_stays_if_both_have_its_id(server: Server, tmp_path: Path) -> None:
    [first, *_] = sandbox_records(1)
    for name in ("emea", "apac", None, "emea", None):
        load(server, CONNECTION, write(tmp_path, as_lines([{**first, "organization_id": name}])))
    assert server.psql("SELECT count(*), count(DISTINCT id) FROM connections").split() == ["3|1"]


def test_the_query_in_the_header_finds_the_newest_run_of_each_organization(server: Server, tmp_path: Path) -> None:
    [first, *_] = sandbox_records(1)
    runs = [("emea", "monday"), ("apac", "monday"), ("emea", "tuesday")]
    load(
        server,
        CONNECTION,
        write(tmp_path, as_lines([{**first, "organization_id": name, "_run_id": run} for name, run in runs])),
    )
    comment = schema_text(SchemaFormat.POSTGRES, CONNECTIONS).partition("\n\n")[0].replace("\n-- ", " ")
    query = comment[comment.index("SELECT * FROM (") : comment.index("_run_id = newest.")] + "_run_id = newest"
    found = server.psql(f"SELECT organization_id, _run_id FROM ({query.replace('the table', 'connections')}) AS x")
    assert sorted(found.split()) == ["apac|monday", "emea|tuesday"]


@pytest.mark.parametrize("name", ["missing.jsonl", "damaged.jsonl", "missing.jsonl.gz"])
def test_psql_without_options_ends_with_an_error_if_the_file_cannot_be_loaded(
    name: str, server: Server, tmp_path: Path
) -> None:
    write(tmp_path, as_lines(odd_records())[:-100], "damaged.jsonl")
    text = schema_text(SchemaFormat.POSTGRES, CONNECTIONS, name)
    done = subprocess.run(
        ["psql", "-X", server.url], input=text, cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert server.psql("SELECT count(*) FROM connections").split() == ["0"]


def test_two_loads_of_a_file_at_once_add_each_row_once(server: Server, tmp_path: Path) -> None:
    lines = as_lines(sandbox_records(2000))
    text = schema_text(SchemaFormat.POSTGRES, CONNECTIONS, write(tmp_path, lines).name)
    server.psql(text.partition("BEGIN;")[0])
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: server.psql(text, cwd=tmp_path), range(3)))
    assert server.psql("SELECT count(*) FROM connections").split() == ["2000"]
