"""The shape of records in a manifest, encoded and decoded. Pure.

The sample ids of a field are left out if they are those of its connection type, as most are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from collector.model.ids import is_canonical
from collector.model.record import Json
from collector.model.record_fields import JSON_TYPES
from collector.model.shape import MAX_FIELDS, MAX_IDS, MAX_TYPES, Seen, Shape, TypeShape
from collector.snapshot.json_document import JsonNode

_TYPES: Final = tuple(sorted(JSON_TYPES))


def shape_as_json(shape: Shape) -> dict[str, Json]:
    """The shape as a JSON object, with the types and paths in alphabetical order."""
    types = {type_id: _type_as_json(found) for type_id, found in sorted(shape.types.items())}
    return {"types": types, "left_out": shape.left_out}


def _type_as_json(found: TypeShape) -> dict[str, Json]:
    return {
        "records": found.seen.records,
        "ids": list(found.seen.ids),
        "fields": {path: _counts(types) for path, types in sorted(found.fields.items())},
        "field_ids": {
            path: ids for path, types in sorted(found.fields.items()) if (ids := _other_ids(types, found.seen.ids))
        },
        "left_out": found.left_out,
    }


def _counts(types: Mapping[str, Seen]) -> dict[str, Json]:
    return {name: types[name].records for name in _TYPES if name in types}


def _other_ids(types: Mapping[str, Seen], ids: tuple[str, ...]) -> dict[str, Json]:
    return {name: list(types[name].ids) for name in _TYPES if name in types and types[name].ids != ids}


def decode_shape(found: JsonNode) -> Shape:
    """Decode a shape. Raises only `Malformed`."""
    types = dict(found["types"].members())
    if len(types) > MAX_TYPES:
        found["types"].reject(f"has more than {MAX_TYPES} members")
    return Shape({type_id: _type(node) for type_id, node in types.items()}, found["left_out"].count())


def _type(found: JsonNode) -> TypeShape:
    seen = Seen(found["records"].count(), _ids(found["ids"]))
    _require_number_of_ids(found["ids"], seen)
    fields, other_ids = dict(found["fields"].members()), dict(found["field_ids"].members())
    if len(fields) > MAX_FIELDS:
        found["fields"].reject(f"has more than {MAX_FIELDS} members")
    for path, node in other_ids.items():
        if path not in fields:
            node.reject("not a path of fields")
    decoded = {path: _field(node, other_ids.get(path), seen) for path, node in fields.items()}
    return TypeShape(seen, decoded, found["left_out"].count())


def _field(found: JsonNode, other_ids: JsonNode | None, of_type: Seen) -> dict[str, Seen]:
    counts = {name: (node, node.count()) for name, node in found.members()}
    ids = {name: (node, _ids(node)) for name, node in other_ids.members()} if other_ids else {}
    if not counts:
        found.reject("has no type")
    if ids.keys() - counts.keys():
        found.reject("has not all types of field_ids")
    decoded = {}
    for name, (node, count) in counts.items():
        if name not in JSON_TYPES:
            node.reject("not a JSON type")
        if not 0 < count <= of_type.records:
            node.reject("not between 1 and the number of records")
        place, its_ids = ids.get(name, (node, of_type.ids))
        decoded[name] = Seen(count, its_ids)
        _require_number_of_ids(place, decoded[name])
    return decoded


def _ids(found: JsonNode) -> tuple[str, ...]:
    ids = tuple(node.text() for node in found.elements())
    if list(ids) != sorted(set(ids)) or not all(map(is_canonical, ids)):
        found.reject("not distinct ids in alphabetical order")
    return ids


def _require_number_of_ids(found: JsonNode, seen: Seen) -> None:
    if len(seen.ids) != min(seen.records, MAX_IDS):
        found.reject(f"not {min(seen.records, MAX_IDS)} ids of {seen.records} records")
