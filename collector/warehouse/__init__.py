"""Warehouse: schemas, files and loads for databases, derived from the table of the record's fields.

load/  snapshots into the tables of a database, by dlt
columns, fitting, arrow  the typed columns of a table, a value that does not fit its column, record batches
schema/                  schemas, table definitions and load statements of every format
tap/                     the messages and files of Singer and Airbyte
exports/                 a finished snapshot as Parquet, CSV or JSON Lines

Must not know: HTTP, the run, settings, the command line.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the public name of this room at its first use (PEP 562), because dlt is optional."""
    if name != "dlt_resource":
        raise AttributeError(f"module 'collector.warehouse' has no attribute {name!r}")
    from collector.warehouse.load.resource import dlt_resource  # noqa: PLC0415

    return dlt_resource
