"""All formats name the same columns, in the same order, with the same kinds and nullability."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Final

import pytest
import sqlglot
from sqlglot import exp

from collector.warehouse.columns import TABLES, Column, ColumnType, Table
from collector.warehouse.schema.dialects import Warehouse
from collector.warehouse.schema.formats import SchemaFormat, schema_text

ALL_TABLES: Final = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
ALL_DATABASES: Final = pytest.mark.parametrize("warehouse", list(Warehouse))
KINDS: Final = {
    "VARCHAR": {ColumnType.TEXT, ColumnType.JSON},
    "TEXT": {ColumnType.TEXT, ColumnType.JSON},
    "TIMESTAMPTZ": {ColumnType.TIMESTAMP},
    "TIMESTAMP": {ColumnType.TIMESTAMP},
    "DATETIME64": {ColumnType.TIMESTAMP},
    "BOOLEAN": {ColumnType.BOOLEAN},
    "BIGINT": {ColumnType.BIGINT},
    "DECIMAL": {ColumnType.BIGINT},
    "ARRAY": {ColumnType.TEXTS},
    "SUPER": {ColumnType.TEXTS, ColumnType.JSON},
    "JSON": {ColumnType.JSON},
    "JSONB": {ColumnType.JSON},
    "VARIANT": {ColumnType.JSON},
}
"""The logical types of a type of sqlglot. Some databases store JSON as text, and Redshift arrays as SUPER."""

HAS_NO_PLACE: Final = {Warehouse.DUCKDB, Warehouse.POSTGRES, Warehouse.CLICKHOUSE}
"""Databases that read a path on the same computer."""

JSON_AS_TEXT: Final = {Warehouse.CLICKHOUSE, Warehouse.DATABRICKS, Warehouse.ATHENA}


def statements(warehouse: Warehouse, table: Table) -> list[str]:
    """The statements of the script, without comments and without commands of psql."""
    text = schema_text(SchemaFormat(warehouse), table.name)
    kept = [line for line in text.split("\n") if not line.startswith(("--", "\\"))]
    return [each for each in "\n".join(kept).split(";\n") if each.strip()]


@cache
def parsed(warehouse: Warehouse, table: Table) -> list[exp.Expression]:
    """Every statement as sqlglot reads it."""
    found = [sqlglot.parse_one(each, read=warehouse.value) for each in statements(warehouse, table)]
    return [each for each in found if isinstance(each, exp.Expression)]


@ALL_DATABASES
@ALL_TABLES
def test_sqlglot_reads_every_statement(warehouse: Warehouse, table: Table) -> None:
    """Of Postgres it lacks `LOCK` and `ON COMMIT DROP`; a real server runs that script in another test."""
    unread = [each for each in parsed(warehouse, table) if isinstance(each, exp.Command)]
    assert len(unread) == (2 if warehouse is Warehouse.POSTGRES else 0)
    assert any(isinstance(each, exp.Insert) for each in parsed(warehouse, table))


@ALL_DATABASES
@ALL_TABLES
def test_a_table_has_every_column_in_order_with_its_kind_and_nullability(warehouse: Warehouse, table: Table) -> None:
    found = definitions(parsed(warehouse, table)[0])
    assert [each.name for each in found] == [column.name for column in table.columns]
    for definition, column in zip(found, table.columns, strict=True):
        name = type_of(definition).this.name
        assert column.type in KINDS[name], column.name
        assert is_nullable(definition) is (column.is_nullable or not can_refuse_null(warehouse, column)), column.name
        if column.type is ColumnType.JSON:
            assert (name in {"VARCHAR", "TEXT"}) is (warehouse in JSON_AS_TEXT)


@ALL_DATABASES
@ALL_TABLES
def test_an_insert_has_a_value_for_every_column_in_order(warehouse: Warehouse, table: Table) -> None:
    insert = next(each for each in parsed(warehouse, table) if isinstance(each, exp.Insert))
    assert [each.name for each in insert.this.expressions] == [column.name for column in table.columns]
    values = insert.expression.expressions
    assert len(values) == len(table.columns)
    plain = [each for each in values if isinstance(each, exp.Column)]
    assert [each.name for each in plain] == [
        column.name for column in table.columns if column.name != "extra" or len(plain) == len(values)
    ]


@ALL_DATABASES
def test_a_script_states_its_rules_first(warehouse: Warehouse) -> None:
    comment = schema_text(SchemaFormat(warehouse), "connections").partition("\n\n")[0]
    assert all(line.startswith("-- ") for line in comment.split("\n"))
    assert "the column is null, and extra keeps the value under the name of the column" in comment


@pytest.mark.parametrize("warehouse", [each for each in Warehouse if each not in HAS_NO_PLACE])
def test_without_a_path_the_script_has_a_placeholder(warehouse: Warehouse) -> None:
    text = schema_text(SchemaFormat(warehouse), "all")
    assert re.search("/(BUCKET/)?PATH/connections.jsonl", text)
    assert re.search("/(BUCKET/)?PATH/connections.policies.jsonl", text)


def definitions(create: exp.Expression) -> list[exp.ColumnDef]:
    schema = create.find(exp.Schema)
    assert schema is not None
    return [each for each in schema.expressions if isinstance(each, exp.ColumnDef)]


def type_of(definition: exp.ColumnDef) -> exp.DataType:
    kind = definition.args["kind"]
    assert isinstance(kind, exp.DataType)
    return kind


def is_nullable(definition: exp.ColumnDef) -> bool:
    if (declared := type_of(definition).args.get("nullable")) is not None:  # ClickHouse
        return bool(declared)
    return not any(isinstance(each.kind, exp.NotNullColumnConstraint) for each in definition.constraints)


def can_refuse_null(warehouse: Warehouse, column: Column) -> bool:
    """Athena has no NOT NULL, and BigQuery's arrays are never null without it."""
    is_array = warehouse is Warehouse.BIGQUERY and column.type is ColumnType.TEXTS
    return warehouse is not Warehouse.ATHENA and not is_array


