"""The script of a table: its definition, and the load of a file into it. Pure."""

from __future__ import annotations

from typing import Final

from collector.warehouse.columns import Table
from collector.warehouse.schema.ddl import create_table
from collector.warehouse.schema.dialects import Warehouse
from collector.warehouse.schema.loads.athena import AthenaLoad
from collector.warehouse.schema.loads.bigquery import BigqueryLoad
from collector.warehouse.schema.loads.clickhouse import ClickhouseLoad
from collector.warehouse.schema.loads.databricks import DatabricksLoad
from collector.warehouse.schema.loads.duckdb import DuckdbLoad
from collector.warehouse.schema.loads.load import Load
from collector.warehouse.schema.loads.postgres import PostgresLoad
from collector.warehouse.schema.loads.redshift import RedshiftLoad
from collector.warehouse.schema.loads.snowflake import SnowflakeLoad

LOADS: Final[dict[Warehouse, Load]] = {
    each.dialect.warehouse: each
    for each in (
        DuckdbLoad(),
        PostgresLoad(),
        SnowflakeLoad(),
        BigqueryLoad(),
        RedshiftLoad(),
        ClickhouseLoad(),
        DatabricksLoad(),
        AthenaLoad(),
    )
}
"""The load of every database."""

_RULES: Final = (
    "Run it after every collection: the table keeps each run, and a file that is loaded again adds no row.",
    "The newest run: WHERE _run_id = (SELECT max(_run_id) FROM the table). Of several organizations, each has its own:",
    "SELECT * FROM (SELECT *, max(_run_id) OVER (PARTITION BY organization_id) AS newest FROM the table) AS runs",
    "WHERE _run_id = newest.",
    "A timestamp that is not RFC 3339 in UTC, or an integer beyond 64 bits, does not fit its column:",
    "the column is null, and extra keeps the value under the name of the column.",
)


def script(warehouse: Warehouse, table: Table, file: str) -> str:
    """The statements, with a comment that states their rules."""
    load = LOADS[warehouse]
    title = f"{load.dialect.title}: {table.name}, {table.about}. Version {table.version}."
    comment = "\n".join(f"-- {line}" for line in (title, *_RULES, *load.notes))
    statements = (
        *load.first,
        create_table(load.dialect, table),
        *load.before(table, file),
        load.insert(table, file),
        *load.after(table),
    )
    return "\n\n".join((comment, *statements)) + "\n"
