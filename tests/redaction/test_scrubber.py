"""Known secrets in texts and bodies are masked; the rest stays."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.secret import REDACTED
from collector.redaction.scrubber import Scrubber

CANARY = "canary-7c1e"
SPECIAL = "a+key/of=its.own_kind"


def test_a_scrubber_masks_every_known_secret_in_a_text() -> None:
    scrubber = Scrubber([CANARY, "", "another-one"])
    assert scrubber.scrub(f"{CANARY}, twice {CANARY}, another-one") == f"{REDACTED}, twice {REDACTED}, {REDACTED}"


def test_a_scrubber_masks_every_known_secret_in_a_body() -> None:
    body = f'{{"name":"{CANARY}","more":["{CANARY}"]}}'.encode()
    assert Scrubber([CANARY]).scrub_body(body) == f'{{"name":"{REDACTED}","more":["{REDACTED}"]}}'.encode()


def test_a_key_too_short_to_distinguish_from_text_is_ignored() -> None:
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
def test_a_scrubber_masks_passwords_in_urls(text: str, expected: str) -> None:
    assert Scrubber([]).scrub(text) == expected


@given(st.text())
def test_a_scrubber_without_secrets_only_joins_lines(text: str) -> None:
    given_text = text.replace("@", "")
    assert Scrubber([""]).scrub(given_text) == given_text.replace("\r", " ").replace("\n", " ")


@pytest.mark.parametrize(
    "echoed", [rb"canary\/Key-1", rb"\u0063anary/Key-1", rb"canary\u002fKey-1", rb"canary/\u004Bey-1", rb"canary/Key-1"]
)
def test_a_key_is_found_in_any_escaped_form_in_a_body(echoed: bytes) -> None:
    body = Scrubber(["canary/Key-1"]).scrub_body(b'{"name":"a \\" ' + echoed + b'"}')
    assert body == b'{"name":"a \\" [REDACTED]"}'


def test_a_key_is_found_in_any_case() -> None:
    assert Scrubber(["Canary-Key"]).scrub("the body is 'canary-key'") == f"the body is '{REDACTED}'"


def test_scrubbing_many_dots_before_an_at_sign_takes_linear_time() -> None:
    """The time is linear: quadratic time for a million characters would exceed the time limit of the test."""
    text = "a." * 500_000 + "@"
    assert Scrubber([]).scrub(text) == text


ESCAPES: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda each: f"\\{each}",
    lambda each: f"\\\\{each}",
    lambda each: f"\\u{ord(each):04x}",
    lambda each: f"\\\\u{ord(each):04X}",
    lambda each: f"\\x{ord(each):02x}",
    lambda each: f"%{ord(each):02X}",
]


@given(st.lists(st.sampled_from(ESCAPES), min_size=len(SPECIAL), max_size=len(SPECIAL)), st.text(), st.text())
def test_a_key_is_found_with_any_of_its_characters_escaped_in_any_way(
    ways: list[Callable[[str], str]], before: str, after: str
) -> None:
    text = "".join(escape(each) for escape, each in zip(ways, SPECIAL, strict=True))
    masked = Scrubber([SPECIAL]).mask(f"{before} {text} {after}")
    assert REDACTED in masked
    assert text not in masked
    body = Scrubber([SPECIAL]).scrub_body(f'{{"é":"{text}"}}'.encode())
    assert body == f'{{"é":"{REDACTED}"}}'.encode()


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_a_key_is_found_in_base64_with_any_prefix_and_suffix(before: bytes, after: bytes, is_for_urls: bool) -> None:
    encode = base64.urlsafe_b64encode if is_for_urls else base64.b64encode
    text = encode(before + SPECIAL.encode() + after).decode()
    masked = (
        Scrubber([SPECIAL]).scrub_body(text.encode()).decode()
    )  # by value only: the text around it may look like a token
    head, found, tail = masked.partition(REDACTED)
    assert found
    assert text.startswith(head)
    assert text.endswith(tail)
    # Only parts of its first and last bytes remain.
    assert len(head) * 6 < len(before) * 8 + 8
    assert len(tail.rstrip("=")) * 6 < len(after) * 8 + 12


@pytest.mark.parametrize(
    "key",
    [
        "100%41-or-more",
        "a%zz%%%key",
        "C:\\\\key\\path",
        "abcdefgh\\x20ij",
        "abc\\u0041defgh",
        'a"quoted"key',
        "a'quoted'key",
    ],
)
@pytest.mark.parametrize("write", [str, quote, json.dumps, repr, lambda key: json.dumps(json.dumps(key)), str.upper])
def test_a_key_that_contains_escapes_is_found(key: str, write: Callable[[str], str]) -> None:
    assert Scrubber([key]).mask(f"before {write(key)} after").strip("\\\"'") in {
        f"before {quotes}{REDACTED}{quotes} after" for quotes in ["", "'", '"', '"\\"']
    } | {f'before "\\"{REDACTED}\\"" after'}


@given(st.binary())
def test_a_body_without_a_key_stays_verbatim(body: bytes) -> None:
    assert Scrubber([SPECIAL]).scrub_body(body) is body


@pytest.mark.parametrize("text", ["{}", "x{}x", "a {} b"])
@pytest.mark.parametrize("write", [str, str.upper, quote, lambda key: base64.b64encode(f"o:{key}".encode()).decode()])
def test_is_in_finds_a_key_in_any_form(text: str, write: Callable[[str], str]) -> None:
    assert Scrubber([SPECIAL]).is_in(text.format(write(SPECIAL)))
    assert not Scrubber([SPECIAL]).is_in(text.format(write(SPECIAL[:-1])))
    assert not Scrubber([""]).is_in(text.format(write(SPECIAL)))


def test_masking_keeps_the_lines() -> None:
    assert Scrubber([CANARY]).mask(f"one {CANARY}\n\ttwo\n") == f"one {REDACTED}\n\ttwo\n"


def test_a_mask_stays_verbatim() -> None:
    scrubber = Scrubber([CANARY])
    once = scrubber.mask(f"{CANARY} https://u:pw@host/")
    assert scrubber.mask(once) == once
