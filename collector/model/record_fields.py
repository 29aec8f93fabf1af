"""The fields of a record whose keys the API chooses, with their JSON types. Pure.

These are the fields of `configuration`, `rate_limit` and `extra`. All other keys of a record are fixed by its schema. A
path has the notation of masked values: `configuration.hosts[].port`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from collector.model.record import Json, Record

NULL: Final = "null"
OBJECT: Final = "object"
ARRAY: Final = "array"
MAX_PATH_LENGTH: Final = 200

_NAMES: Final[dict[type, str]] = {
    type(None): NULL,
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: OBJECT,
    list: ARRAY,
}
JSON_TYPES: Final = frozenset(_NAMES.values())
"""The names of the JSON types. All numbers have one type, as in JSON."""

_ROOTS: Final = ("configuration", "rate_limit", "extra")
_MAX_VALUES: Final = 1000  # of one record
_MAX_DEPTH: Final = 8
_MAX_CACHED_VALUES: Final = 100  # of a form in the cache, so that its memory is bounded
_MAX_CACHED_FORMS: Final = 4096

_Form: TypeAlias = Any
"""The keys and types of a value without the values: a type, or a tuple that describes a container."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordFields:
    """The fields of the records of one form: pairs of a path and a JSON type. Equal only to itself.

    `left_out` counts values beyond the limits, each with all that it contains.
    """

    type_id: str
    fields: tuple[tuple[str, str], ...]
    left_out: int


def fields_of(record: Record) -> RecordFields:
    """The fields of a record. Records with the same keys and types usually share one result."""
    form = _FormReader()
    forms = tuple([form.read(record.get(root), 0) for root in _ROOTS])
    find = _fields if _MAX_VALUES - form.room <= _MAX_CACHED_VALUES else _fields.__wrapped__
    return find(record.get("type_id") or "", forms)


class _FormReader:
    """Reads the forms of the values of one record, within its limits."""

    __slots__ = ("room",)

    def __init__(self) -> None:
        self.room = _MAX_VALUES

    def read(self, value: Json, depth: int) -> _Form:
        kind = type(value)
        if kind is dict:
            return self._object(value, depth)
        return self._array(value, depth) if kind is list else kind

    def _object(self, value: dict[str, Json], depth: int) -> _Form:
        if len(value) > self.room or depth == _MAX_DEPTH:
            return (dict,)
        self.room -= len(value)
        kinds: tuple[_Form, ...] = tuple(map(type, value.values()))
        if dict in kinds or list in kinds:
            kinds = tuple(self.read(each, depth + 1) for each in value.values())
        return (dict, tuple(value), kinds)

    def _array(self, value: list[Json], depth: int) -> _Form:
        kinds: frozenset[_Form] = frozenset(map(type, value))
        if dict in kinds or list in kinds:
            if len(value) > self.room or depth == _MAX_DEPTH:
                return (list,)
            self.room -= len(value)
            kinds = frozenset(self.read(each, depth + 1) for each in value)
        return (list, kinds)


@lru_cache(_MAX_CACHED_FORMS)
def _fields(type_id: str, forms: tuple[_Form, ...]) -> RecordFields:
    found: list[tuple[str, str]] = []
    for root, form in zip(_ROOTS, forms, strict=True):
        _walk(root, form, found)
    fields = tuple(dict.fromkeys(each for each in found if each[1]))
    return RecordFields(type_id, fields, sum(not name for _, name in found))


def _walk(path: str, form: _Form, found: list[tuple[str, str]]) -> None:
    """Add each path with its type to `found`; the type is empty for a value that is left out."""
    if len(path) > MAX_PATH_LENGTH:
        found.append((path, ""))
    elif type(form) is not tuple:
        found.append((path, _NAMES[form]))
    else:
        kind, *content = form
        found.append((path, _NAMES[kind]))
        match content:
            case []:
                found.append((path, ""))
            case [keys, forms]:
                for key, inner in zip(keys, forms, strict=True):
                    _walk(f"{path}.{key}", inner, found)
            case [forms]:
                for inner in forms:
                    _walk(f"{path}[]", inner, found)
