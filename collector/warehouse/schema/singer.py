"""A table as a Singer stream: the fields of its SCHEMA message. Pure."""

from __future__ import annotations

from collector.model.record import Json
from collector.warehouse.columns import Table
from collector.warehouse.schema.json_types import typed_property


def singer_schema(table: Table) -> dict[str, Json]:
    """The fields `stream`, `schema` and `key_properties` of the table's SCHEMA message."""
    properties = {column.name: typed_property(column) for column in table.columns}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"stream": table.name, "schema": schema, "key_properties": list(table.key)}
