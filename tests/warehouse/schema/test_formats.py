"""`schema_text` names tables and paths as asked, and refuses what it cannot write."""

from __future__ import annotations

import json

import pytest
import sqlglot
from sqlglot.tokenizer_core import TokenType

from collector.model.errors import UsageError
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.schema.dialects import Warehouse
from collector.warehouse.schema.formats import ALL_TABLES, SchemaFormat, schema_text
from collector.warehouse.schema.sql import LOADS


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


@pytest.mark.parametrize(
    ("form", "start"),
    [
        (SchemaFormat.SNOWFLAKE, "/"),
        (SchemaFormat.BIGQUERY, "gs://"),
        (SchemaFormat.REDSHIFT, "s3://"),
        (SchemaFormat.DATABRICKS, "/Volumes/"),
        (SchemaFormat.ATHENA, "s3://"),
    ],
)
def test_a_path_that_the_database_cannot_read_is_refused(form: SchemaFormat, start: str) -> None:
    assert f"{start}b/c.jsonl" in schema_text(form, CONNECTIONS, f"{start}b/c.jsonl")
    with pytest.raises(UsageError, match=r"cannot read 'c\.jsonl'; name a path that begins with "):
        schema_text(form, CONNECTIONS, "c.jsonl")


def test_bigquery_refuses_a_path_of_s3_which_it_reads_only_through_a_connection() -> None:
    with pytest.raises(UsageError, match="begins with gs://"):
        schema_text(SchemaFormat.BIGQUERY, CONNECTIONS, "s3://b/c.jsonl")


@pytest.mark.parametrize("warehouse", list(Warehouse))
def test_a_path_cannot_end_its_literal(warehouse: Warehouse) -> None:
    """sqlglot reads the path back as one text, so no part of it is SQL."""
    file = f"{LOADS[warehouse].place or 'x/'}it's; DROP TABLE \\' x --.jsonl"
    text = schema_text(SchemaFormat(warehouse), CONNECTIONS, file)
    if warehouse is Warehouse.POSTGRES:
        assert f"\\copy collector_lines FROM '{file.replace(chr(39), chr(39) * 2)}' WITH" in text
        return
    tokens = sqlglot.tokenize(text, read=warehouse.value)
    prefix = "file://" if warehouse is Warehouse.SNOWFLAKE else ""
    assert prefix + file in [token.text for token in tokens if token.token_type is TokenType.STRING]


@pytest.mark.parametrize("path", ["c.parquet", "night/c.csv.gz"])
def test_a_file_that_is_not_json_lines_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="the SQL reads JSON Lines"):
        schema_text(SchemaFormat.DUCKDB, CONNECTIONS, path)


@pytest.mark.parametrize(
    ("path", "side_table"),
    [("n/c.jsonl.zst", "n/c.users.jsonl"), ("c.jsonl", "c.users.jsonl"), ("n/", "n/connections.users.jsonl")],
)
def test_a_side_table_is_beside_the_connections_under_the_name_of_a_run(path: str, side_table: str) -> None:
    assert f"read_json('{side_table}'" in schema_text(SchemaFormat.DUCKDB, "all", path)
