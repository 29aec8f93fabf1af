"""The `Authorization` header an API key travels in, and what of it is secret.

A user's key goes as a bearer token; a partner or deployment key of an organization as `organization:key` (Basic), a
deployment key without one as `key:` (Polytomic API reference, "Get Connection": authentication).
"""

from __future__ import annotations

import base64
from typing import Final

from collector.model.secret import Revealed, Secret

MAX_KEY_LENGTH: Final = 8192
"""Characters; servers take no longer header."""


def is_key(secret: Secret) -> bool:
    """Can this be a key: ASCII characters that print, no blanks, and neither none nor more than `MAX_KEY_LENGTH`?"""
    text = secret.reveal()
    return text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= MAX_KEY_LENGTH


def bearer(key: Secret) -> Secret:
    """The header of a user's key."""
    return Secret(f"Bearer {key.reveal()}")


def basic(organization_id: str, key: Secret) -> Secret:
    """The header of a partner or deployment key with the organization it is used for."""
    return Secret("Basic " + _base64(f"{organization_id}:{key.reveal()}"))


def basic_without_organization(key: Secret) -> Secret:
    """The header of a deployment key that is used for no organization."""
    return Secret("Basic " + _base64(f"{key.reveal()}:"))


def secrets_of(header: Secret) -> list[Revealed]:
    """What is to be looked for in other texts because of this header: the key, and the credential it travels as."""
    scheme, _, credential = header.reveal().partition(" ")
    if scheme == "Bearer":
        return [Revealed(credential)]
    text = base64.b64decode(credential).decode()
    key = text.partition(":")[2]
    without_organization = text.removesuffix(":")  # a key without an organization, in which there may be colons
    return [Revealed(each) for each in (key, without_organization, credential)]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
