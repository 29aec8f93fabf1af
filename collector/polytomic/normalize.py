"""One API body → one record of schema 1. Pure: the time and the run's name are arguments.

The record never surprises a loader: every key of `FIELDS` is always there and holds the type it always holds, or
null. Whatever else the API sends (a field this schema does not know, or a known one of another type) is kept in
`extra`, redacted, under the name and nesting it came with.
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
"""The name that a value has in the API's object, the one it has in a record, and the JSON type it has in both."""


def _expected_in(parent: str) -> Expected:
    """The fields that stand in the object `parent` below `data`, or, for an empty one, in `data` itself."""
    return tuple(
        (field.source.rpartition(".")[2], field.name, JSON_TYPES[field.kind])
        for field in RECORD
        if field.source is not None
        and field.source.rpartition(".")[0] == parent
        and JSON_TYPES[field.kind] is not list  # which is taken as a list of texts, or not at all
    )


_OWN: Final = _expected_in("")
_NESTED: Final = tuple((parent, _expected_in(parent)) for parent in ("type", "created_by", "updated_by"))
_PARENTS: Final = frozenset(parent for parent, _ in _NESTED)
_LOWERED: Final = tuple(field.name for field in RECORD if field.kind is Kind.ID and field.name != "id")
_TIMES: Final = tuple(field.name for field in RECORD if field.kind is Kind.TIME and field.source)
_PICTURES: Final = tuple(key for _, key in NOT_KEPT)
_MAYBE_TEXT: Final = (str, type(None))
_ONLY_TEXT: Final = frozenset((str,))


def normalize(
    data: dict[str, Json], asked: str, redactor: Redactor, *, collected_at: str, run_id: str
) -> tuple[Record, tuple[Redaction, ...], int]:
    """The record of the connection `asked` for (a canonical id) out of a body's `data`, which is used up.

    With it come its values that were masked, and how many of its timestamps are none and stayed as they
    came. Raises `BadPayload` when it is not that connection, never anything else.
    """
    record: Record = dict.fromkeys(FIELDS)
    masked = list[Redaction]()
    _take(data, record, _OWN)
    if record["id"] != asked and _lower_id(record["id"]) != asked:
        raise BadPayload("the body is of another connection", 200)
    record["id"] = asked
    record["type_operations"] = _take_of_type(data)
    record["policies"] = [_lower_id(policy) for policy in _take_texts(data, "policies")]
    for parent, expected in _NESTED:
        _take_nested(data, record, parent, expected)
    for key in _LOWERED:
        record[key] = _lower_id(record[key])
    if "configuration" in data:  # no object, so it has no parts that a mark could be matched to
        data["configuration"] = REDACTED  # counted below as masked by the server
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
    """Where the value that a body's `data` has under `keys` is in its record; None for one that is not kept."""
    extra, first, second = record["extra"], keys[0], keys[1] if len(keys) > 1 else ""
    if first in _PARENTS and second and second not in (extra.get(first) or ()):
        if (first, second) in NOT_KEPT:
            return None
        if (joined := f"{first}_{second}".lower()) in record:
            return (joined, *keys[2:])
    return keys if first in record and first not in extra else ("extra", *keys)


def type_id_of(data: dict[str, Json]) -> Json:
    """The type of connection a body's `data` says it is of, if it does."""
    kind = data.get("type")
    return kind.get("id") if isinstance(kind, dict) else None


def _take(source: dict[str, Json], record: Record, expected: Expected) -> None:
    """Take the expected fields out of `source` into `record`; one of another type stays, and is null in the record."""
    for key, name, kind in expected:
        value = source.pop(key, None)
        if type(value) is kind:  # not isinstance: true is no integer here
            record[name] = value
        elif value is not None:
            source[key] = value


def _take_nested(data: dict[str, Json], record: Record, parent: str, expected: Expected) -> None:
    """Take the expected fields out of a nested object; what else is in it stays in `data` under its name."""
    nested = data.get(parent)
    if type(nested) is dict:
        _take(nested, record, expected)
    if not nested and (nested is None or type(nested) is dict):
        data.pop(parent, None)


def _take_of_type(data: dict[str, Json]) -> list[str]:
    """Take a type's operations, and what is not kept of it, out of `data`."""
    kind = data.get("type")
    if type(kind) is not dict:
        return []
    for key in _PICTURES:
        if type(kind.get(key)) in _MAYBE_TEXT:
            kind.pop(key, None)
    # Older servers capitalize the key (polytomic-go, fixtures of 2022).
    return _take_texts(kind, "operations") or _take_texts(kind, "Operations")


def _take_texts(source: dict[str, Json], key: str) -> list[str]:
    """Take a list of strings out of `source`: an empty one for a missing one, and for anything else, which stays."""
    values = source.pop(key, None)
    if values is None or (type(values) is list and _ONLY_TEXT.issuperset(map(type, values))):
        return values or []
    source[key] = values
    return []


def _normalize_times(values: dict[str, Json], keys: tuple[str, ...]) -> int:
    """Bring the timestamps under `keys` into form, in place; returns how many are none, which stay as they came."""
    unparsed = 0
    for key in keys:
        text = values.get(key)
        if type(text) is str:
            moment = to_utc(text)
            if moment is None:
                unparsed += 1
            else:
                values[key] = moment
    return unparsed


def _lower_id(text: str | None) -> str | None:
    if text is None or text == (lowered := text.lower()):
        return text
    return lowered if canonical_id(text) else text  # only an id is lowered
