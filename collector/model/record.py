"""The record's schema: its keys, and the JSON values under them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

SCHEMA = 1
"""Major version of the record; within it keys are only added."""

FIELDS = (
    "id",
    "name",
    "organization_id",
    "parent_connection_id",
    "type_id",
    "type_name",
    "type_operations",
    "status",
    "status_error",
    "saved",
    "policies",
    "api_calls_last_24_hours",
    "rate_limit",
    "created_at",
    "created_by_id",
    "created_by_name",
    "created_by_type",
    "updated_at",
    "updated_by_id",
    "updated_by_name",
    "updated_by_type",
    "configuration",
    "extra",
    "_collected_at",
    "_run_id",
    "_schema",
)
"""Every key of a record, in order; all are always present."""

Json: TypeAlias = Any
"""What a JSON parser returns: None, bool, int, float, str, list or dict of these."""

Record: TypeAlias = dict[str, Json]
"""One connection as it is written: the keys of `FIELDS`."""


def texts_in(path: str, value: Json) -> Iterator[tuple[str, str]]:
    """Every text in a value that stands at `path`, with the path of each, such as `configuration.hosts[]`."""
    left: list[tuple[str, Json]] = [(path, value)]
    while left:
        at, inner = left.pop()
        if type(inner) is dict:
            left.extend((f"{at}.{key}", each) for key, each in inner.items())
        elif type(inner) is list:
            left.extend((f"{at}[]", each) for each in inner)
        elif type(inner) is str:
            yield at, inner


_NUL: Final = b"\\u0000"  # as JSON has it; the text \u0000 itself holds it too, so the values decide


def nul_paths(json_text: bytes, record: Record) -> tuple[str, ...]:
    """The paths of its texts with a NUL character, which PostgreSQL and others do not store.

    `json_text` is what the record was read from, or its line; a repaired body may hold the character itself.
    """
    if (b"\\" not in json_text or _NUL not in json_text) and b"\0" not in json_text:
        return ()
    return tuple(path for key, value in record.items() for path, text in texts_in(key, value) if "\0" in text)
