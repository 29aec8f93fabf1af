"""Connection ids: their form, and an ordered set of them. Must not know their source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

ID_PATTERN: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""A regular expression for a canonical id."""

_CANONICAL = re.compile(ID_PATTERN, re.ASCII)
_ANYWHERE = re.compile(rf"(?<![0-9a-f-]){ID_PATTERN}(?![0-9a-f-])", re.ASCII | re.IGNORECASE)


def canonical_id(text: str) -> str | None:
    """`text` as a lower-case 8-4-4-4-12 id, or None if it is not an id.

    Stricter than `uuid.UUID`, which accepts braces, `urn:uuid:` and digits of other scripts. The result is safe in a
    URL path.
    """
    lowered = text.lower() if text.isascii() else text
    return lowered if is_canonical(lowered) else None


def is_canonical(text: str) -> bool:
    """Is `text` an id as `canonical_id` returns it?"""
    return _CANONICAL.fullmatch(text) is not None


def ids_in(text: str) -> list[str]:
    """All ids in a text, in canonical form."""
    return [found.lower() for found in _ANYWHERE.findall(text)]


class IdSet:
    """Unique canonical ids in insertion order, stored in 16 bytes each instead of 36.

    Each can be marked as done; iteration yields the others.
    """

    def __init__(self) -> None:
        self._packed: dict[bytes, bool] = {}  # id → is it done?

    def add(self, canonical: str) -> bool:
        """Add an id from `canonical_id`. Returns False for a duplicate."""
        packed = _pack(canonical)
        if packed in self._packed:
            return False
        self._packed[packed] = False
        return True

    def mark_done(self, canonical: str) -> bool:
        """Mark an id as done. Returns False if it is not in the set or was done already."""
        packed = _pack(canonical)
        if self._packed.get(packed, True):
            return False
        self._packed[packed] = True
        return True

    def clear_done(self) -> None:
        """Mark every id as not done."""
        for packed in self._packed:
            self._packed[packed] = False

    def discard(self, canonical: str) -> bool:
        """Remove an id. Returns False if it is not in the set."""
        return self._packed.pop(_pack(canonical), None) is not None

    def all(self) -> Iterator[str]:
        """Every id, done or not."""
        return map(_unpack, self._packed)

    def __contains__(self, canonical: str) -> bool:
        return _pack(canonical) in self._packed

    def digest(self) -> str:
        """The SHA-256 (hex) over the sorted ids, each followed by a line feed."""
        digest = hashlib.sha256()
        for packed in sorted(self._packed):
            digest.update(_unpack(packed).encode() + b"\n")
        return digest.hexdigest()

    def __iter__(self) -> Iterator[str]:
        return (_unpack(packed) for packed, is_done in self._packed.items() if not is_done)

    def __len__(self) -> int:
        return len(self._packed)

    def __repr__(self) -> str:
        return f"<IdSet of {len(self)}>"


def _pack(canonical: str) -> bytes:
    return bytes.fromhex(canonical.replace("-", ""))


def _unpack(packed: bytes) -> str:
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
