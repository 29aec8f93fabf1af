"""The rules by which a value is masked, as the manifest's `by_rule` names them. Pure.

A closed list, but for tokens: `token:github` is a token of that issuer. A value that several rules mask is counted
once, under the last of them.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = "schema"
"""The type's schema marks the field, or it is known to hold a secret without a mark."""

NAME: Final = "name"
"""The field's name is one for a secret."""

ALSO: Final = "also"
"""The user's setting `redact.also` names the field."""

PLACE: Final = "place"
"""The value stands where users put secrets: among headers, parameters or the like."""

SERVER: Final = "server"
"""The server masked the value itself."""

PEM: Final = "pem"
JWT: Final = "jwt"

URL_CREDENTIALS: Final = "url-credentials"
"""The user and password of a URL or connection string."""

URL_PART: Final = "url-part"
"""A part of an address in a field that is known to hold addresses with secrets."""

WEBHOOK: Final = "webhook"
"""The path of a webhook, which is its password."""

PAIR: Final = "pair"
"""A value behind a name for a secret in a text: `password=…`, `"token": "…"`, `?sig=…`."""

HEADER: Final = "header"
"""A credential behind its scheme: `Bearer …`."""

HIGH_ENTROPY: Final = "high-entropy"
"""A random-looking word in a field that no schema knows."""

NESTED: Final = "nested"
"""JSON in a text that is nested deeper than it is searched, or names a secret twice."""

UNKNOWN: Final = "(resumed)"
"""Masked by a process that ended before it noted the rule."""


def token(issuer: str) -> str:
    """The rule for a token whose form tells its issuer."""
    return f"token:{issuer}"
