"""Connection types as the API describes them: a JSON Schema for each, and the list of all types.

Vendor keys on properties: `sensitive`, `hidden`, `readOnly`. JSON Schema also accepts true and false as schemas; the
OpenAPI document does not, so this module never writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, Field


def json_schema(connection_type: ConnectionType) -> dict[str, Json]:
    """The JSON Schema of a type's configuration."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": connection_type.name,
        **_object(connection_type.fields),
    }


def list_item(connection_type: ConnectionType) -> dict[str, Json]:
    """The type's entry in the list of types."""
    number = crc32(connection_type.id.encode())
    item: dict[str, Json] = {
        "id": connection_type.id,
        "name": connection_type.name,
        "logo_url": connection_type.logo_url,
        "capabilities": {
            "source": bool(connection_type.operations),
            "destination": bool(number & 1),
            "enrichment": number % 16 == 0,
            "orchestration": number % 32 == 1,
        },
        "configurationForm": {"jsonschema": json_schema(connection_type), "uischema": {}},
        "envConfig": {},
        "initialConfiguration": {
            field.name: field.default for field in connection_type.fields if field.default is not None
        },
    }
    if connection_type.use_oauth is not None:
        item["use_oauth"] = connection_type.use_oauth
    return item


def _object(fields: Sequence[Field]) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": "object", "properties": {field.name: _property(field) for field in fields}}
    if required := [field.name for field in fields if field.required]:
        schema["required"] = required
    return schema


def _property(field: Field) -> dict[str, Json]:
    optional = {
        "default": field.default,
        "format": field.format,
        "enum": list(field.choices) or None,
        "sensitive": field.masked or None,
        "hidden": field.hidden or None,
        "readOnly": field.read_only or None,
    }
    present = {key: value for key, value in optional.items() if value is not None}
    return {"title": _title(field.name), **_shape(field), **present}


def _shape(field: Field) -> dict[str, Json]:
    if field.type == "array":
        return {"type": "array", "items": _object(field.children) if field.children else {"type": field.item_type}}
    if field.children:
        return _object(field.children)
    if field.type == "object" and field.item_type is not None:
        return {"type": "object", "additionalProperties": {"type": field.item_type}}
    return {"type": field.type}


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
