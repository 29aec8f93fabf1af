"""Known secrets are taken out of texts and bodies, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redact import REDACTED
from collector.scrubber import Scrubber

CANARY = "canary-7c1e"


def test_a_scrubber_takes_every_known_secret_out_of_a_text() -> None:
    scrubber = Scrubber([CANARY, "", "another-one"])
    assert scrubber.scrub(f"{CANARY}, twice {CANARY}, another-one") == f"{REDACTED}, twice {REDACTED}, {REDACTED}"


def test_a_scrubber_takes_every_known_secret_out_of_a_body() -> None:
    body = f'{{"name":"{CANARY}","more":["{CANARY}"]}}'.encode()
    assert Scrubber([CANARY]).scrub_body(body) == f'{{"name":"{REDACTED}","more":["{REDACTED}"]}}'.encode()


def test_a_key_too_short_to_be_told_from_text_is_not_looked_for() -> None:
    assert Scrubber(["a"]).scrub_body(b'{"data": 1}') == b'{"data": 1}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see postgres://user:pw@host/db", f"see postgres://{REDACTED}@host/db"),
        ("https://token@example.com and", f"https://{REDACTED}@example.com and"),
        ("https://example.com/@handle", "https://example.com/@handle"),
        ("mail a@b.example", "mail a@b.example"),
        ("mongodb+srv://u:p@h", f"mongodb+srv://{REDACTED}@h"),
    ],
)
def test_a_scrubber_takes_passwords_out_of_urls(text: str, expected: str) -> None:
    assert Scrubber([]).scrub(text) == expected


@given(st.text())
def test_a_scrubber_without_secrets_leaves_text_without_urls_but_on_one_line(text: str) -> None:
    given_text = text.replace("@", "")
    assert Scrubber([""]).scrub(given_text) == given_text.replace("\r", " ").replace("\n", " ")


@pytest.mark.parametrize(
    "echoed", [rb"canary\/Key-1", rb"\u0063anary/Key-1", rb"canary\u002fKey-1", rb"canary/\u004Bey-1", rb"canary/Key-1"]
)
def test_a_key_is_found_in_a_body_however_its_string_escapes_it(echoed: bytes) -> None:
    body = Scrubber(["canary/Key-1"]).scrub_body(b'{"name":"a \\" ' + echoed + b'"}')
    assert body == b'{"name":"a \\" [REDACTED]"}'


def test_a_key_is_found_in_text_whatever_its_case() -> None:
    assert Scrubber(["Canary-Key"]).scrub("the body is 'canary-key'") == f"the body is '{REDACTED}'"


def test_a_text_of_many_dots_before_an_at_sign_takes_no_time_to_scrub() -> None:
    """What it takes grows with the text, not with its square: a million characters come back at all."""
    text = "a." * 500_000 + "@"
    assert Scrubber([]).scrub(text) == text
