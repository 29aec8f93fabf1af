"""`collector schema` prints a schema and imports no package of a database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from collector.warehouse.columns import TABLES
from collector.warehouse.schema.formats import SchemaFormat, schema_text
from tests.conftest import Finished


@pytest.mark.parametrize("form", list(SchemaFormat))
def test_the_command_prints_every_format(form: SchemaFormat, call_here: Callable[..., Finished]) -> None:
    done = call_here("schema", "--format", form, "--table", "all")
    assert (done.code, done.out.decode(), done.err) == (0, schema_text(form, "all"), "")


def test_the_default_is_the_json_schema_of_the_connections(call_here: Callable[..., Finished]) -> None:
    assert call_here("schema").out.decode() == schema_text(SchemaFormat.JSONSCHEMA, "connections")


def test_a_path_is_put_into_the_sql(call_here: Callable[..., Finished]) -> None:
    assert b"'it''s.jsonl'" in call_here("schema", "--format", "duckdb", "--file", "it's.jsonl").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "oracle"), "Choose from: "),
        (("--table", "x"), f"choose one of {', '.join(TABLES)}, all"),
        (("--file", "x"), "contains no path"),
        (("--format", "duckdb", "--file", "a\nb"), "control character"),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    arguments: tuple[str, ...], message: str, call_here: Callable[..., Finished]
) -> None:
    done = call_here("schema", *arguments)
    assert (done.code, done.out) == (2, b"")
    assert message in done.err


def test_the_command_imports_no_package_of_a_database() -> None:
    run = "from collector.cli.main import run; run(['schema', '--table', 'all'])"
    code = f"import sys; {run}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"pyarrow", "duckdb", "dlt", "sqlglot", "aiohttp"}
    assert "collector" in loaded
