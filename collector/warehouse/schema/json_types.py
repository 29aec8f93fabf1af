"""The JSON Schema of a typed column, which the streams of the tap share. Pure."""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.warehouse.columns import Column, ColumnType
from collector.warehouse.fitting import MAX_BIGINT, MIN_BIGINT

_FORMS: Final[dict[ColumnType, dict[str, Json]]] = {
    ColumnType.TEXT: {"type": "string"},
    ColumnType.TIMESTAMP: {"type": "string", "format": "date-time"},
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.BIGINT: {"type": "integer", "minimum": MIN_BIGINT, "maximum": MAX_BIGINT},
    ColumnType.TEXTS: {"type": "array", "items": {"type": "string"}},
    ColumnType.JSON: {"type": "object", "additionalProperties": True},
}


def typed_property(column: Column) -> dict[str, Json]:
    """The schema of a column whose misfits are null."""
    form = {"type": "array", "items": {}} if column.is_json_array else _FORMS[column.type]
    types = ["null", form["type"]] if column.is_nullable else [form["type"]]
    return {**form, "type": types, "description": column.field.about}
