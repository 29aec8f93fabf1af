"""Builds the `Authorization` header from an API key, and lists its secrets.

A user key is sent as a bearer token. A partner or deployment key for an organization is sent as `organization:key`
(Basic), a deployment key without one as `key:` (Polytomic API reference, "Get Connection": authentication).
"""

from __future__ import annotations

import base64
from typing import Final

from collector.model.secret import Revealed, Secret

MAX_KEY_LENGTH: Final = 8192
"""Characters; servers reject longer headers."""


def is_key(secret: Secret) -> bool:
    """Can this be a key: 1 to `MAX_KEY_LENGTH` printable ASCII characters without spaces?"""
    text = secret.reveal()
    return text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= MAX_KEY_LENGTH


def bearer(key: Secret) -> Secret:
    """Return the header of a user key."""
    return Secret(f"Bearer {key.reveal()}")


def basic(organization_id: str, key: Secret) -> Secret:
    """Return the header of a partner or deployment key for an organization."""
    return Secret("Basic " + _base64(f"{organization_id}:{key.reveal()}"))


def basic_without_organization(key: Secret) -> Secret:
    """Return the header of a deployment key without an organization."""
    return Secret("Basic " + _base64(f"{key.reveal()}:"))


def scheme_of(header: Secret) -> str:
    """Return the scheme of this header: `Bearer` or `Basic`."""
    return header.reveal().partition(" ")[0]


def secrets_of(header: Secret) -> list[Revealed]:
    """Return the strings to scrub elsewhere because of this header: the key and its encoded form."""
    scheme, _, credential = header.reveal().partition(" ")
    if scheme == "Bearer":
        return [Revealed(credential)]
    text = base64.b64decode(credential).decode()
    key = text.partition(":")[2]
    without_organization = text.removesuffix(":")  # such a key may contain colons
    return [Revealed(each) for each in (key, without_organization, credential)]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
