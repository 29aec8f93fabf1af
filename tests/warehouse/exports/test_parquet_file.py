"""Parquet that pyarrow and DuckDB read back, value by value."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collector.model.errors import OutputError
from collector.model.record import Json, Record
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType, Table
from collector.warehouse.exports import parquet_file
from collector.warehouse.exports.parquet_file import write_parquet
from collector.warehouse.fitting import fit
from collector.warehouse.schema.arrow_schema import arrow_schema
from tests.support.snapshots import odd_records, record_of

TABLE = TABLES[CONNECTIONS]


def write(records: list[dict[str, Json]], table: Table = TABLE, **options: Any) -> bytes:
    out = io.BytesIO()
    write_parquet(table, deepcopy(records), out.write, {"collector.run_id": "run-1"}, **options)
    return out.getvalue()


def as_json(row: dict[str, Any], table: Table = TABLE) -> dict[str, Json]:
    """A row as read from a typed file, in the form of a record."""
    found = dict(row)
    for column in table.columns:
        value = found[column.name]
        if value is not None and column.type is ColumnType.JSON:
            found[column.name] = json.loads(value)
        elif isinstance(value, datetime):
            found[column.name] = f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    return found


def fitted(record: Record) -> Record:
    found = deepcopy(record)
    fit(TABLE, found)
    return found


def test_pyarrow_reads_every_value_of_odd_records() -> None:
    records = odd_records()
    found = pq.read_table(io.BytesIO(write(records))).to_pylist()
    assert list(map(as_json, found)) == list(map(fitted, records))


def test_duckdb_reads_every_value_of_odd_records(tmp_path: Path) -> None:
    records = odd_records()
    (tmp_path / "x.parquet").write_bytes(write(records))
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        cursor = database.execute("SELECT * FROM read_parquet(?) ORDER BY id", [str(tmp_path / "x.parquet")])
        names = [each[0] for each in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        types = dict(
            database.execute(
                "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(?))",
                [str(tmp_path / "x.parquet")],
            ).fetchall()
        )
    assert list(map(as_json, found)) == list(map(fitted, records))
    assert {types[name] for name in TABLE.names_of(ColumnType.JSON)} == {"JSON"}


def test_json_columns_have_the_logical_type_json_and_the_file_names_its_run() -> None:
    file = pq.ParquetFile(io.BytesIO(write(odd_records())))
    logical = {file.schema.column(index).path: str(file.schema.column(index).logical_type) for index in range(25)}
    assert [logical[name] for name in TABLE.names_of(ColumnType.JSON)] == ["JSON"] * 3
    assert file.metadata.metadata[b"collector.run_id"] == b"run-1"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_an_empty_table_is_a_file_with_its_columns(table: Table) -> None:
    found = pq.read_table(io.BytesIO(write([], table)))
    assert found.num_rows == 0
    assert found.schema.names == [column.name for column in table.columns]


def test_row_groups_are_limited_by_size_and_rows_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "BATCH", 10)
    records = [record_of({"name": str(number), "configuration": {"x": "word " * 100}}, number) for number in range(100)]
    file = pq.ParquetFile(io.BytesIO(write(records, max_bytes=20_000)))
    assert 3 < file.metadata.num_row_groups < 10
    assert file.read(["name"])["name"].to_pylist() == list(map(str, range(100)))
    monkeypatch.setattr(parquet_file, "ROWS", 30)
    file = pq.ParquetFile(io.BytesIO(write(records)))
    assert [file.metadata.row_group(number).num_rows for number in range(4)] == [30, 30, 30, 10]


def test_an_error_of_the_output_is_raised_unchanged() -> None:
    def refuse(block: bytes) -> None:
        raise OutputError("x.parquet: cannot be written: No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        write_parquet(TABLE, iter(odd_records()), refuse, {})


def test_pyarrow_types_are_those_of_the_table() -> None:
    schema = pq.read_schema(io.BytesIO(write([])))
    assert schema.field("configuration").type == pa.json_()
    assert schema.field("created_at").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_columns_are_those_that_the_schema_command_describes(table: Table) -> None:
    described = [(field["name"], field["type"], field["nullable"]) for field in arrow_schema(table)["fields"]]
    stored = pq.read_schema(io.BytesIO(write([], table)))
    assert [(field.name, str(field.type), field.nullable) for field in stored] == described
