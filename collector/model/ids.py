"""Connection ids: what is one, and an ordered set of them. Knows nothing of where they come from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_FORM = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CANONICAL = re.compile(_FORM, re.ASCII)
_ANYWHERE = re.compile(rf"(?<![0-9a-f-]){_FORM}(?![0-9a-f-])", re.ASCII | re.IGNORECASE)


def canonical_id(text: str) -> str | None:
    """`text` as a lower-case 8-4-4-4-12 id, or None when it is not one.

    Stricter than `uuid.UUID`, which takes braces, `urn:uuid:` and digits of other scripts: what passes here can
    stand in a URL path as it is.
    """
    lowered = text.lower() if text.isascii() else text
    return lowered if is_canonical(lowered) else None


def is_canonical(text: str) -> bool:
    """Is `text` an id as `canonical_id` returns it?"""
    return _CANONICAL.fullmatch(text) is not None


def ids_in(text: str) -> list[str]:
    """The canonical ids that stand anywhere in a text."""
    return [found.lower() for found in _ANYWHERE.findall(text)]


class IdSet:
    """Canonical ids in the order they were first added, each once; 16 bytes of payload an id, not 36.

    Each can be ticked off; iterating yields those that are not.
    """

    def __init__(self) -> None:
        self._packed: dict[bytes, bool] = {}  # is it ticked off?

    def add(self, canonical: str) -> bool:
        """Add an id that `canonical_id` returned; False when it was there already."""
        packed = _pack(canonical)
        if packed in self._packed:
            return False
        self._packed[packed] = False
        return True

    def mark_done(self, canonical: str) -> bool:
        """Tick an id off; False when it is not in the set, or was ticked off before."""
        packed = _pack(canonical)
        if self._packed.get(packed, True):
            return False
        self._packed[packed] = True
        return True

    def clear_done(self) -> None:
        """Nothing is ticked off any more."""
        for packed in self._packed:
            self._packed[packed] = False

    def digest(self) -> str:
        """The SHA-256 (hex) over the sorted ids, each followed by a line feed."""
        whole = hashlib.sha256()
        for packed in sorted(self._packed):
            whole.update(_unpack(packed).encode() + b"\n")
        return whole.hexdigest()

    def __iter__(self) -> Iterator[str]:
        return (_unpack(packed) for packed, ticked in self._packed.items() if not ticked)

    def __len__(self) -> int:
        return len(self._packed)

    def __repr__(self) -> str:
        return f"<IdSet of {len(self)}>"


def _pack(canonical: str) -> bytes:
    return bytes.fromhex(canonical.replace("-", ""))


def _unpack(packed: bytes) -> str:
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
