"""The keys that the sandbox accepts, and what each of them may read. All are public, and valid nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.sandbox.endpoints import Endpoint

SANDBOX_KEY: Final = "sandbox-key"
"""The key of an administrator of the first organization, which also accepts it as a partner or deployment key.

The second organization's is `sandbox-key-2`, and so on.
"""

READER_KEY: Final = "sandbox-reader-key"
"""The key of a user of the first organization who may not read users, roles and policies. Numbered like the above."""

PARTNER_KEY: Final = "sandbox-partner-key"
DEPLOYMENT_KEY: Final = "sandbox-deployment-key"
"""The keys that reach all organizations: alone to list them, with an organization's id for its connections."""


class KeyScope(StrEnum):
    """The scope of the key that a request was authenticated with."""

    USER = "a user's API key"
    READER = "the API key of a user who is not an administrator"
    ORGANIZATION = "a partner or deployment key, for one organization"
    PARTNER = "a partner key, as a bearer token"
    SYSTEM = "a deployment key, as a bearer token"
    DEPLOYMENT = "a deployment key, as the user name"


_PUBLIC: Final = frozenset({Endpoint.TYPES, Endpoint.STATUS})
_ADMINISTRATION: Final = frozenset({Endpoint.USERS, Endpoint.POLICIES, Endpoint.ROLES})
_PARTNER: Final = frozenset({Endpoint.ORGANIZATIONS, Endpoint.PARTNER_ORGANIZATION, Endpoint.PARTNER_SHARED})
_ALL: Final = frozenset(Endpoint)
_ENDPOINTS: Final = {
    None: _PUBLIC,
    KeyScope.USER: _ALL - _PARTNER,
    KeyScope.READER: _ALL - _PARTNER - _ADMINISTRATION,
    KeyScope.ORGANIZATION: _ALL - _PARTNER,
    KeyScope.PARTNER: _PUBLIC | _PARTNER | {Endpoint.ME},
    KeyScope.SYSTEM: _PUBLIC | _PARTNER | {Endpoint.ME},
    KeyScope.DEPLOYMENT: _ALL,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request; `scope` is None without a valid key.

    `organization` is the position of the key's organization: the first one if the key has none.
    """

    scope: KeyScope | None
    organization: int = 0

    def may_read(self, endpoint: Endpoint) -> bool:
        """May the key read this endpoint?"""
        return endpoint in _ENDPOINTS[self.scope]


ANONYMOUS: Final = Caller(None)


class Callers:
    """All callers of a deployment, by their `Authorization` header."""

    def __init__(self, organization_ids: Sequence[str]) -> None:
        # Base64 encodes a text in exactly one way, so comparing the encoded credentials is enough.
        self._callers = {
            f"Bearer {PARTNER_KEY}": Caller(KeyScope.PARTNER),
            f"Bearer {DEPLOYMENT_KEY}": Caller(KeyScope.SYSTEM),
            _basic(DEPLOYMENT_KEY, ""): Caller(KeyScope.DEPLOYMENT),
            _basic(SANDBOX_KEY, ""): Caller(KeyScope.DEPLOYMENT),
            _basic(organization_ids[0], SANDBOX_KEY): Caller(KeyScope.ORGANIZATION),
        }
        for position, id in enumerate(organization_ids):
            self._callers |= {
                f"Bearer {numbered(SANDBOX_KEY, position)}": Caller(KeyScope.USER, position),
                f"Bearer {numbered(READER_KEY, position)}": Caller(KeyScope.READER, position),
                _basic(id, PARTNER_KEY): Caller(KeyScope.ORGANIZATION, position),
                _basic(id, DEPLOYMENT_KEY): Caller(KeyScope.ORGANIZATION, position),
            }

    def __repr__(self) -> str:
        return f"<Callers with {len(self._callers)} credentials>"

    def caller(self, authorization: str | None) -> Caller:
        """The caller that sends this header."""
        if authorization is None:
            return ANONYMOUS
        return self._callers.get(authorization) or self._callers.get(_normalized(authorization), ANONYMOUS)


def numbered(key: str, position: int) -> str:
    """The key for the organization at a position that corresponds to this key of the first one."""
    return f"{key}-{position + 1}" if position else key


def _normalized(authorization: str) -> str:
    """The header with its scheme, which is not case-sensitive, in the usual case."""
    scheme, _, credentials = authorization.partition(" ")
    return f"{scheme.capitalize()} {credentials.strip()}"


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
