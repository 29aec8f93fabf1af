"""Batches hold the values of the rows, typed."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.warehouse import arrow
from collector.warehouse.arrow import arrow_schema, batches
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType
from collector.warehouse.fitting import fitted
from tests.polytomic.test_normalize import AT, ID, RUN, connections

TABLE = TABLES[CONNECTIONS]


def record_of(connection: dict[str, Any]) -> dict[str, Json]:
    return normalize({**deepcopy(connection), "id": ID}, ID, Redactor(), collected_at=AT, run_id=RUN)[0]


def read(connection: dict[str, Any]) -> dict[str, Any]:
    [batch] = batches(TABLE, fitted(TABLE, [record_of(connection)]))
    [row] = batch.to_pylist()
    found: dict[str, Any] = row
    return found


@given(connections)
def test_every_value_of_any_record_is_in_its_column_or_in_extra(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    found = read(connection)
    extra = json.loads(found["extra"])
    for column in TABLE.columns[:-4]:
        value = found[column.name]
        if column.name in TABLE.names_of(ColumnType.JSON) and value is not None:
            value = json.loads(value)
        elif isinstance(value, datetime):
            value = f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
        expected = record[column.name]
        assert value == expected or (value is None and extra[column.name] == expected)


def test_a_timestamp_is_an_instant() -> None:
    assert read({"created_at": "2024-01-15T10:30:00.5+01:00"})["created_at"] == datetime(
        2024, 1, 15, 9, 30, 0, 500_000, UTC
    )
    for year in ("0001", "9999"):
        found = read({"created_at": f"{year}-01-01T00:00:00Z"})["created_at"]
        assert found == datetime(int(year), 1, 1, tzinfo=UTC)


def test_json_keeps_integers_of_any_length_and_escapes_nul() -> None:
    found = read({"configuration": {"n": int("9" * 40), "text": "a\0b"}})
    assert found["configuration"] == '{"n":' + "9" * 40 + ',"text":"a\\u0000b"}'


@given(st.integers(0, 60), st.integers(1, 30))
def test_batches_have_at_most_so_many_rows_and_keep_their_order(count: int, limit: int) -> None:
    rows = [{**record_of({}), "name": str(number)} for number in range(count)]
    found = list(batches(TABLE, rows, limit))
    assert all(0 < batch.num_rows <= limit for batch in found)
    assert [name for batch in found for name in batch["name"].to_pylist()] == list(map(str, range(count)))


def test_a_batch_ends_after_much_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "MAX_JSON_CHARS", 1000)
    rows = [record_of({"configuration": {"note": "x" * 400}}) for _ in range(9)]
    assert [batch.num_rows for batch in batches(TABLE, rows)] == [3, 3, 3]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_schema(name: str) -> None:
    table = TABLES[name]
    schema = arrow_schema(table)
    assert schema.names == [column.name for column in table.columns]
    assert [field.nullable for field in schema] == [column.is_nullable for column in table.columns]
    assert pa.RecordBatch.from_pylist([], schema).num_rows == 0
