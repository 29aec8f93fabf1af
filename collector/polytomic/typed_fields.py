"""Moves the fields of an API object to their places in a record or a row, by their name and JSON type. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from collector.model.ids import canonical_id
from collector.model.record import JSON_TYPES, Field, Json, Kind
from collector.model.record_form import Timestamps
from collector.model.timestamps import is_utc, to_utc

Expected: TypeAlias = tuple[tuple[str, str, type], ...]
"""Per field: its name in the API's object, its name in the record, and its JSON type."""

_ONLY_TEXT: Final = frozenset((str,))
_TAKEN_AS_TEXTS: Final = frozenset((Kind.IDS, Kind.TEXTS))


def expected_in(fields: Iterable[Field], parent: str) -> Expected:
    """The fields of the object `parent` below `data`, or of `data` itself for an empty name.

    Arrays of texts are missing: `take_texts` takes them.
    """
    return tuple(
        (field.source.rpartition(".")[2], field.name, JSON_TYPES[field.kind])
        for field in fields
        if field.source is not None and field.source.rpartition(".")[0] == parent and field.kind not in _TAKEN_AS_TEXTS
    )


def take(source: dict[str, Json], record: dict[str, Json], expected: Expected) -> None:
    """Move the expected fields from `source` to `record`. A value of another type stays, and is null in the record."""
    for key, name, kind in expected:
        value = source.pop(key, None)
        if type(value) is kind:  # not isinstance: true is not an integer here
            record[name] = value
        elif value is not None:
            source[key] = value


def take_nested(data: dict[str, Json], record: dict[str, Json], parent: str, expected: Expected) -> None:
    """Move the expected fields out of a nested object. Its other fields stay in `data`, under its name."""
    nested = data.get(parent)
    if type(nested) is dict:
        take(nested, record, expected)
    if not nested and (nested is None or type(nested) is dict):
        data.pop(parent, None)


def take_texts(source: dict[str, Json], key: str) -> list[str]:
    """Remove and return a list of strings; empty if it is missing, or if the value has another type and so stays."""
    values = source.pop(key, None)
    if values is None or (type(values) is list and _ONLY_TEXT.issuperset(map(type, values))):
        return values or []
    source[key] = values
    return []


def normalize_times(values: dict[str, Json], keys: tuple[str, ...]) -> int:
    """Normalize the timestamps under `keys`, in place. Returns the number of unparsable ones, kept verbatim."""
    unparsed = 0
    for key in keys:
        text = values.get(key)
        if type(text) is str:
            timestamp = to_utc(text)
            if timestamp is None:
                unparsed += 1
            else:
                values[key] = timestamp
    return unparsed


def normalize_sent_times(values: dict[str, Json], keys: tuple[str, ...], timestamps: Timestamps) -> int:
    """Normalize the timestamps of a record or row. Returns the number of unparsable ones that stay in their fields.

    Strict `timestamps` moves those to `extra`.
    """
    unparsed = normalize_times(values, keys)
    if not unparsed or timestamps is Timestamps.KEEP:
        return unparsed
    for key in keys:
        if (text := values[key]) is not None and not is_utc(text):
            values["extra"][key], values[key] = text, None
    return 0


def lower_id(text: str | None) -> str | None:
    """`text` in lower case if it is an id, otherwise unchanged."""
    if text is None or text == (lowered := text.lower()):
        return text
    return lowered if canonical_id(text) else text  # only ids are lower-cased
