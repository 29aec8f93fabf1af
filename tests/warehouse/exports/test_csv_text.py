"""CSV that a strict reader reads back, value by value."""

from __future__ import annotations

import csv
import io
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json, Record
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType
from collector.warehouse.exports.csv_text import csv_lines
from collector.warehouse.fitting import fit
from tests.polytomic.test_normalize import connections
from tests.support.snapshots import odd_records, record_of

TABLE = TABLES[CONNECTIONS]
NAMES = [column.name for column in TABLE.columns]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
texts = st.text(st.sampled_from("=+-@\t\r\n'\",ab \0é") | st.characters(exclude_categories=["Cs"]), max_size=8)


def text_of(records: list[Record]) -> str:
    return b"".join(csv_lines(TABLE, deepcopy(records))).decode()


def read(text: str) -> list[dict[str, Json]]:
    """The rows as a loader types them, with the apostrophes of formulas removed."""
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == NAMES
    return [
        {column.name: _value(cell, column.type) for column, cell in zip(TABLE.columns, row, strict=True)}
        for row in rows
    ]


def _value(cell: str, kind: ColumnType) -> Json:
    if cell == "":
        return None  # the module csv cannot distinguish null and empty text
    match kind:
        case ColumnType.BOOLEAN:
            return {"true": True, "false": False}[cell]
        case ColumnType.BIGINT:
            return int(cell)
        case ColumnType.TEXTS | ColumnType.JSON:
            return json.loads(cell)
    return cell[1:] if re.match(r"'+[=+\-@\t\r\n]", cell) else cell


def expected(record: Record) -> dict[str, Any]:
    fitted = deepcopy(record)
    fit(TABLE, fitted)
    return {name: None if fitted[name] == "" else fitted[name] for name in NAMES}


@given(st.lists(connections, max_size=3))
def test_every_value_of_any_record_is_read_back(found: list[dict[str, Any]]) -> None:
    records = [record_of(connection, number) for number, connection in enumerate(found)]
    assert read(text_of(records)) == list(map(expected, records))


@given(st.lists(texts, min_size=1, max_size=5))
def test_any_text_is_read_back_and_never_begins_a_formula(values: list[str]) -> None:
    records = [{**record_of({}), "name": value} for value in values]
    text = text_of(records)
    assert [row["name"] or "" for row in read(text)] == values
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), strict=True) for cell in row]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]


def test_odd_values_are_read_back() -> None:
    records = odd_records()
    assert read(text_of(records)) == list(map(expected, records))


def test_null_is_an_empty_field_and_empty_text_is_quoted() -> None:
    record = record_of({"name": "", "status": None})
    columns = text_of([record]).splitlines()[1].split(",")
    assert columns[NAMES.index("name")] == '""'
    assert columns[NAMES.index("status")] == ""


def test_lines_end_in_crlf_and_there_is_no_byte_order_mark() -> None:
    text = text_of([record_of({"name": "é"})])
    assert text.startswith("id,name,")
    assert text.count("\r\n") == text.count("\n") == 2


def test_negative_numbers_are_numbers() -> None:
    assert ",-5," in text_of([record_of({"api_calls_last_24_hours": -5})])


def test_duckdb_reads_odd_values_and_distinguishes_null_from_empty_text(tmp_path: Path) -> None:
    records = [record for record in odd_records() if "\0" not in (record["name"] or "")]
    (tmp_path / "x.csv").write_bytes(text_of(records).encode())
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT * FROM read_csv(?, header = true, all_varchar = true, allow_quoted_nulls = false)",
            [str(tmp_path / "x.csv")],
        ).fetchall()
    found = [
        {c.name: _value(cell, c.type) if cell else cell for c, cell in zip(TABLE.columns, row, strict=True)}
        for row in rows
    ]
    fitted = deepcopy(records)
    for record in fitted:
        fit(TABLE, record)
    assert found == fitted
