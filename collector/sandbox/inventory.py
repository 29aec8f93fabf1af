"""The connections of one organization, any number of them, each computed on demand and never stored.

Theory of operation: `IdScheme` converts an index to an id and back. A keyed hash of the index, 64 bytes long,
determines all other fields of the connection. Memory therefore does not depend on the number of connections. The
same seed and index give the same connection in every process, whatever the inventory's size.

The first organization of a seed owns the others. Some of their connections are shared copies of its own: those at the
same index. A few of its own are copies, too: of the connection one round of types earlier.

With `churn`, connections appear, vanish and change from one generation to the next; generation 0 is the state without.

A field without a value is absent where the OpenAPI document does not allow null: the real server omits it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from collector.sandbox.churn import Churn
from collector.sandbox.fake_values import CANARY, ENTROPY_SIZE, WORDS, Entropy
from collector.sandbox.id_scheme import MAX_SIZE, IdScheme, organization_key
from collector.sandbox.organization import Organization, rate_limit, time_of_generation
from collector.sandbox.type_templates import Connection, TypeTemplate, type_templates

_TYPE_STRIDE = 101
"""Distance between the types of consecutive connections. Coprime to the number of types, so all of them occur."""

_OWN_COPIES, _SHARED_COPIES = 5, 24
"""Of 256 connections, the number that are copies: in the first organization, and in the others."""

_UNHEALTHY_STATUSES: Final = (
    ("unhealthy", "dial tcp: lookup db-1.{word}.example: no such host"),
    ("unhealthy", "could not ping postgres://svc:{secret}@db-2.{word}.example:5432/crm: timeout"),
    ("error", "401 Unauthorized: the refresh token has expired"),
    ("failed", 'password authentication failed for user "svc_sync"'),
    ("error", "upstream answered:\n\t503 Service Unavailable: “{word}” is being maintained"),
    ("warning", "quota for {word} nearly used up"),
    ("unready", "waiting for {word} to be authorized"),
    ("processing", ""),
)
"""Statuses other than healthy, each with a `status_error`. In the API, this list is open."""


class Inventory:
    """`size` connections of one organization. Any 247 consecutive ones cover all 247 types.

    Organizations are numbered from 1. About the fraction `churn` of the connections differs from one generation to the
    next. Raises `ValueError` for a size outside 0 … 2³², also after the changes.
    """

    def __init__(
        self, size: int, seed: int = 0, *, organization: int = 1, churn: float = 0.0, generation: int = 0
    ) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise ValueError(f"{size} connections are outside the range 0 to {MAX_SIZE}")
        self._size = size
        self.churn: Final = churn
        self.generation: Final = generation
        self._seed = seed
        self._number = organization
        self._key = organization_key("sandbox inventory", seed, organization)
        self._ids = IdScheme(seed, organization)
        self._owner_ids = IdScheme(seed)
        self.organization: Final = Organization(self._key, organization)
        self._templates = type_templates()
        is_owner = organization == 1
        self._copy_distance = len(self._templates) if is_owner else 0
        self._copy_limit = _OWN_COPIES if is_owner else _SHARED_COPIES
        self._history = self._churned() if churn and generation and size else None
        self._indexes = size if self._history is None else self._history.indexes
        if self._indexes > MAX_SIZE:
            raise ValueError(f"{size} connections at generation {generation} exceed {MAX_SIZE} ids")

    def __repr__(self) -> str:
        return (
            f"Inventory(size={self._size}, seed={self._seed}, organization={self._number}, churn={self.churn}, "
            f"generation={self.generation})"
        )

    def __len__(self) -> int:
        return self._size if self._history is None else sum(1 for _ in self.indexes())

    @property
    def size(self) -> int:
        """The number of connections at generation 0."""
        return self._size

    def at(self, generation: int) -> Inventory:
        """The same inventory at another generation."""
        return Inventory(self._size, self._seed, organization=self._number, churn=self.churn, generation=generation)

    @property
    def organization_id(self) -> str:
        """The id of the organization that all connections belong to."""
        return self.organization.id

    def id_at(self, index: int) -> str:
        """The canonical id at an index, even after its connection vanished. Raises `IndexError` at other indexes."""
        if not 0 <= index < self._indexes:
            raise self._missing(index)
        return self._ids.encode(index)

    def index_of(self, id: str) -> int | None:
        """The index of an id in upper or lower case, or None when this inventory does not contain it."""
        index = self._ids.decode(id)
        if index is None or index >= self._indexes:
            return None
        return index if self._history is None or self._history.exists(index) else None

    def indexes(self) -> Iterator[int]:
        """The indexes of all connections, lazily."""
        indexes = range(self._indexes)
        return iter(indexes) if self._history is None else filter(self._history.exists, indexes)

    def ids(self) -> Iterator[str]:
        """All ids, lazily, in index order."""
        return map(self._ids.encode, self.indexes())

    def exists(self, index: int) -> bool:
        """Does this inventory have a connection at an index?"""
        return 0 <= index < self._indexes and (self._history is None or self._history.exists(index))

    def connection(self, index: int) -> Connection:
        """The connection at an index, as the API returns it: each call creates a new, equal object.

        Raises `IndexError` where there is none.
        """
        if not 0 <= index < self._indexes:
            raise self._missing(index)
        return self._connection(index) if self._history is None else self._changed(index, self._history)

    def is_copy(self, index: int) -> bool:
        """Is the connection at an index a shared copy of another one?"""
        return self._is_copy(index, self._entropy(index))

    def copy_of(self, owner_index: int) -> int | None:
        """The index of this organization's copy of one of the owner's connections, or None without a copy."""
        copy = owner_index + self._copy_distance
        return copy if self.exists(copy) and self.is_copy(copy) else None

    def entropy(self, kind: str, number: int) -> Entropy:
        """64 bytes that determine an object other than a connection. `kind` has up to 16 bytes."""
        return blake2b(number.to_bytes(4), digest_size=ENTROPY_SIZE, key=self._key, person=kind.encode()).digest()

    def other_connection(self, index: int) -> Connection:
        """A connection of this organization other than the one at `index`, which may lie outside the inventory."""
        return self._connection((index + 1) % MAX_SIZE)

    def _missing(self, index: int) -> IndexError:
        return IndexError(f"index {index} is outside an inventory of {self._size} connections")

    def _churned(self) -> Churn:
        return Churn(self._size, self.churn, self.generation, int.from_bytes(self._key[:4]))

    def _changed(self, index: int, history: Churn) -> Connection:
        """The connection at an index with the changes that it has had."""
        if not history.exists(index):
            raise self._missing(index)
        connection, entropy = self._connection(index), self.entropy("change", index)
        if born := history.born_at(index):
            connection["created_at"] = connection["updated_at"] = time_of_generation(born, entropy)
        if changed := history.changed_at(index):
            template = self._templates[index * _TYPE_STRIDE % len(self._templates)]
            connection |= {
                **self._changed_fields(connection, template, entropy),
                "updated_at": time_of_generation(changed, entropy),
                "updated_by": self.organization.user(entropy[22]),
            }
        return connection

    def _changed_fields(self, connection: Connection, template: TypeTemplate, entropy: Entropy) -> Connection:
        """A new name, a new configuration, or a new status: broken if it was healthy, else healthy."""
        match entropy[0] % 3:
            case 0:
                return {"name": f"{connection['name']} (renamed)"}
            case 1:
                return {"configuration": template.configuration(entropy)}
        if connection["status"] == "healthy":
            return _unhealthy_fields(entropy)
        del connection["status_error"]
        return {"status": "healthy"}

    def _entropy(self, index: int) -> Entropy:
        return blake2b(index.to_bytes(4), digest_size=ENTROPY_SIZE, key=self._key).digest()

    def _connection(self, index: int) -> Connection:
        entropy = self._entropy(index)
        template = self._templates[index * _TYPE_STRIDE % len(self._templates)]
        return {
            "id": self._ids.encode(index),
            "organization_id": self.organization.id,
            "name": template.name(entropy, index),
            "type": template.type(entropy),
            "configuration": template.configuration(entropy) if entropy[0] else None,
            "saved": entropy[1] > 5,
            "api_calls_last_24_hours": entropy[2] * entropy[3] if entropy[2] > 60 else None,
            "policies": self.organization.policies(entropy),
            **_status_fields(entropy),
            **self.organization.audit_fields(entropy),
            **self._optional_fields(entropy, index),
        }

    def _is_copy(self, index: int, entropy: Entropy) -> bool:
        return entropy[4] < self._copy_limit and index >= self._copy_distance

    def _optional_fields(self, entropy: Entropy, index: int) -> Connection:
        optional: Connection = {}
        if self._is_copy(index, entropy):
            optional["parent_connection_id"] = self._owner_ids.encode(index - self._copy_distance)
        if entropy[5] < 12:
            optional["rate_limit"] = rate_limit(entropy)
        if entropy[6] < 3:
            optional["healthcheck_interval"] = "1h0m0s"
        return optional


def _status_fields(entropy: Entropy) -> Connection:
    if entropy[30] < 232:
        return {"status": "healthy"}
    return _unhealthy_fields(entropy)


def _unhealthy_fields(entropy: Entropy) -> Connection:
    status, error = _UNHEALTHY_STATUSES[entropy[30] % len(_UNHEALTHY_STATUSES)]
    secret = f"{CANARY}{entropy[31:39].hex()}"
    return {"status": status, "status_error": error.format(word=WORDS[entropy[31] % len(WORDS)], secret=secret)}
