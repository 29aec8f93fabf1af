"""`schema_text` names tables and paths as asked, and refuses what it cannot write."""

from __future__ import annotations

import json

import pytest

from collector.model.errors import UsageError
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.schema.formats import ALL_TABLES, SchemaFormat, schema_text


@pytest.mark.parametrize("form", list(SchemaFormat))
def test_all_tables_are_those_that_each_name_gives(form: SchemaFormat) -> None:
    text = schema_text(form, ALL_TABLES)
    if text.startswith("{"):
        assert json.loads(text) == {name: json.loads(schema_text(form, name)) for name in TABLES}
    else:
        assert text == "\n".join(schema_text(form, name) for name in TABLES)


def test_the_path_is_that_of_the_table_or_with_all_tables_that_of_the_connections() -> None:
    assert "'x/c.jsonl.gz'" in schema_text(SchemaFormat.DUCKDB, CONNECTIONS, "x/c.jsonl.gz")
    assert "'x/p.jsonl'" in schema_text(SchemaFormat.DUCKDB, "policies", "x/p.jsonl")
    text = schema_text(SchemaFormat.DUCKDB, ALL_TABLES, "x.gz/c.jsonl.gz")
    assert "'x.gz/c.jsonl.gz'" in text
    assert "'x.gz/c.policies.jsonl'" in text


@pytest.mark.parametrize("form", [SchemaFormat.JSONSCHEMA, SchemaFormat.MARKDOWN, SchemaFormat.ARROW])
def test_a_format_without_a_path_refuses_one(form: SchemaFormat) -> None:
    with pytest.raises(UsageError, match="contains no path"):
        schema_text(form, CONNECTIONS, "c.jsonl")


@pytest.mark.parametrize("path", ["a\nb", "a\0b", "a\x1bb", "a\x7f", "\udcff", "a\u2028b", "a\tb"])
def test_a_path_with_a_control_character_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="control character"):
        schema_text(SchemaFormat.POSTGRES, CONNECTIONS, path)


@pytest.mark.parametrize("table", ["connection", "", "ALL", "x\n"])
def test_an_unknown_table_is_refused_with_the_known_ones(table: str) -> None:
    with pytest.raises(UsageError, match=r"choose one of connections, policies.* all"):
        schema_text(SchemaFormat.JSONSCHEMA, table)
