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
from collector.model.record import SCHEMA, Json, Record
from collector.model.secret import REDACTED
from collector.model.timestamps import to_utc
from collector.redaction.redactor import Redactor

Expected: TypeAlias = tuple[tuple[str, type], ...]
"""Names of fields and the JSON type each has."""

_CONNECTION: Final = (
    ("id", str),
    ("name", str),
    ("organization_id", str),
    ("parent_connection_id", str),
    ("type", dict),
    ("status", str),
    ("status_error", str),
    ("saved", bool),
    ("api_calls_last_24_hours", int),
    ("rate_limit", dict),
    ("created_at", str),
    ("created_by", dict),
    ("updated_at", str),
    ("updated_by", dict),
    ("configuration", dict),
)
_TYPE: Final = (("id", str), ("name", str))
_ACTOR: Final = (("id", str), ("name", str), ("type", str))
_NESTED: Final = frozenset(("type", "created_by", "updated_by"))
_ONLY_TEXT: Final = frozenset((str,))


def normalize(
    data: dict[str, Json], asked: str, redactor: Redactor, *, collected_at: str, run_id: str
) -> tuple[Record, tuple[Redaction, ...], int]:
    """The record of the connection `asked` for (a canonical id) out of a body's `data`, which is used up.

    With it come its values that were masked, and how many of its timestamps are none and stayed as they
    came. Raises `BadPayload` when it is not that connection, never anything else.
    """
    rest, masked = data, list[Redaction]()
    (
        found, name, organization_id, parent_id, kind, status, status_error, saved, calls, rate_limit,
        created_at, created_by, updated_at, updated_by, configuration,
    ) = _take(rest, _CONNECTION)  # fmt: skip
    if found != asked and _lower_id(found) != asked:
        raise BadPayload("the body is of another connection", 200)
    # Older servers capitalize the key (polytomic-go, fixtures of 2022).
    operations = [] if kind is None else _take_texts(kind, "operations") or _take_texts(kind, "Operations")
    policies = [_lower_id(policy) for policy in _take_texts(rest, "policies")]
    type_id, type_name = _take_nested(rest, "type", kind, _TYPE)
    creator_id, creator_name, creator_type = _take_nested(rest, "created_by", created_by, _ACTOR)
    updater_id, updater_name, updater_type = _take_nested(rest, "updated_by", updated_by, _ACTOR)
    if "configuration" in rest:  # no object, so it has no parts that a mark could be matched to
        rest["configuration"] = REDACTED  # counted below as masked by the server
    redactor.redact_elsewhere(rest, "extra", masked)
    if configuration:
        redactor.redact_configuration(configuration, type_id, masked)
    created, unparsed = _time(created_at)
    updated, also_unparsed = _time(updated_at)
    unparsed += also_unparsed
    if rate_limit is not None:
        redactor.redact_elsewhere(rate_limit, "rate_limit", masked)
        unparsed += _normalize_times(rate_limit, ("limited_since", "expires_at"))
    record: Record = {
        "id": asked,
        "name": name,
        "organization_id": _lower_id(organization_id),
        "parent_connection_id": _lower_id(parent_id),
        "type_id": type_id,
        "type_name": type_name,
        "type_operations": operations,
        "status": status,
        "status_error": status_error,
        "saved": saved,
        "policies": policies,
        "api_calls_last_24_hours": calls,
        "rate_limit": rate_limit,
        "created_at": created,
        "created_by_id": _lower_id(creator_id),
        "created_by_name": creator_name,
        "created_by_type": creator_type,
        "updated_at": updated,
        "updated_by_id": _lower_id(updater_id),
        "updated_by_name": updater_name,
        "updated_by_type": updater_type,
        "configuration": configuration,
        "extra": rest,
        "_collected_at": collected_at,
        "_run_id": run_id,
        "_schema": SCHEMA,
    }
    redactor.redact_texts(record, masked)
    return record, tuple(masked), unparsed


def path_in(record: Record, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Where the value that a body's `data` has under `keys` is in its record."""
    extra, first, second = record["extra"], keys[0], keys[1] if len(keys) > 1 else ""
    joined = f"{first}_{second}".lower()
    if first in _NESTED and joined in record and second not in (extra.get(first) or ()):
        return (joined, *keys[2:])
    return keys if first in record and first not in extra else ("extra", *keys)


def type_id_of(data: dict[str, Json]) -> Json:
    """The type of connection a body's `data` says it is of, if it does."""
    kind = data.get("type")
    return kind.get("id") if isinstance(kind, dict) else None


def _take(source: dict[str, Json], expected: Expected) -> list[Json]:
    """Take the expected fields out of `source`: null for a missing one, and for one of another type, which stays."""
    values: list[Json] = []
    for key, kind in expected:
        value = source.pop(key, None)
        if type(value) is not kind and value is not None:  # not isinstance: true is no integer here
            source[key] = value
            value = None
        values.append(value)
    return values


def _take_nested(rest: dict[str, Json], key: str, nested: dict[str, Json] | None, expected: Expected) -> list[Json]:
    """The expected fields of a nested object; what else is in it goes back to `rest` under its `key`."""
    if nested is None:
        return [None] * len(expected)
    values = _take(nested, expected)
    if nested:
        rest[key] = nested
    return values


def _take_texts(source: dict[str, Json], key: str) -> list[str]:
    """Take a list of strings out of `source`: an empty one for a missing one, and for anything else, which stays."""
    values = source.pop(key, None)
    if values is None or (type(values) is list and _ONLY_TEXT.issuperset(map(type, values))):
        return values or []
    source[key] = values
    return []


def _time(text: str | None) -> tuple[str | None, int]:
    """A timestamp and 0, or what came and 1 when it is none."""
    if text is None:
        return None, 0
    moment = to_utc(text)
    return (text, 1) if moment is None else (moment, 0)


def _normalize_times(values: dict[str, Json], keys: tuple[str, ...]) -> int:
    """Bring the timestamps under `keys` into form, in place; returns how many are none."""
    unparsed = 0
    for key in keys:
        if type(values.get(key)) is str:
            values[key], odd = _time(values[key])
            unparsed += odd
    return unparsed


def _lower_id(text: str | None) -> str | None:
    if text is None or text == (lowered := text.lower()):
        return text
    return lowered if canonical_id(text) else text  # only an id is lowered
