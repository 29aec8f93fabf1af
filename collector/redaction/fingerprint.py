"""Fingerprints of masked values: they show whether a secret changed, but not the secret.

A fingerprint is the beginning of an HMAC-SHA256 (RFC 2104) under the user's key. A reader with the key can test
guesses, so an easily guessed secret is only as safe as that key. A reader without it learns only which values
are equal.
"""

from __future__ import annotations

import hmac
from typing import Final

from collector.model.errors import ConfigError
from collector.model.secret import Secret
from collector.redaction.substitute import Fingerprint

MIN_KEY_LENGTH: Final = 16
"""Minimum length of a key, in characters."""

_DIGITS: Final = 16


def fingerprinter(key: Secret) -> Fingerprint:
    """A function that computes fingerprints under this key. Raises `ConfigError` for a key that is too short."""
    if len(key.reveal()) < MIN_KEY_LENGTH:
        raise ConfigError(f"[redact] fingerprint_key_file: its key has fewer than {MIN_KEY_LENGTH} characters")
    return lambda value: hmac.new(key.reveal().encode(), value, "sha256").hexdigest()[:_DIGITS]
