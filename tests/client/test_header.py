"""The header that carries a key, and the strings to scrub because of it."""

from __future__ import annotations

import base64
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.auth.header import (
    MAX_KEY_LENGTH,
    basic,
    basic_without_organization,
    bearer,
    is_key,
    scheme_of,
    secrets_of,
)
from collector.model.secret import Secret
from collector.redaction.scrubber import Scrubber

PRINTABLE = string.digits + string.ascii_letters + string.punctuation
KEY = Secret("key-4f1d9a")
keys = st.text(PRINTABLE, min_size=8, max_size=60)
organizations = st.uuids().map(str)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("text", ["k", "key-4f1d9a", PRINTABLE, "x" * MAX_KEY_LENGTH])
def test_printable_ascii_without_spaces_can_be_a_key(text: str) -> None:
    assert is_key(Secret(text))


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a\tb", "a\nb", "a\x00", "a\x7f", "\u00e4", "\ufffd", "x" * (MAX_KEY_LENGTH + 1)]
)
def test_other_text_cannot_be_a_key(text: str) -> None:
    assert not is_key(Secret(text))


def test_each_kind_of_key_has_its_header() -> None:
    assert bearer(Secret("key")) == Secret("Bearer key")
    assert basic("org", Secret("key")) == Secret(f"Basic {base64_of('org:key')}")
    assert basic_without_organization(Secret("key")) == Secret(f"Basic {base64_of('key:')}")


@given(keys, organizations)
def test_the_key_and_the_credential_of_a_header_are_found_in_any_encoding(key: str, organization: str) -> None:
    for header in (bearer(Secret(key)), basic(organization, Secret(key)), basic_without_organization(Secret(key))):
        sent = header.reveal().partition(" ")[2]
        scrubber = Scrubber(secrets_of(header))
        travelling = [
            sent,
            base64_of(key),
            base64_of(f"{key}:"),
            base64_of(f":{key}"),
            base64_of(f"{organization}:{key}"),
        ]
        in_urls = [text.replace("+", "-").replace("/", "_") for text in travelling[1:]]
        for text in (key, *travelling, *in_urls):
            for written in (text, quote(text, safe=""), quote_plus(text)):
                assert scrubber.is_in(f"<{written}>")


@pytest.mark.parametrize("key", ["1", "abc-def"])
def test_a_very_short_key_is_found_only_in_its_encoded_form(key: str) -> None:
    header = basic("11111111-1111-4111-8111-111111111111", Secret(key))
    scrubber = Scrubber(secrets_of(header))
    assert scrubber.is_in(f"sent {header.reveal()}")
    assert not scrubber.is_in(f"sent {key}")


@pytest.mark.parametrize("header", [bearer(KEY), basic("org", KEY), basic_without_organization(KEY)])
def test_the_secrets_of_a_header_are_masked_when_printed(header: Secret) -> None:
    assert {repr(each) for each in secrets_of(header)} == {"'[REDACTED]'"}


def test_the_scheme_of_a_header_is_its_first_word() -> None:
    assert scheme_of(bearer(Secret("k"))) == "Bearer"
    assert scheme_of(basic("o", Secret("k"))) == scheme_of(basic_without_organization(Secret("k"))) == "Basic"
