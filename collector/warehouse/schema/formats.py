"""The formats of `collector schema`: JSON documents, Markdown, and scripts of SQL. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from collector.model.control_chars import printable
from collector.model.errors import UsageError
from collector.model.record import Json
from collector.snapshot.file_format import FileFormat, format_of
from collector.snapshot.layout import SnapshotPaths
from collector.warehouse.columns import CONNECTIONS, TABLES, Table
from collector.warehouse.schema.airbyte import airbyte_stream
from collector.warehouse.schema.arrow_schema import arrow_schema
from collector.warehouse.schema.dialects import Warehouse
from collector.warehouse.schema.json_schema import json_schema
from collector.warehouse.schema.markdown import markdown
from collector.warehouse.schema.singer import singer_schema
from collector.warehouse.schema.sql import LOADS, script


class SchemaFormat(StrEnum):
    """The formats, in the order of the help page."""

    JSONSCHEMA = "jsonschema"
    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SNOWFLAKE = "snowflake"
    BIGQUERY = "bigquery"
    REDSHIFT = "redshift"
    CLICKHOUSE = "clickhouse"
    DATABRICKS = "databricks"
    ATHENA = "athena"
    ARROW = "arrow"
    SINGER = "singer"
    AIRBYTE = "airbyte"
    MARKDOWN = "markdown"


ALL_TABLES: Final = "all"
_DOCUMENTS: Final[dict[SchemaFormat, Callable[[Table], dict[str, Json]]]] = {
    SchemaFormat.JSONSCHEMA: json_schema,
    SchemaFormat.ARROW: arrow_schema,
    SchemaFormat.SINGER: singer_schema,
    SchemaFormat.AIRBYTE: airbyte_stream,
}


def schema_text(form: SchemaFormat, table: str, file: str = "") -> str:
    """The schema of a table, or of all: of JSON documents, one object with a member for each table.

    `file` is the path of the file of the table; with all tables, that of the connections. A placeholder replaces an
    empty one. Raises `UsageError` for an unknown table, and for a path that the format does not have.
    """
    tables = _tables(table)
    if document := _DOCUMENTS.get(form):
        _refuse_file(file, form)
        found = {each.name: document(each) for each in tables}
        return _json(found if table == ALL_TABLES else found[table])
    if form is SchemaFormat.MARKDOWN:
        _refuse_file(file, form)
        return "\n".join(map(markdown, tables))
    warehouse = Warehouse(form)
    _require_readable(file, warehouse)
    return "\n".join(script(warehouse, each, _file(warehouse, each, file, table)) for each in tables)


def _tables(name: str) -> Sequence[Table]:
    if name == ALL_TABLES:
        return tuple(TABLES.values())
    if name not in TABLES:
        raise UsageError(f"--table {name!a}: there is no such table; choose one of {', '.join([*TABLES, ALL_TABLES])}")
    return (TABLES[name],)


def _file(warehouse: Warehouse, table: Table, file: str, requested: str) -> str:
    """The path of the table's file. Side tables are beside the connections, under the name that the run gave them."""
    path = file or f"{LOADS[warehouse].place}{CONNECTIONS}.jsonl"
    is_own = file and requested != ALL_TABLES
    return path if is_own or table.name == CONNECTIONS else _beside(path, table.name)


def _beside(path: str, name: str) -> str:
    folder, slash, base = path.rpartition("/")
    connections = Path(base if base.strip(".") else CONNECTIONS)  # a path of a folder has no name
    return f"{folder}{slash}{SnapshotPaths(connections).table(name).name}"


def _refuse_file(file: str, form: SchemaFormat) -> None:
    if file:
        raise UsageError(f"--file: the format {form} contains no path; leave it out, or choose a database")


def _require_readable(file: str, warehouse: Warehouse) -> None:
    if file and (format_of(file) or FileFormat.JSONL).is_converted:
        raise UsageError("--file: the SQL reads JSON Lines; name the file that `collect -o FILE.jsonl` wrote")
    if printable(file) != file:
        raise UsageError("--file: the path contains a control character, which SQL cannot hold safely; rename the file")
    load = LOADS[warehouse]
    if file and load.starts and not file.startswith(load.starts):
        raise UsageError(
            f"--file: {load.dialect.title} cannot read {file!a}; name a path that begins with "
            f"{' or '.join(load.starts)}"
        )


def _json(document: dict[str, Json]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
