"""The made-up organization around the connections: its people, its policies, and who did what when."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from itertools import product
from typing import Final, TypeAlias
from uuid import UUID

from collector.model.record import Json
from collector.sandbox.fake_values import Entropy

Actor: TypeAlias = dict[str, str]

_FIRST_NAMES = ("Ada", "Bruno", "Chidi", "Dörte", "Elif", "Fatou")
_LAST_NAMES = ("Fernsby", "Garnet-Vale", "Hollow", "Ito", "Jelínková", "O'Maple")

_OPENED: Final = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())
_CREATING: Final = 2_300 * 86_400
_UPDATING: Final = 300 * 86_400
"""Seconds: connections are created within about six years from 2019 and last updated within a year of that."""


class Organization:
    """One organization, its 36 people and 12 policies decided by `key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id: Final = self._uuid("organization")
        self.name: Final = "Sandbox GmbH & Co."
        names = [f"{first} {last}" for first, last in product(_FIRST_NAMES, _LAST_NAMES)]
        self._people = [{"id": self._uuid(name), "name": name, "type": "user"} for name in names]
        self._policies = [self._uuid(f"policy {number}") for number in range(12)]

    def __repr__(self) -> str:
        return f"<Organization {self.id}>"

    def person(self, number: int) -> Actor:
        """One of the people; any number will do."""
        return dict(self._people[number % len(self._people)])

    def policies(self, entropy: Entropy) -> list[str]:
        """The ids of up to three policies, mostly of none."""
        first, count = entropy[10] % len(self._policies), max(0, entropy[11] % 8 - 4)
        return (self._policies + self._policies)[first : first + count]

    def signatures(self, entropy: Entropy) -> dict[str, Json]:
        """Who created and last updated a connection, and when; a few were created by nobody who is known."""
        created = _OPENED + int.from_bytes(entropy[12:16]) % _CREATING
        updated = created + int.from_bytes(entropy[16:20]) % _UPDATING
        signatures: dict[str, Json] = {
            "created_at": _rfc3339(created, entropy[20], entropy),
            "updated_at": _rfc3339(updated, entropy[21], entropy),
            "updated_by": self.person(entropy[22]),
        }
        if entropy[23] > 5:
            signatures["created_by"] = self.person(entropy[23])
        return signatures

    def _uuid(self, name: str) -> str:
        digest = blake2b(name.encode(), digest_size=16, key=self._key).digest()
        return str(UUID(bytes=digest, version=4))


def rate_limit(entropy: Entropy) -> dict[str, Json] | None:
    """What was observed of the upstream's limit: limited, not limited, or null when it cannot be looked up."""
    state = entropy[24] % 3
    if state == 0:
        return None
    since = _OPENED + _CREATING + _UPDATING + entropy[25]
    return {
        "currently_limited": state == 1,
        "limited_since": _rfc3339(since, 0, entropy) if state == 1 else None,
        "expires_at": _rfc3339(since + 900, 0, entropy) if state == 1 else None,
    }


def _rfc3339(seconds: int, spelling: int, entropy: Entropy) -> str:
    """The same instant can be spelt in many ways; Go prints up to nine digits of a second."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    if spelling < 160:
        return f"{text}Z"
    digits = f"{int.from_bytes(entropy[26:30]) % 1_000_000_000:09}"
    if spelling < 240:
        return f"{text}.{digits[: 3 * (1 + spelling % 3)]}Z"
    return f"{text}.{digits[:6]}+02:00"
