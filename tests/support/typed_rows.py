"""The rows that a database must hold after a load, computed from the lines of the file."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from collector.model.record import Json
from collector.warehouse.columns import ColumnType, Table
from collector.warehouse.fitting import fit

Rows = dict[tuple[str, ...], dict[str, Any]]
"""Rows by their key."""


def expected_rows(table: Table, lines: bytes, *, has_nul: bool = True, years: range = range(1, 10_000)) -> Rows:
    """The typed rows: a misfit is null, and `extra` keeps it. Timestamps are text.

    A database without NUL characters holds U+FFFD in their place. Timestamps of other years are misfits too.
    """
    rows = [_row(parse(line), table, years) for line in lines.splitlines()]
    return by_key(table, rows if has_nul else [_without_nul(row) for row in rows])


def by_key(table: Table, rows: list[dict[str, Any]]) -> Rows:
    """The rows by their key and run. Fails for a row that occurs twice."""
    found = {tuple(row[name] for name in (*table.key, "_run_id")): row for row in rows}
    assert len(found) == len(rows)
    return found


def parse_json_columns(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON columns parsed, which the database returns as text."""
    names = table.names_of(ColumnType.JSON)
    return {name: parse(value) if name in names and value is not None else value for name, value in row.items()}


def assert_same(found: Rows, expected: Rows) -> None:
    """Compare every column of every row. The message names the first values that differ."""
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        different = {
            name: (found[key][name], value) for name, value in row.items() if not _same(found[key][name], value)
        }
        assert not different, {name: tuple(repr(each)[:300] for each in pair) for name, pair in different.items()}


def parse(text: str | bytes) -> Any:
    """Parse JSON with exact numbers. Fails for an object with a key that occurs twice."""
    return json.loads(text, parse_float=Decimal, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs), sorted(key for key, _ in pairs)
    return found


def _same(found: Any, expected: Any) -> bool:
    """Are the values equal? Numbers are compared by value, and true differs from 1."""
    if type(expected) is dict:
        return (
            type(found) is dict
            and found.keys() == expected.keys()
            and all(_same(found[key], value) for key, value in expected.items())
        )
    if type(expected) is list:
        return type(found) is list and len(found) == len(expected) and all(map(_same, found, expected))
    return bool(found == expected) and (type(found) is bool) is (type(expected) is bool)


def _row(row: dict[str, Json], table: Table, years: range) -> dict[str, Json]:
    if type(row.get("configuration")) is str:
        row["configuration"] = parse(row["configuration"])
    fit(table, row)
    outside = [name for name in table.names_of(ColumnType.TIMESTAMP) if row[name] and int(row[name][:4]) not in years]
    moved = {name: row[name] for name in outside}
    return {**row, **dict.fromkeys(outside), "extra": {**moved, **row["extra"]}}


def _without_nul(value: Json) -> Json:
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_without_nul(each) for each in value]
        case dict():
            return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return value
