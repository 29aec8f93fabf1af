"""The fields of each type of connection, and which of them are secrets, packaged or as the API has them now.

Reads nothing but the lists in `collector/data`. (Sources: the field marks of Polytomic's Terraform provider and of the
2025-09-18 connection type schemas; what these do not mark though it is a secret was found by reading them.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from collector.model import Json

_ADDRESSES: Final = "may_embed_secret"


def listed_names() -> list[str]:
    """The names of fields that are marked for some type."""
    names: list[str] = _load("sensitive_fields.json")["_names"]
    return names


def unmarked_secrets(type_id: str | None) -> list[str]:
    """The paths of fields of a type that are secrets without a mark."""
    groups = _load("unmarked_secret_fields.json").get(type_id, {})
    return [path for group, paths in groups.items() if group != _ADDRESSES for path in paths]


def unmarked_addresses(type_id: str | None) -> list[str]:
    """The paths of fields of a type that may have a secret in them."""
    paths: list[str] = _load("unmarked_secret_fields.json").get(type_id, {}).get(_ADDRESSES, [])
    return paths


def packaged_fields(type_id: str | None) -> dict[str, bool]:
    """The fields of a type as the packaged schema has it: path → is it marked as sensitive?"""
    fields = _load("connection_types.json").get(type_id, {}).get("fields", ())
    known = {field["name"]: bool(field.get("sensitive")) for field in fields}
    return known | dict.fromkeys(_load("sensitive_fields.json").get(type_id, ()), True)


def fields_of_schema(schema: Json) -> dict[str, bool]:
    """The fields a JSON Schema of a configuration describes: path → is it marked as sensitive?

    Marks are Polytomic's own `sensitive` and `password`, and JSON Schema's `writeOnly` and `format: password`. What is
    no schema has no fields.
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


@cache
def _load(name: str) -> Mapping[str | None, Json]:
    loaded: Mapping[str | None, Json] = json.loads((files("collector") / "data" / name).read_bytes())
    return loaded
