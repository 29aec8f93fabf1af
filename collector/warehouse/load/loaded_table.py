"""The columns of a loaded table and its rows as record batches.

Arrays of text are JSON here, because dlt has the same type for both in every database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from collector.model.record import Field, Json, Kind
from collector.snapshot.reader import SnapshotReader
from collector.warehouse.arrow import arrow_schema, batches
from collector.warehouse.columns import CONNECTIONS, Column, ColumnType, Table
from collector.warehouse.fitting import fitted
from collector.warehouse.load.row_hash import row_hash

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS: Final = 5_000
"""Maximum number of rows of a batch."""

ROW_HASH: Final = "row_hash"
ORGANIZATION: Final = "_snapshot_organization_id"
VALID_FROM: Final = "valid_from"
VALID_TO: Final = "valid_to"

_ADDED: Final = (
    Column(
        Field(ORGANIZATION, Kind.TEXT, None, "the organization of the run; empty if unknown", is_nullable=False),
        ColumnType.TEXT,
    ),
    Column(
        Field(ROW_HASH, Kind.TEXT, None, "the version: a hash of the row without its `_` columns", is_nullable=False),
        ColumnType.TEXT,
    ),
)

DATA_TYPES: Final = {
    ColumnType.TEXT: "text",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.BOOLEAN: "bool",
    ColumnType.BIGINT: "bigint",
    ColumnType.JSON: "json",
}
"""The types of dlt."""


def loaded(table: Table) -> Table:
    """The table as it is loaded: without arrays of text, and with the columns of the load."""
    columns = (
        column._replace(type=ColumnType.JSON) if column.type is ColumnType.TEXTS else column for column in table.columns
    )
    return table._replace(columns=(*columns, *_ADDED))


def dlt_columns(table: Table) -> dict[str, Any]:
    """The columns of a loaded table as hints of dlt. Only the columns of its first version refuse null."""
    required = {*table.key, ORGANIZATION, ROW_HASH}
    return {
        column.name: {
            "name": column.name,
            "data_type": DATA_TYPES[column.type],
            "nullable": column.name not in required,
        }
        for column in table.columns
    }


def loaded_batches(table: Table, reader: SnapshotReader, organization: str) -> Iterator[pa.RecordBatch]:
    """The rows of a loaded table as batches, at least one: dlt would ignore a table that became empty."""
    rows = _versioned(table, _rows(reader, table.name), organization)
    is_empty = True
    for batch in batches(table, rows, MAX_ROWS):
        is_empty = False
        yield batch
    if is_empty:
        yield _empty(table)


def _empty(table: Table) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415  # optional, slow to import

    return pa.RecordBatch.from_pylist([], arrow_schema(table))


def _rows(reader: SnapshotReader, table: str) -> Iterator[dict[str, Json]]:
    if table == CONNECTIONS:
        return (stored.record for stored in reader.records())
    return reader.rows(table)


def _versioned(table: Table, rows: Iterable[dict[str, Json]], organization: str) -> Iterator[dict[str, Json]]:
    for row in fitted(table, rows):
        row[ROW_HASH] = row_hash(organization, row)
        row[ORGANIZATION] = organization
        yield row
