"""ClickHouse, in a process of its own environment, runs the printed script and holds every value of the file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collector.model.record_form import ConfigurationAs
from collector.warehouse.columns import CONNECTIONS, TABLES, Column, ColumnType, Table
from collector.warehouse.schema.formats import SchemaFormat, schema_text
from tests.support.odd_records import as_lines, big_record, odd_records, odd_rows, sandbox_records
from tests.support.typed_rows import assert_same, by_key, expected_rows, parse, parse_json_columns

pytestmark = pytest.mark.engines

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv/engine-chdb/bin/python"


def require_same(table: Table, folder: Path, *nights: bytes) -> None:
    """Load the nights one after the other and compare the table with the lines of all distinct ones."""
    scripts = [script(table, folder / f"{at}.jsonl", lines) for at, lines in enumerate(nights)]
    (folder / "load.sql").write_text(";\n".join(scripts))
    (folder / "query.sql").write_text(query(table))
    done = subprocess.run(
        [PYTHON, ROOT / "tests/support/run_chdb.py", "load.sql", "query.sql", "database"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = [parse_json_columns(table, parse(line)) for line in done.stdout.split(b"\n") if line]
    assert_same(by_key(table, rows), expected_rows(table, b"".join(dict.fromkeys(nights))))


def script(table: Table, path: Path, lines: bytes) -> str:
    path.write_bytes(lines)
    return schema_text(SchemaFormat.CLICKHOUSE, table.name, str(path))


def query(table: Table) -> str:
    columns = ", ".join(map(_column, table.columns))
    return f"SELECT {columns} FROM `{table.name}` SETTINGS output_format_json_quote_64bit_integers = 0"


def _column(column: Column) -> str:
    if column.type is not ColumnType.TIMESTAMP:
        return f"`{column.name}`"
    return f"formatDateTime(`{column.name}`, '%Y-%m-%dT%H:%i:%S.%fZ') AS `{column.name}`"


@pytest.mark.parametrize("form", list(ConfigurationAs))
def test_every_value_of_5000_connections_and_of_odd_ones_arrives(form: ConfigurationAs, tmp_path: Path) -> None:
    lines = as_lines([*odd_records(), *sandbox_records(5000), big_record()], form)
    require_same(TABLES[CONNECTIONS], tmp_path, lines)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_odd_value_of_every_table_arrives(table: Table, tmp_path: Path) -> None:
    require_same(table, tmp_path, as_lines(odd_rows(table)))


def test_a_file_that_is_loaded_again_adds_no_row_and_another_run_adds_its_rows(tmp_path: Path) -> None:
    monday, tuesday = as_lines(odd_records("monday")), as_lines(odd_records("tuesday"))
    require_same(TABLES[CONNECTIONS], tmp_path, monday, monday, tuesday, monday)


def test_a_path_with_quotes_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "it's \\ a folder; --"
    folder.mkdir()
    require_same(TABLES[CONNECTIONS], folder, as_lines(odd_records()))
