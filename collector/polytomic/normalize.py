"""One API body → one record of schema 1. Pure: the time and the run id are arguments.

The record has the same shape for every connection: each key of `FIELDS` is present, with a value of its type or null.
Unknown fields, and known fields of an unexpected type, are kept in `extra`, redacted, under their original names and
nesting.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from collector.client.failures import BadPayload
from collector.model.ids import canonical_id
from collector.model.outcome import Redaction
from collector.model.record import FIELDS, JSON_TYPES, NOT_KEPT, RECORD, SCHEMA, Json, Kind, Record
from collector.model.secret import REDACTED
from collector.model.timestamps import to_utc
from collector.redaction.redactor import Redactor

Expected: TypeAlias = tuple[tuple[str, str, type], ...]
"""Per field: its name in the API's object, its name in the record, and its JSON type."""


def _expected_in(parent: str) -> Expected:
    """The fields of the object `parent` below `data`, or of `data` itself for an empty name."""
    return tuple(
        (field.source.rpartition(".")[2], field.name, JSON_TYPES[field.kind])
        for field in RECORD
        if field.source is not None
        and field.source.rpartition(".")[0] == parent
        and JSON_TYPES[field.kind] is not list  # lists are taken by `_take_texts`
    )


_TOP_LEVEL: Final = _expected_in("")
_NESTED: Final = tuple((parent, _expected_in(parent)) for parent in ("type", "created_by", "updated_by"))
_PARENTS: Final = frozenset(parent for parent, _ in _NESTED)
_LOWERCASE_IDS: Final = tuple(field.name for field in RECORD if field.kind is Kind.ID and field.name != "id")
_TIMES: Final = tuple(field.name for field in RECORD if field.kind is Kind.TIME and field.source)
_DISCARDED: Final = tuple(key for _, key in NOT_KEPT)
_TEXT_OR_NULL: Final = (str, type(None))
_ONLY_TEXT: Final = frozenset((str,))


def normalize(
    data: dict[str, Json], connection_id: str, redactor: Redactor, *, collected_at: str, run_id: str
) -> tuple[Record, tuple[Redaction, ...], int]:
    """The record of `connection_id` (canonical), built from a body's `data`, which is consumed.

    Also returns the masked values and the number of unparsable timestamps, which are kept verbatim. Raises only
    `BadPayload`, if the body is of another connection.
    """
    record: Record = dict.fromkeys(FIELDS)
    masked = list[Redaction]()
    _take(data, record, _TOP_LEVEL)
    if record["id"] != connection_id and _lower_id(record["id"]) != connection_id:
        raise BadPayload("the body is of another connection", 200)
    record["id"] = connection_id
    record["type_operations"] = _take_type_operations(data)
    record["policies"] = [_lower_id(policy) for policy in _take_texts(data, "policies")]
    for parent, expected in _NESTED:
        _take_nested(data, record, parent, expected)
    for key in _LOWERCASE_IDS:
        record[key] = _lower_id(record[key])
    if "configuration" in data:  # not an object: no field of a schema applies to it
        data["configuration"] = REDACTED  # `redact_elsewhere` counts it as masked by the server
    record["extra"] = data
    redactor.redact_elsewhere(data, "extra", masked)
    if configuration := record["configuration"]:
        redactor.redact_configuration(configuration, record["type_id"], masked)
    unparsed = _normalize_times(record, _TIMES)
    if (rate_limit := record["rate_limit"]) is not None:
        redactor.redact_elsewhere(rate_limit, "rate_limit", masked)
        unparsed += _normalize_times(rate_limit, ("limited_since", "expires_at"))
    record["_collected_at"], record["_run_id"], record["_schema"] = collected_at, run_id, SCHEMA
    redactor.redact_texts(record, masked)
    return record, tuple(masked), unparsed


def path_in(record: Record, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path in the record of the value at `keys` in a body's `data`; None if the record does not keep it."""
    extra, first, second = record["extra"], keys[0], keys[1] if len(keys) > 1 else ""
    if first in _PARENTS and second and second not in (extra.get(first) or ()):
        if (first, second) in NOT_KEPT:
            return None
        if (joined := f"{first}_{second}".lower()) in record:
            return (joined, *keys[2:])
    return keys if first in record and first not in extra else ("extra", *keys)


def type_id_of(data: dict[str, Json]) -> Json:
    """The connection type in a body's `data`, or None."""
    kind = data.get("type")
    return kind.get("id") if isinstance(kind, dict) else None


def _take(source: dict[str, Json], record: Record, expected: Expected) -> None:
    """Move the expected fields from `source` to `record`. A value of another type stays, and is null in the record."""
    for key, name, kind in expected:
        value = source.pop(key, None)
        if type(value) is kind:  # not isinstance: true is not an integer here
            record[name] = value
        elif value is not None:
            source[key] = value


def _take_nested(data: dict[str, Json], record: Record, parent: str, expected: Expected) -> None:
    """Move the expected fields out of a nested object. Its other fields stay in `data`, under its name."""
    nested = data.get(parent)
    if type(nested) is dict:
        _take(nested, record, expected)
    if not nested and (nested is None or type(nested) is dict):
        data.pop(parent, None)


def _take_type_operations(data: dict[str, Json]) -> list[str]:
    """Remove a type's operations and its discarded fields from `data`, and return the operations."""
    kind = data.get("type")
    if type(kind) is not dict:
        return []
    for key in _DISCARDED:
        if type(kind.get(key)) in _TEXT_OR_NULL:
            kind.pop(key, None)
    # Older servers capitalize the key (polytomic-go, fixtures of 2022).
    return _take_texts(kind, "operations") or _take_texts(kind, "Operations")


def _take_texts(source: dict[str, Json], key: str) -> list[str]:
    """Remove and return a list of strings; empty if it is missing, or if the value has another type and so stays."""
    values = source.pop(key, None)
    if values is None or (type(values) is list and _ONLY_TEXT.issuperset(map(type, values))):
        return values or []
    source[key] = values
    return []


def _normalize_times(values: dict[str, Json], keys: tuple[str, ...]) -> int:
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


def _lower_id(text: str | None) -> str | None:
    if text is None or text == (lowered := text.lower()):
        return text
    return lowered if canonical_id(text) else text  # only ids are lower-cased
