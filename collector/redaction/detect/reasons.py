"""The rules that mask a value, as named in the manifest's `by_rule`. Pure.

A closed list, except for tokens: `token:github` is a token of that issuer. A value that several rules mask is counted
once, under the last of them.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = "schema"
"""The type's schema marks the field as sensitive, or omits the mark although the field is known to hold a secret."""

NAME: Final = "name"
"""The field's name is that of a secret."""

ALSO: Final = "also"
"""The user's setting `redact.also` names the field."""

PLACE: Final = "place"
"""The value is among headers, parameters or similar fields, where users put secrets."""

SERVER: Final = "server"
"""The server masked the value."""

PEM: Final = "pem"
JWT: Final = "jwt"

URL_CREDENTIALS: Final = "url-credentials"
"""The user and password of a URL or connection string."""

URL_PART: Final = "url-part"
"""A part of an address, in a field known to hold addresses with secrets."""

WEBHOOK: Final = "webhook"
"""The path of a webhook, which acts as its password."""

PAIR: Final = "pair"
"""A value after the name of a secret in a text: `password=…`, `"token": "…"`, `?sig=…`."""

HEADER: Final = "header"
"""A credential after its scheme: `Bearer …`."""

HIGH_ENTROPY: Final = "high-entropy"
"""A random-looking word in a field without a schema."""

NESTED: Final = "nested"
"""JSON in a text that is nested too deeply, or that names a secret twice."""

UNKNOWN: Final = "(resumed)"
"""Masked by a process that ended before it stored the rule."""


def token(issuer: str) -> str:
    """The rule for a token whose form identifies its issuer."""
    return f"token:{issuer}"
