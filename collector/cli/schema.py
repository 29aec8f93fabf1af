"""`collector schema`: print the schema of a table, or the SQL that creates and loads it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from collector.cli.stdout import write_lines
from collector.warehouse.columns import CONNECTIONS
from collector.warehouse.schema.formats import SchemaFormat, schema_text

app = App(
    name="schema",
    usage="collector schema [OPTIONS]",
    help_prologue="""\
Print the schema of the data, or SQL that creates a table and loads a file.

Examples:
  collector schema > connections.schema.json
  collector schema --format duckdb --file connections.jsonl | duckdb my.duckdb
  collector schema --format postgres --file connections.jsonl | psql
  collector schema --format snowflake --table all > load.sql""",
    help_epilogue="""\
Reads no file, and sends no requests.

Formats: jsonschema, arrow, singer, airbyte, markdown; and SQL for duckdb,
postgres, snowflake, bigquery, redshift, clickhouse, databricks, athena.

Exit codes:
  0    the schema is on standard output
  2    a wrong option; the message says why
  6    standard output cannot be written""",
)


@app.default
def print_schema(
    *,
    format: Annotated[
        SchemaFormat,
        Parameter(metavar="FORMAT", help="One of the formats below.", show_choices=False),
    ] = SchemaFormat.JSONSCHEMA,
    table: Annotated[
        str, Parameter(metavar="TABLE", help="connections, a side table such as policies, or all.")
    ] = CONNECTIONS,
    file: Annotated[
        str,
        Parameter(
            metavar="PATH",
            help="The path in the SQL: of the table's file, or of the connections with --table all. Without it, the "
            "SQL has a placeholder.",
        ),
    ] = "",
) -> int:
    """Print the schema of a table."""
    return write_lines(schema_text(format, table, file).removesuffix("\n").split("\n"))
