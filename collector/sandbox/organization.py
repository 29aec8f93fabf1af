"""The made-up organization that owns the connections: its users, its policies, and the audit fields."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from itertools import product
from typing import Final, TypeAlias
from uuid import UUID

from collector.model.record import Json
from collector.sandbox.fake_values import WORDS, Entropy

Actor: TypeAlias = dict[str, str]

_FIRST_NAMES = ("Ada", "Bruno", "Chidi", "Dörte", "Elif", "Fatou")
_LAST_NAMES = ("Fernsby", "Garnet-Vale", "Hollow", "Ito", "Jelínková", "O'Maple")

_FIRST_CREATED: Final = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())
_CREATION_SPAN: Final = 2_300 * 86_400
_UPDATE_SPAN: Final = 300 * 86_400
"""Seconds. Connections are created within 2,300 days from 2019 and last updated within 300 days of their creation."""
_LATEST: Final = _FIRST_CREATED + _CREATION_SPAN + _UPDATE_SPAN


class Organization:
    """One organization with 36 users and 12 policies, all determined by `key`. Its name depends on its number."""

    def __init__(self, key: bytes, number: int = 1) -> None:
        self._key = key
        self.id: Final = self.uuid("organization")
        self.name: Final = _name(number)
        names = [f"{first} {last}" for first, last in product(_FIRST_NAMES, _LAST_NAMES)]
        self._users = [{"id": self.uuid(name), "name": name, "type": "user"} for name in names]
        self.domain: Final = "sandbox.example" if number == 1 else f"customer-{number}.example"
        self._policies = [self.uuid(f"policy {number}") for number in range(12)]

    def __repr__(self) -> str:
        return f"<Organization {self.id}>"

    def user(self, number: int) -> Actor:
        """A user of the organization. Every integer is valid: numbers wrap around."""
        return dict(self._users[number % len(self._users)])

    @property
    def users(self) -> list[Actor]:
        """All users."""
        return [dict(user) for user in self._users]

    @property
    def policy_ids(self) -> list[str]:
        """The ids of all policies."""
        return list(self._policies)

    def policies(self, entropy: Entropy) -> list[str]:
        """The ids of up to three policies; most connections have none."""
        first, count = entropy[10] % len(self._policies), max(0, entropy[11] % 8 - 4)
        return (self._policies + self._policies)[first : first + count]

    def audit_fields(self, entropy: Entropy) -> dict[str, Json]:
        """Creator, last editor and both timestamps of a connection. A few connections have no `created_by`."""
        created = _FIRST_CREATED + int.from_bytes(entropy[12:16]) % _CREATION_SPAN
        updated = created + int.from_bytes(entropy[16:20]) % _UPDATE_SPAN
        audit_fields: dict[str, Json] = {
            "created_at": _rfc3339(created, entropy[20], entropy),
            "updated_at": _rfc3339(updated, entropy[21], entropy),
            "updated_by": self.user(entropy[22]),
        }
        if entropy[23] > 5:
            audit_fields["created_by"] = self.user(entropy[23])
        return audit_fields

    def uuid(self, name: str) -> str:
        """The id of the object with this name."""
        digest = blake2b(name.encode(), digest_size=16, key=self._key).digest()
        return str(UUID(bytes=digest, version=4))


def _name(number: int) -> str:
    """The name of an organization. Consecutive ones look alike: `Amber & Sons`, `amber-sons`."""
    if number == 1:
        return "Sandbox GmbH & Co."
    word = WORDS[number // 2 % len(WORDS) - 1]
    repeated = f" {number // 2 // len(WORDS)}" if number // 2 > len(WORDS) else ""
    return f"{word.title()} & Sons{repeated}" if number % 2 == 0 else f"{word}-sons{repeated}"


def time_of_generation(generation: int, entropy: Entropy) -> str:
    """The time of a change that leads to a generation. There is one generation a day, after all other changes."""
    return _rfc3339(_LATEST + 86_400 * generation - int.from_bytes(entropy[12:14]), 0, entropy)


def recent_time(number: int, entropy: Entropy) -> str:
    """The time of the last change of the item at this position of a list that begins with the latest change."""
    return _rfc3339(_LATEST - 60 * number - entropy[21] % 60, 0, entropy)


def rate_limit(entropy: Entropy) -> dict[str, Json] | None:
    """Observed state of the upstream's rate limit: limited, not limited, or None when it is unavailable."""
    state = entropy[24] % 3
    if state == 0:
        return None
    since = _LATEST + entropy[25]
    return {
        "currently_limited": state == 1,
        "limited_since": _rfc3339(since, 0, entropy) if state == 1 else None,
        "expires_at": _rfc3339(since + 900, 0, entropy) if state == 1 else None,
    }


def _rfc3339(seconds: int, format_byte: int, entropy: Entropy) -> str:
    """A timestamp in one of several forms, selected by `format_byte`. Go prints up to nine digits of a second."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    if format_byte < 160:
        return f"{text}Z"
    digits = f"{int.from_bytes(entropy[26:30]) % 1_000_000_000:09}"
    if format_byte < 240:
        return f"{text}.{digits[: 3 * (1 + format_byte % 3)]}Z"
    return f"{text}.{digits[:6]}+02:00"
