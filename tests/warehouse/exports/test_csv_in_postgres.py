"""Postgres reads an exported CSV file through psql, and holds every value of the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.model.record import Json, Record
from collector.snapshot.lines import encode
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType
from collector.warehouse.exports.csv_text import csv_lines
from tests.support.postgres import Server, postgres_server
from tests.support.snapshots import odd_records, record_of
from tests.support.typed_rows import assert_same, by_key, expected_rows, parse

TABLE = TABLES[CONNECTIONS]
TYPES = {
    ColumnType.TEXT: "text",
    ColumnType.TIMESTAMP: "text",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.BIGINT: "bigint",
    ColumnType.TEXTS: "json",
    ColumnType.JSON: "json",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running


def copy(server: Server, records: list[Record], folder: Path) -> list[dict[str, Json]]:
    """The rows that Postgres holds, with the apostrophes of formulas removed as the guide says."""
    (folder / "c.csv").write_bytes(b"".join(csv_lines(TABLE, records)))
    names = [f'"{column.name}"' for column in TABLE.columns]
    types = [f"{name} {TYPES[column.type]}" for name, column in zip(names, TABLE.columns, strict=True)]
    server.psql(
        f"SET client_min_messages = error; DROP TABLE IF EXISTS c; CREATE TABLE c ({', '.join(types)});\n"
        "\\copy c FROM 'c.csv' WITH (FORMAT csv, HEADER true)\n",
        cwd=folder,
    )
    plain = [
        f"regexp_replace({name}, E'^\\'(?=\\'*[=+@\\t\\r\\n-])', '') AS {name}"
        if column.type is ColumnType.TEXT
        else name
        for name, column in zip(names, TABLE.columns, strict=True)
    ]
    query = f"SELECT row_to_json(each) FROM (SELECT {', '.join(plain)} FROM c) AS each"
    text = server.psql(f"COPY ({query}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")
    return [parse(line) for line in text.split("\n") if line]


def test_every_odd_value_arrives_except_nul_characters(server: Server, tmp_path: Path) -> None:
    records = [record for record in odd_records() if b"\\u0000" not in encode(record)]
    expected = expected_rows(TABLE, b"".join(map(encode, records)))
    assert_same(by_key(TABLE, copy(server, records, tmp_path)), expected)


def test_null_and_empty_text_stay_distinct(server: Server, tmp_path: Path) -> None:
    rows = copy(server, [record_of({"name": ""}), record_of({"name": None}, 1)], tmp_path)
    assert [row["name"] for row in rows] == ["", None]


def test_a_line_of_backslash_and_dot_is_refused_or_arrives(server: Server, tmp_path: Path) -> None:
    """Postgres before version 18 takes it for the end of the file, and loads no row."""
    records = [record_of({"name": "usual"}), record_of({"name": "a\n\\.\nb"}, 1)]
    if int(server.psql("SHOW server_version_num")) < 180000:
        with pytest.raises(AssertionError, match="unterminated CSV quoted field"):
            copy(server, records, tmp_path)
        assert server.psql("SELECT count(*) FROM c").strip() == "0"
    else:
        assert [row["name"] for row in copy(server, records, tmp_path)] == ["usual", "a\n\\.\nb"]
