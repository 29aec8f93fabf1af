"""Parsing and serialization of JSON inside texts."""

from __future__ import annotations

import json
from typing import Final

import orjson

from collector.model.record import Json

JSON_STARTS: Final = frozenset('{["\ufeff')
"""The first characters of JSON objects, arrays and strings, and of a byte order mark."""


def with_duplicate_keys(text: str) -> Json:
    """The JSON value with an array of all values for each duplicate key; None without duplicate keys.

    Parsers keep only the last value of a duplicate key, but a reader of the text sees all of them.
    """
    has_duplicates = False

    def merge(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal has_duplicates
        found = dict(pairs)
        if len(found) < len(pairs):
            has_duplicates = True
            by_key: dict[str, list[Json]] = {}
            for key, value in pairs:
                by_key.setdefault(key, []).append(value)
            found = {key: values if len(values) > 1 else values[0] for key, values in by_key.items()}
        return found

    value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=merge)
    return value if has_duplicates else None


def dump(value: Json) -> str:
    """The value as compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