def properties_of(form: SchemaFormat, table: Table) -> dict[str, dict[str, list[str]]]:
    document = json.loads(schema_text(form, table.name))
    schema = {SchemaFormat.SINGER: "schema", SchemaFormat.AIRBYTE: "json_schema"}[form]
    return dict(document[schema]["properties"])


@ALL_TABLES
def test_the_json_documents_have_the_same_columns_and_nullability(table: Table) -> None:
    expected = [(column.name, column.is_nullable) for column in table.columns]
    arrow = json.loads(schema_text(SchemaFormat.ARROW, table.name))
    schema = json.loads(schema_text(SchemaFormat.JSONSCHEMA, table.name))
    assert [(field["name"], field["nullable"]) for field in arrow["fields"]] == expected
    null = {"type": "null"}
    assert [(name, null in form.get("anyOf", [])) for name, form in schema["properties"].items()] == expected
    assert schema["required"] == [name for name, _ in expected]
    for form in (SchemaFormat.SINGER, SchemaFormat.AIRBYTE):
        found = properties_of(form, table)
        assert [(name, "null" in each["type"]) for name, each in found.items()] == expected


@ALL_TABLES
def test_the_streams_name_the_key_of_the_table(table: Table) -> None:
    singer, airbyte = (
        json.loads(schema_text(form, table.name)) for form in (SchemaFormat.SINGER, SchemaFormat.AIRBYTE)
    )
    assert (singer["stream"], singer["key_properties"]) == (table.name, list(table.key))
    assert (airbyte["name"], airbyte["source_defined_primary_key"]) == (table.name, [[name] for name in table.key])


@ALL_TABLES
def test_a_page_of_markdown_has_a_row_for_every_column(table: Table) -> None:
    rows = re.findall(
        r"^\| `(.+?)` \| (.+?) \| (yes|no) \|", schema_text(SchemaFormat.MARKDOWN, table.name), re.MULTILINE
    )
    assert rows == [(column.name, column.type.value, "yes" if column.is_nullable else "no") for column in table.columns]
