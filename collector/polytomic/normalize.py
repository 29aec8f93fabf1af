"""One API body → one record of schema 1. Pure: the time and the run id are arguments.

The record has the same shape for every connection: each key of `FIELDS` is present, with a value of its type or null.
Unknown fields, and known fields of an unexpected type, are kept in `extra`, redacted, under their original names and
nesting.
"""

from __future__ import annotations

from typing import Final

from collector.client.failures import BadPayload
from collector.model.outcome import Redaction
from collector.model.record import FIELDS, NOT_KEPT, RECORD, SCHEMA, Json, Kind, Record, count_texts, sent_times
from collector.model.record_form import Timestamps
from collector.model.secret import REDACTED
from collector.polytomic.typed_fields import (
    expected_in,
    lower_id,
    normalize_sent_times,
    normalize_times,
    take,
    take_nested,
    take_texts,
)
from collector.redaction.redactor import Redactor

_TOP_LEVEL: Final = expected_in(RECORD, "")
_NESTED: Final = tuple((parent, expected_in(RECORD, parent)) for parent in ("type", "created_by", "updated_by"))
_PARENTS: Final = frozenset(parent for parent, _ in _NESTED)
_LOWERCASE_IDS: Final = tuple(field.name for field in RECORD if field.kind is Kind.ID and field.name != "id")
_TIMES: Final = sent_times()
_DISCARDED: Final = tuple(key for _, key in NOT_KEPT)
_TEXT_OR_NULL: Final = (str, type(None))


def normalize(
    data: dict[str, Json],
    connection_id: str,
    redactor: Redactor,
    *,
    collected_at: str,
    run_id: str,
    timestamps: Timestamps = Timestamps.KEEP,
) -> tuple[Record, tuple[Redaction, ...], int]:
    """The record of `connection_id` (canonical), built from a body's `data`, which is consumed.

    Also returns the masked values and the number of unparsable timestamps, which are kept verbatim, in their fields or
    in `extra`. Raises only `BadPayload`, if the body is of another connection.
    """
    record: Record = dict.fromkeys(FIELDS)
    masked = list[Redaction]()
    take(data, record, _TOP_LEVEL)
    if record["id"] != connection_id and lower_id(record["id"]) != connection_id:
        raise BadPayload("the body is of another connection", 200)
    record["id"] = connection_id
    record["type_operations"] = _take_type_operations(data)
    record["policies"] = [lower_id(policy) for policy in take_texts(data, "policies")]
    for parent, expected in _NESTED:
        take_nested(data, record, parent, expected)
    for key in _LOWERCASE_IDS:
        record[key] = lower_id(record[key])
    if "configuration" in data:  # not an object: no field of a schema applies to it
        data["configuration"] = REDACTED  # `redact_elsewhere` counts it as masked by the server
    record["extra"] = data
    unparsed = normalize_sent_times(record, _TIMES, timestamps)
    redactor.redact_elsewhere(data, "extra", masked)
    unparsed += count_texts(data, _TIMES) if data else 0
    if configuration := record["configuration"]:
        redactor.redact_configuration(configuration, record["type_id"], masked)
    if (rate_limit := record["rate_limit"]) is not None:
        redactor.redact_elsewhere(rate_limit, "rate_limit", masked)
        unparsed += normalize_times(rate_limit, ("limited_since", "expires_at"))
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


def _take_type_operations(data: dict[str, Json]) -> list[str]:
    """Remove a type's operations and its discarded fields from `data`, and return the operations."""
    kind = data.get("type")
    if type(kind) is not dict:
        return []
    for key in _DISCARDED:
        if type(kind.get(key)) in _TEXT_OR_NULL:
            kind.pop(key, None)
    # Older servers capitalize the key (polytomic-go, fixtures of 2022).
    return take_texts(kind, "operations") or take_texts(kind, "Operations")
