"""Connection ids that are computed from an index, and decoded back to it, without a table.

Theory of operation: an id has the form of a version 4 UUID. Its first 4 bytes are the masked index; the other 12
bytes are a tag. The tag is a keyed hash of the index; the mask is a keyed hash of the tag. Decoding unmasks the index
and recomputes the tag from it. The tags differ for an id of another seed or origin, except with probability 2⁻⁹⁰.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from collector.model.ids import canonical_id

MAX_SIZE: Final = 2**32

_VERSION_AND_VARIANT = int.from_bytes(bytes.fromhex("0000f000c000000000000000"))
_VERSION_4 = int.from_bytes(bytes.fromhex("000040008000000000000000"))


def organization_key(purpose: str, seed: int, organization: int) -> bytes:
    """A key for hashes. The first organization's does not depend on how many there are."""
    suffix = f" organization {organization}" if organization > 1 else ""
    return blake2b(f"{purpose} {seed}{suffix}".encode(), digest_size=32).digest()


class IdScheme:
    """A bijection between the indexes 0 … 2³²-1 and 2³² ids, determined by a seed and the number of an organization."""

    def __init__(self, seed: int, organization: int = 1) -> None:
        self._key = organization_key("sandbox ids", seed, organization)

    def __repr__(self) -> str:
        return f"<IdScheme like {self.encode(0)}>"

    def encode(self, index: int) -> str:
        """The canonical id of an index: lower case, 8-4-4-4-12."""
        packed = index.to_bytes(4)
        tag = self._tag(packed)
        digits = (self._masked(packed, tag) + tag).hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def decode(self, id: str) -> int | None:
        """The index that `id` encodes, or None when it is not an id of this seed. Case does not matter."""
        canonical = canonical_id(id)
        if canonical is None:
            return None
        raw = bytes.fromhex(canonical.replace("-", ""))
        tag = raw[4:]
        packed = self._masked(raw[:4], tag)
        return int.from_bytes(packed) if self._tag(packed) == tag else None

    def _tag(self, packed: bytes) -> bytes:
        digest = blake2b(packed, digest_size=12, key=self._key).digest()
        return (int.from_bytes(digest) & ~_VERSION_AND_VARIANT | _VERSION_4).to_bytes(12)

    def _masked(self, packed: bytes, tag: bytes) -> bytes:
        mask = blake2b(tag, digest_size=4, key=self._key).digest()
        return (int.from_bytes(packed) ^ int.from_bytes(mask)).to_bytes(4)
