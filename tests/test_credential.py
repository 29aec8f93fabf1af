"""The header a key travels in, and the forms in which it could stand in other texts."""

from __future__ import annotations

import base64
import re
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.credential import LONGEST_KEY, basic, basic_alone, bearer, forms_of, is_key, secrets_of
from collector.secret import Secret

PRINTABLE = string.digits + string.ascii_letters + string.punctuation
keys = st.text(PRINTABLE, min_size=8, max_size=60)
organizations = st.uuids().map(str)


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def is_masked(text: str, forms: list[str]) -> bool:
    return any(form in text for form in forms)


@pytest.mark.parametrize("text", ["k", "key-4f1d9a", PRINTABLE, "x" * LONGEST_KEY])
def test_what_prints_in_ascii_without_blanks_can_be_a_key(text: str) -> None:
    assert is_key(Secret(text))


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a\tb", "a\nb", "a\x00", "a\x7f", "\u00e4", "\ufffd", "x" * (LONGEST_KEY + 1)]
)
def test_nothing_else_can(text: str) -> None:
    assert not is_key(Secret(text))


def test_each_kind_of_key_has_its_header() -> None:
    assert bearer(Secret("key")) == Secret("Bearer key")
    assert basic("org", Secret("key")) == Secret(f"Basic {packed('org:key')}")
    assert basic_alone(Secret("key")) == Secret(f"Basic {packed('key:')}")


def written(text: str) -> set[str]:
    """How a text may stand in a URL."""
    quoted = {quote(text, safe=""), quote(text), quote_plus(text)}
    return {text} | quoted | {re.sub("%..", lambda found: found[0].lower(), one) for one in quoted}


@given(keys, organizations)
def test_every_form_of_the_key_of_a_header_is_known(key: str, organization: str) -> None:
    for header in (bearer(Secret(key)), basic(organization, Secret(key)), basic_alone(Secret(key))):
        forms = secrets_of(header)
        sent = header.reveal().partition(" ")[2]
        assert {key, sent} <= set(forms)
        for text in (key, sent, packed(key), packed(f"{key}:"), packed(f":{key}"), packed(f"{organization}:{key}")):
            assert [one for one in written(text) if not is_masked(one, forms)] == []


@given(st.text(PRINTABLE, min_size=9, max_size=60), st.binary(max_size=20), st.binary(max_size=20))
def test_a_key_is_found_in_the_base64_of_whatever_holds_it(key: str, before: bytes, behind: bytes) -> None:
    forms = forms_of(Secret(key))
    whole = before + key.encode() + behind
    for text in (base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()):
        assert is_masked(text, forms)
        assert is_masked(quote(text, safe=""), forms)


@given(keys)
def test_forms_are_distinct_long_enough_to_be_looked_for_and_the_longest_comes_first(key: str) -> None:
    forms = forms_of(Secret(key), "org")
    assert len(set(forms)) == len(forms)
    assert min(map(len, forms)) >= 8
    assert sorted(forms, key=len, reverse=True) == forms
    assert key not in repr(forms)


@pytest.mark.parametrize("key", ["1", "abc-def"])
def test_a_short_key_is_not_looked_for_as_it_is(key: str) -> None:
    assert key not in forms_of(Secret(key))
