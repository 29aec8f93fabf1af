"""The JSON Schema (2020-12) of the lines of a table, as the collector writes them. Pure."""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.warehouse.columns import Column, ColumnType, Table

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"


def json_schema(table: Table) -> dict[str, Json]:
    """The schema of one line. Every key is required, and keys of later versions are allowed."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:polytomic-collector:{table.name}:{table.version}",
        "title": table.name,
        "description": table.about,
        "type": "object",
        "required": [column.name for column in table.columns],
        "properties": {column.name: _property(column, table) for column in table.columns},
    }


def _property(column: Column, table: Table) -> dict[str, Json]:
    if column.name == "_schema":
        return {"const": table.version, "description": "the major version of this schema"}
    forms = _forms(column)
    if column.is_nullable:
        forms.append({"type": "null"})
    return {"description": column.field.about, **(forms[0] if len(forms) == 1 else {"anyOf": forms})}


def _forms(column: Column) -> list[dict[str, Json]]:
    """The forms that a value may have, without null."""
    match column.type:
        case ColumnType.TIMESTAMP:
            return _times(column)
        case ColumnType.JSON:
            return _json(column)
        case ColumnType.TEXTS:
            return [{"type": "array", "items": {"type": "string"}}]
        case ColumnType.BOOLEAN:
            return [{"type": "boolean"}]
        case ColumnType.BIGINT:
            return [{"type": "integer"}]
        case ColumnType.TEXT:
            return [{"type": "string"}]


def _times(column: Column) -> list[dict[str, Json]]:
    time = {"type": "string", "format": "date-time", "pattern": _TIME}
    if not column.is_fallible:
        return [time]
    verbatim = "not RFC 3339 in UTC: as the API sent it; with --timestamps strict it is null"
    return [time, {"type": "string", "description": verbatim}]


def _json(column: Column) -> list[dict[str, Json]]:
    if column.is_json_array:
        return [{"type": "array"}]
    if column.name != "configuration":
        return [{"type": "object"}]
    text = {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "with --configuration-as string: the JSON of the object as text",
    }
    return [{"type": "object"}, text]
