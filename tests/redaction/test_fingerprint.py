"""Fingerprints of masked values."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import ConfigError
from collector.model.secret import Secret
from collector.redaction.fingerprint import MIN_KEY_LENGTH, fingerprinter


@given(st.binary(), st.text("abcdef0123456789", min_size=MIN_KEY_LENGTH))
def test_a_fingerprint_is_the_beginning_of_an_hmac(value: bytes, key: str) -> None:
    assert fingerprinter(Secret(key))(value) == hmac.new(key.encode(), value, hashlib.sha256).hexdigest()[:16]


def test_a_key_that_is_easy_to_guess_is_rejected_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="fewer than 16 characters") as caught:
        fingerprinter(Secret("hunter2"))
    assert "hunter2" not in str(caught.value)
