"""Fingerprints of masked values: whether a secret changed shows, the secret does not.

A fingerprint is the beginning of an HMAC-SHA256 (RFC 2104) under a key of the user's. Who has the key can test guesses,
so a secret that is easy to guess is no safer than that key; who has not learns only which values are equal.
"""

from __future__ import annotations

import hmac
from typing import Final

from collector.model.errors import ConfigError
from collector.model.secret import Secret
from collector.redaction.substitute import Fingerprint

SHORTEST_KEY: Final = 16
"""Characters of a key that is not refused."""

_DIGITS: Final = 16


def fingerprinter(key: Secret) -> Fingerprint:
    """What makes fingerprints under this key. Raises `ConfigError` for a key that is easy to guess."""
    if len(key.reveal()) < SHORTEST_KEY:
        raise ConfigError(f"[redact] fingerprint_key_file: its key has fewer than {SHORTEST_KEY} characters")
    return lambda value: hmac.new(key.reveal().encode(), value, "sha256").hexdigest()[:_DIGITS]
