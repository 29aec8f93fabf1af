"""The Arrow schema of a table, described without the package that implements it. Pure."""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.warehouse.columns import ColumnType, Table

_TYPES: Final = {
    ColumnType.TEXT: "string",
    ColumnType.TIMESTAMP: "timestamp[us, tz=UTC]",
    ColumnType.BOOLEAN: "bool",
    ColumnType.BIGINT: "int64",
    ColumnType.TEXTS: "list<element: string not null>",
    ColumnType.JSON: "extension<arrow.json>",
}
"""The names that Arrow's documentation and its Python package use. The storage of `arrow.json` is a string."""


def arrow_schema(table: Table) -> dict[str, Json]:
    """The fields of the table, in order."""
    fields = [
        {"name": column.name, "type": _TYPES[column.type], "nullable": column.is_nullable} for column in table.columns
    ]
    return {"table": table.name, "version": table.version, "fields": fields}
