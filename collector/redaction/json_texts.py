"""JSON that is written in a text, read and written again."""

from __future__ import annotations

import json
from typing import Final

import orjson

from collector.model.record import Json

JSON_STARTS: Final = frozenset('{["\ufeff')
"""What JSON begins with that holds more than one value."""


def with_twins(text: str) -> Json:
    """JSON with an array of all values where a key stands more than once; None where none does.

    Of such values parsers take the last, but whoever reads the text sees them all.
    """
    has_any = False

    def every(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal has_any
        found = dict(pairs)
        if len(found) < len(pairs):
            has_any = True
            by_key: dict[str, list[Json]] = {}
            for key, value in pairs:
                by_key.setdefault(key, []).append(value)
            found = {key: values if len(values) > 1 else values[0] for key, values in by_key.items()}
        return found

    value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=every)
    return value if has_any else None


def dump(value: Json) -> str:
    """The value as compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
