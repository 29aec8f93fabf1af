"""The fields of each connection type and which of them are secrets, from the packaged or the live schema.

Reads only the lists of `model.connection_types`.
"""

from __future__ import annotations

from typing import Final

from collector.model.connection_types import connection_types, sensitive_fields, unmarked_secret_fields
from collector.model.record import Json

_ADDRESSES: Final = "may_embed_secret"


def listed_names() -> list[str]:
    """The names of fields that are marked as sensitive for at least one type."""
    names: list[str] = sensitive_fields()["_names"]
    return names


def unmarked_secrets(type_id: str | None) -> list[str]:
    """The paths of a type's unmarked fields that are secrets."""
    groups = unmarked_secret_fields().get(type_id, {})
    return [path for group, paths in groups.items() if group != _ADDRESSES for path in paths]


def unmarked_addresses(type_id: str | None) -> list[str]:
    """The paths of a type's unmarked fields that may embed a secret."""
    paths: list[str] = unmarked_secret_fields().get(type_id, {}).get(_ADDRESSES, [])
    return paths


def packaged_fields(type_id: str | None) -> dict[str, bool]:
    """The fields of a type in the packaged schema: path → is it marked as sensitive?"""
    fields = connection_types().get(type_id, {}).get("fields", ())
    known = {field["name"]: bool(field.get("sensitive")) for field in fields}
    return known | dict.fromkeys(sensitive_fields().get(type_id, ()), True)


def fields_of_schema(schema: Json) -> dict[str, bool]:
    """The fields in the JSON Schema of a configuration: path → is it marked as sensitive?

    Marks are Polytomic's `sensitive` and `password`, and JSON Schema's `writeOnly` and `format: password`. Any other
    value has no fields.
    """
    fields: dict[str, bool] = {}
    left: list[tuple[str, Json]] = [("", schema)]
    while left:
        path, node = left.pop()
        if not isinstance(node, dict):
            continue
        if path:
            within = (node, node.get("items"), node.get("additionalProperties"))
            fields[path] = fields.get(path, False) or any(map(_is_marked, within))
        left.extend((path, choice) for key in _CHOICES for choice in _listed(node.get(key)))
        if isinstance(properties := node.get("properties"), dict):
            left.extend((f"{path}.{key}" if path else key, inner) for key, inner in properties.items())
        if path and isinstance(items := node.get("items"), dict) and isinstance(items.get("properties"), dict):
            left.append((f"{path}[]", {"properties": items["properties"]}))
    return {path: marked for path, marked in fields.items() if not path.endswith("[]")}


_MARKED_BY: Final = ("sensitive", "password", "writeOnly")
_CHOICES: Final = ("allOf", "anyOf", "oneOf")


def _is_marked(node: Json) -> bool:
    return isinstance(node, dict) and (
        any(node.get(mark) is True for mark in _MARKED_BY) or node.get("format") == "password"
    )


def _listed(choices: Json) -> list[Json]:
    return choices if isinstance(choices, list) else []
