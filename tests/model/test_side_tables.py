"""The schemas of the side tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.model.record import FIELDS, JSON_TYPES, LAST_FIELDS, Kind
from collector.model.side_tables import SHARED, SIDE_TABLES, SideTable

TABLES = list(SIDE_TABLES.values())
OPENAPI = json.loads((Path(__file__).parents[1] / "data" / "polytomic-openapi-sdk.json").read_bytes())

in_each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def test_a_table_is_found_by_its_name() -> None:
    assert list(SIDE_TABLES) == [
        *("policies", "users", "roles", "bulk_syncs", "model_syncs", "models", "schema_status", "usage", "shared"),
    ]
    assert all(name == table.name for name, table in SIDE_TABLES.items())


@in_each_table
def test_the_fields_of_a_table_are_unique_and_end_like_those_of_a_record(table: SideTable) -> None:
    names = [field.name for field in table.fields]
    assert len(set(names)) == len(names)
    assert table.fields[-len(LAST_FIELDS) :] == LAST_FIELDS
    assert "organization_id" in names


@in_each_table
def test_the_key_of_a_table_is_never_null(table: SideTable) -> None:
    fields = {field.name: field for field in table.fields}
    assert all(not fields[name].is_nullable and fields[name].kind is Kind.ID for name in table.key)


@in_each_table
def test_an_array_is_never_null(table: SideTable) -> None:
    assert all(not field.is_nullable for field in table.fields if JSON_TYPES[field.kind] is list)


@in_each_table
def test_only_a_list_has_pages(table: SideTable) -> None:
    assert table.is_list or not table.is_paged
    assert not (table.is_per_connection and table.is_paged)


def test_the_rows_of_shared_copies_have_the_keys_of_a_record() -> None:
    assert tuple(field.name for field in SHARED.fields) == FIELDS


def properties_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The documented fields of a schema that may be a reference, an array or nullable."""
    if "$ref" in schema:
        return properties_of(OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for choice in schema.get("anyOf", ()):
        if found := properties_of(choice):
            return found
    if "items" in schema:
        return properties_of(schema["items"])
    properties: dict[str, Any] = schema.get("properties", {})
    return properties


@pytest.mark.parametrize("table", [table for table in TABLES if table is not SHARED], ids=lambda table: table.name)
def test_every_documented_field_of_an_item_has_a_place_of_its_own(table: SideTable) -> None:
    responses = OPENAPI["paths"][table.endpoint]["get"]["responses"]
    envelope = properties_of(responses["200"]["content"]["application/json"]["schema"])
    documented = properties_of(envelope["data"]).keys()
    sources = {field.source.partition(".")[0] for field in table.fields if field.source}
    assert documented
    assert documented <= sources
