"""The keys and types of a record, or of a row of a side table, as its line has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from collector.model.record import JSON_TYPES, RECORD, Field, Json, Kind, names_of
from collector.model.side_tables import SIDE_TABLES

RECORDS: Final = "record"
"""Names the table of records."""


def _types_of(fields: Iterable[Field]) -> dict[str, tuple[type, ...]]:
    return {
        field.name: (
            JSON_TYPES[field.kind],
            *((str,) if field.name == "configuration" else ()),  # its JSON as text
            *((type(None),) if field.is_nullable else ()),
        )
        for field in fields
    }


_FIELDS: Final = {RECORDS: RECORD, **{table.name: table.fields for table in SIDE_TABLES.values()}}
_TYPES: Final = {name: _types_of(fields) for name, fields in _FIELDS.items()}
_LISTS: Final = {name: names_of(Kind.IDS, Kind.TEXTS, fields=fields) for name, fields in _FIELDS.items()}
_TEXT_TYPES: Final = frozenset((str,))
_MAX_CACHED_SHAPES: Final = 1024  # a million records have a handful


def type_problem(table: str, values: Mapping[str, Json]) -> str | None:
    """The first missing key, wrong type or unknown key, or None."""
    return _problem(table, tuple(values), tuple(map(type, values.values())))


@lru_cache(_MAX_CACHED_SHAPES)
def _problem(table: str, keys: tuple[str, ...], kinds: tuple[type, ...]) -> str | None:
    found = dict(zip(keys, kinds, strict=True))
    for key, allowed in _TYPES[table].items():
        if key not in found:
            return f"missing key {key}"
        if found[key] not in allowed:
            return f"{key} is of type {found[key].__name__}"
    return "an unknown key" if len(found) > len(_TYPES[table]) else None


def has_only_texts(table: str, values: Mapping[str, Json]) -> bool:
    """Do the arrays of text contain only text?"""
    return all(_TEXT_TYPES.issuperset(map(type, values[key])) for key in _LISTS[table])
