"""Keys of objects that are secrets themselves."""

from __future__ import annotations

from collections import Counter
from typing import Final

from collector.model.record import Json
from collector.redaction.detect.patterns import mask
from collector.redaction.substitute import CONSTANT

_SHORTEST_TOKEN: Final = 17  # characters of what has the form of a secret and could be a key


def mask_keys(values: dict[str, Json]) -> None:
    """Put masks in the place of keys that are secrets themselves; done first, since paths are written too."""
    masked = list(map(masked_key, values))
    if masked == list(values):
        return
    items = list(values.values())
    values.clear()
    numbers: Counter[str] = Counter()
    for key, value in zip(masked, items, strict=True):
        unused = key
        while unused in values:
            numbers[key] += 1  # goes on where the last one of its like stopped
            unused = f"{key} {numbers[key] + 1}"
        values[unused] = value


def masked_key(key: str) -> str:
    """A key, or a mask in its place."""
    return mask(key, CONSTANT) if len(key) >= _SHORTEST_TOKEN else key
