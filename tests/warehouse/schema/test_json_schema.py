"""The JSON Schemas accept every line that the collector writes, and change only by additions."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator

from collector.model.record import Json
from collector.model.record_form import ConfigurationAs
from collector.warehouse.columns import CONNECTIONS, TABLES, Table
from collector.warehouse.schema.json_schema import json_schema
from tests.support.additive import breaking_changes
from tests.support.odd_records import as_lines, odd_rows, sandbox_records

BASELINE: Final = json.loads((Path(__file__).parents[2] / "data/schema-baseline.json").read_text())
"""The schemas of the last release: replace the file when a release adds keys."""

CONNECTION: Final = TABLES[CONNECTIONS]


def current() -> dict[str, Json]:
    return {name: json_schema(table) for name, table in TABLES.items()}


def validator(table: Table) -> Draft202012Validator:
    schema = json_schema(table)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("form", list(ConfigurationAs))
def test_every_record_of_the_sandbox_is_valid(form: ConfigurationAs) -> None:
    check = validator(CONNECTION)
    for line in as_lines(sandbox_records(500), form).splitlines():
        check.validate(json.loads(line))


@pytest.mark.parametrize("form", list(ConfigurationAs))
@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_odd_row_is_valid(table: Table, form: ConfigurationAs) -> None:
    check = validator(table)
    for line in as_lines(odd_rows(table), form).splitlines():
        check.validate(json.loads(line))


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 7},
        {"saved": "yes"},
        {"policies": None},
        {"policies": [1]},
        {"api_calls_last_24_hours": 1.5},
        {"api_calls_last_24_hours": "7"},
        {"created_at": 1764122401},
        {"_collected_at": "yesterday"},
        {"_collected_at": "2026-02-30T00:00:00.000000Z"},
        {"configuration": []},
        {"extra": None},
        {"extra": "{}"},
        {"rate_limit": "{}"},
        {"_schema": 2},
    ],
    ids=str,
)
def test_another_value_is_invalid(change: dict[str, Json]) -> None:
    record = next(sandbox_records(1))
    assert validator(CONNECTION).is_valid(record)
    assert not validator(CONNECTION).is_valid({**record, **change})


def test_a_missing_key_is_invalid_and_a_new_one_valid() -> None:
    record = next(sandbox_records(1))
    for name in record:
        assert not validator(CONNECTION).is_valid({key: value for key, value in record.items() if key != name})
    assert validator(CONNECTION).is_valid({**record, "of_a_later_version": 1})


def test_the_schemas_changed_only_by_additions_since_the_last_release() -> None:
    assert breaking_changes(BASELINE, current()) == []


def changed(name: str, value: Json) -> dict[str, Json]:
    """The current schemas, with another schema of one key of the connections; None removes it."""
    schemas = copy.deepcopy(current())
    properties, required = (schemas[CONNECTIONS][key] for key in ("properties", "required"))
    if value is None:
        del properties[name]
        required.remove(name)
    else:
        properties[name] = value
        required.extend([name] * (name not in required))
    return schemas


NULL: Final = {"type": "null"}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("name", None, "name is gone"),
        ("name", {"type": "string"}, "name has other values"),
        ("name", {"anyOf": [{"type": "integer"}, NULL]}, "name has other values"),
        ("saved", {"anyOf": [{"type": "boolean"}, {"type": "string"}, NULL]}, "saved has other values"),
        ("policies", {"anyOf": [{"type": "array", "items": {"type": "string"}}, NULL]}, "policies has other values"),
        ("team", {"type": "string"}, "team is new and never null"),
    ],
)
def test_a_change_that_is_not_additive_is_named(name: str, value: Json, problem: str) -> None:
    assert breaking_changes(current(), changed(name, value)) == [f"connections: {problem}"]


def test_a_table_a_requirement_an_order_and_a_version_must_stay() -> None:
    schemas = copy.deepcopy(current())
    del schemas["usage"]
    schemas["roles"]["required"].remove("name")
    schemas["users"]["properties"] = dict(reversed(schemas["users"]["properties"].items()))
    schemas["shared"]["$id"] = "urn:polytomic-collector:shared:2"
    assert sorted(breaking_changes(current(), schemas)) == [
        "roles: name may be absent",
        "shared: the version has changed",
        "usage: the table is gone",
        "users: the columns have another order",
    ]


@pytest.mark.parametrize("name", ["team", "name"])
def test_a_new_column_that_may_be_null_and_another_description_are_additive(name: str) -> None:
    form = {"description": "new words", "anyOf": [{"type": "string"}, NULL]}
    assert breaking_changes(current(), {**changed(name, form), "a_new_table": {}}) == []
