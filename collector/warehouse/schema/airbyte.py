"""A table as a stream of an Airbyte catalog. Pure."""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.warehouse.columns import Column, ColumnType, Table
from collector.warehouse.schema.json_types import typed_property

_AIRBYTE_TYPES: Final = {ColumnType.TIMESTAMP: "timestamp_with_timezone", ColumnType.BIGINT: "integer"}


def airbyte_stream(table: Table) -> dict[str, Json]:
    """The table's entry in the catalog. A sync always reads the whole table."""
    return {
        "name": table.name,
        "json_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {column.name: _property(column) for column in table.columns},
            "additionalProperties": True,
        },
        "supported_sync_modes": ["full_refresh"],
        "source_defined_primary_key": [[name] for name in table.key],
    }


def _property(column: Column) -> dict[str, Json]:
    name = _AIRBYTE_TYPES.get(column.type)
    return {**typed_property(column), **({"airbyte_type": name} if name else {})}
