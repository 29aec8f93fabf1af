"""The keys that the sandbox accepts, and what each of them may read. All are public, and valid nowhere else."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from enum import Enum
from typing import Final

from collector.sandbox.endpoints import Endpoint

SANDBOX_KEY: Final = "sandbox-key"
"""The key of an administrator. It is also accepted as a partner or deployment key of its organization."""

READER_KEY: Final = "sandbox-reader-key"
"""The key of a user who may not read users, roles and policies."""

_PUBLIC: Final = frozenset({Endpoint.TYPES})
_ADMINISTRATION: Final = frozenset({Endpoint.USERS, Endpoint.POLICIES, Endpoint.ROLES})
_ALL: Final = frozenset(Endpoint)


class KeyScope(Enum):
    """The scope of the key that a request was authenticated with."""

    USER = "a user's API key"
    READER = "the API key of a user who is not an administrator"
    ORGANIZATION = "a partner or deployment key, for one organization"
    DEPLOYMENT = "a deployment key"


_ENDPOINTS: Final = {
    None: _PUBLIC,
    KeyScope.USER: _ALL,
    KeyScope.READER: _ALL - _ADMINISTRATION,
    KeyScope.ORGANIZATION: _ALL,
    KeyScope.DEPLOYMENT: _ALL,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request; `scope` is None without a valid key."""

    scope: KeyScope | None

    def may_read(self, endpoint: Endpoint) -> bool:
        """May the key read this endpoint?"""
        return endpoint in _ENDPOINTS[self.scope]


ANONYMOUS: Final = Caller(None)


class Callers:
    """All callers of a deployment, by their `Authorization` header."""

    def __init__(self, organization_id: str) -> None:
        # Base64 encodes a text in exactly one way, so comparing the encoded credentials is enough.
        self._callers = {
            f"Bearer {SANDBOX_KEY}": Caller(KeyScope.USER),
            f"Bearer {READER_KEY}": Caller(KeyScope.READER),
            _basic(organization_id, SANDBOX_KEY): Caller(KeyScope.ORGANIZATION),
            _basic(SANDBOX_KEY, ""): Caller(KeyScope.DEPLOYMENT),
        }

    def __repr__(self) -> str:
        return f"<Callers with {len(self._callers)} credentials>"

    def caller(self, authorization: str | None) -> Caller:
        """The caller that sends this header."""
        if authorization is None:
            return ANONYMOUS
        return self._callers.get(authorization) or self._callers.get(_normalized(authorization), ANONYMOUS)


def _normalized(authorization: str) -> str:
    """The header with its scheme, which is not case-sensitive, in the usual case."""
    scheme, _, credentials = authorization.partition(" ")
    return f"{scheme.capitalize()} {credentials.strip()}"


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
