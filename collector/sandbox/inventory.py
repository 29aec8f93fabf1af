"""A made-up organization with any number of connections, none of which is stored.

Theory of operation: `IdScheme` turns an index into an id and back, and 64 bytes of keyed hash of the index decide
everything else about the connection. So the inventory takes the same memory at ten connections and at a million,
and the same seed and index give the same connection in every process, whatever the inventory's size.

Fields that the OpenAPI document does not let be null are absent instead, as the real server leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from typing import Final, TypeAlias

from collector.model.record import Json
from collector.sandbox.catalogue import ConnectionType, catalogue
from collector.sandbox.configuration import configurator
from collector.sandbox.fake_values import CANARY, ENTROPY_SIZE, WORDS, Entropy
from collector.sandbox.id_scheme import MAX_SIZE, IdScheme
from collector.sandbox.organization import Organization, rate_limit

Connection: TypeAlias = dict[str, Json]

_STRIDE = 101
"""Steps through the types out of alphabetical order; shares no factor with their number."""

_TEAMS = ("Finance", "Sales", "Marketing", "Support", "Product", "Data", "Operations", "Vertrieb München")
_STAGES = ("production", "production", "staging", "EU", "US", "sandbox", "legacy", '"do not touch"')

_TROUBLES: Final = (
    ("unhealthy", "dial tcp: lookup db-1.{word}.example: no such host"),
    ("unhealthy", "could not ping postgres://svc:{secret}@db-2.{word}.example:5432/crm: timeout"),
    ("error", "401 Unauthorized: the refresh token has expired"),
    ("failed", 'password authentication failed for user "svc_sync"'),
    ("error", "upstream answered:\n\t503 Service Unavailable: “{word}” is being maintained"),
    ("warning", "quota for {word} nearly used up"),
    ("unready", "waiting for {word} to be authorized"),
    ("processing", ""),
)
"""Statuses other than healthy, an open list of strings, each with a `status_error`."""


class Inventory:
    """`size` connections of one organization; 247 in a row are of all 247 types.

    Raises `ValueError` for a size outside 0 … 2³².
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise ValueError(f"an inventory holds 0 to {MAX_SIZE} connections, not {size}")
        self._size = size
        self._seed = seed
        self._key = blake2b(f"sandbox inventory {seed}".encode(), digest_size=32).digest()
        self._ids = IdScheme(seed)
        self.organization: Final = Organization(self._key)
        self._templates = _templates()

    def __repr__(self) -> str:
        return f"Inventory(size={self._size}, seed={self._seed})"

    def __len__(self) -> int:
        return self._size

    @property
    def organization_id(self) -> str:
        """The id of the organization all connections belong to."""
        return self.organization.id

    def id_at(self, index: int) -> str:
        """The canonical id at an index. Raises `IndexError` outside 0 … size-1."""
        return self._ids.encode(self._checked(index))

    def index_of(self, id: str) -> int | None:
        """The index of an id in any case, or None when it is not of this inventory."""
        index = self._ids.decode(id)
        return index if index is not None and index < self._size else None

    def ids(self) -> Iterator[str]:
        """All ids, lazily, in the order of their indexes."""
        return map(self._ids.encode, range(self._size))

    def connection(self, index: int) -> Connection:
        """The connection at an index, as the API shows it: a fresh object, equal each time.

        Raises `IndexError` outside 0 … size-1.
        """
        return self._connection(self._checked(index))

    def other_connection(self, index: int) -> Connection:
        """Some other connection of this organization than the one at this index."""
        return self._connection((index + 1) % MAX_SIZE)

    def _checked(self, index: int) -> int:
        if not 0 <= index < self._size:
            raise IndexError(f"no connection at {index}: there are {self._size}")
        return index

    def _connection(self, index: int) -> Connection:
        entropy = blake2b(index.to_bytes(4), digest_size=ENTROPY_SIZE, key=self._key).digest()
        template = self._templates[index * _STRIDE % len(self._templates)]
        return {
            "id": self._ids.encode(index),
            "organization_id": self.organization_id,
            "name": template.name(entropy, index),
            "type": template.type(entropy),
            "configuration": template.configuration(entropy) if entropy[0] else None,
            "saved": entropy[1] > 5,
            "api_calls_last_24_hours": entropy[2] * entropy[3] if entropy[2] > 60 else None,
            "policies": self.organization.policies(entropy),
            **_health(entropy),
            **self.organization.signatures(entropy),
            **self._rarities(entropy, index),
        }

    def _rarities(self, entropy: Entropy, index: int) -> Connection:
        rare: Connection = {}
        if entropy[4] < 5 and index >= len(self._templates):
            rare["parent_connection_id"] = self._ids.encode(index - len(self._templates))
        if entropy[5] < 12:
            rare["rate_limit"] = rate_limit(entropy)
        if entropy[6] < 3:
            rare["healthcheck_interval"] = "1h0m0s"
        return rare


def _health(entropy: Entropy) -> Connection:
    if entropy[30] < 232:
        return {"status": "healthy"}
    status, error = _TROUBLES[entropy[30] % len(_TROUBLES)]
    secret = f"{CANARY}{entropy[31:39].hex()}"
    return {"status": status, "status_error": error.format(word=WORDS[entropy[31] % len(WORDS)], secret=secret)}


class _Template:
    """What all connections of one type share."""

    def __init__(self, connection_type: ConnectionType) -> None:
        self._name = connection_type.name
        self._type = {
            "id": connection_type.id,
            "name": connection_type.name,
            "logo_url": connection_type.logo_url,
        }
        self._operations = connection_type.operations
        self.configuration = configurator(connection_type)

    def type(self, entropy: Entropy) -> Connection:
        """The `type` object; its operations are null on a few."""
        return {**self._type, "operations": list(self._operations) if entropy[7] > 1 else None}

    def name(self, entropy: Entropy, index: int) -> str:
        """Unique within the organization."""
        team, stage = _TEAMS[entropy[8] % len(_TEAMS)], _STAGES[entropy[9] % len(_STAGES)]
        return f"{self._name} {team} {stage} {index + 1}"


@cache
def _templates() -> tuple[_Template, ...]:
    return tuple(_Template(connection_type) for connection_type in catalogue())
