"""Connection ids that can be computed from an index, and turned back into it, without a table.

An id is a UUID of version 4 in shape: four bytes of index, masked, then twelve bytes of tag. The tag is a keyed
hash of the index; the mask is a keyed hash of the tag. Going back, the tag unmasks the index and the index must
give the tag again, so an id of another seed, or one that somebody made up, is known as foreign (2⁻⁹⁰).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from collector.model.ids import canonical_id

MAX_SIZE: Final = 2**32

_VERSION_AND_VARIANT = int.from_bytes(bytes.fromhex("0000f000c000000000000000"))
_VERSION_4 = int.from_bytes(bytes.fromhex("000040008000000000000000"))


class IdScheme:
    """A bijection between the indexes 0 … 2³²-1 and as many ids, chosen by `seed`."""

    def __init__(self, seed: int) -> None:
        self._key = blake2b(f"sandbox ids {seed}".encode(), digest_size=32).digest()

    def __repr__(self) -> str:
        return f"<IdScheme like {self.encode(0)}>"

    def encode(self, index: int) -> str:
        """The id of an index, canonical: lower case, 8-4-4-4-12."""
        packed = index.to_bytes(4)
        tag = self._tag(packed)
        digits = (self._masked(packed, tag) + tag).hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def decode(self, id: str) -> int | None:
        """The index an id stands for, or None when this scheme never made it. Case does not matter."""
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
