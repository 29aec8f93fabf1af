"""Masks object keys that are themselves secrets."""

from __future__ import annotations

from collections import Counter
from typing import Final

from collector.model.record import Json
from collector.redaction.detect.patterns import mask
from collector.redaction.substitute import CONSTANT

_MIN_TOKEN_LENGTH: Final = 17  # minimum length of a key that can have the form of a secret


def mask_keys(values: dict[str, Json]) -> None:
    """Mask the keys that are secrets, in place. Done before the values, because paths are written too."""
    masked = list(map(masked_key, values))
    if masked == list(values):
        return
    items = list(values.values())
    values.clear()
    numbers: Counter[str] = Counter()
    for key, value in zip(masked, items, strict=True):
        unused = key
        while unused in values:
            numbers[key] += 1  # continues after the last number for this key
            unused = f"{key} {numbers[key] + 1}"
        values[unused] = value


def masked_key(key: str) -> str:
    """The key, or its mask."""
    return mask(key, CONSTANT) if len(key) >= _MIN_TOKEN_LENGTH else key
