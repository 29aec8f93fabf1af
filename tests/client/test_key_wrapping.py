"""Text around a stored key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.auth.key_wrapping import KEY_VARIABLES, is_quoted, keys_in, unwrap
from collector.model.secret import Secret

KEY = "key-4f1d9a"
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
QUOTES = "\"'`"


def unwrapped_text(text: str, *, is_bearer: bool = True) -> tuple[str, list[str]]:
    key, removed = unwrap(Secret(text), is_bearer=is_bearer)
    return str(key.reveal()), removed


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        (KEY, []),
        (f"{KEY}\n", []),
        (f"{KEY}\r\n", []),
        (f"{KEY}\r", []),
        (f"\ufeff{KEY}\r\n", []),
        (f'"{KEY}"', ["quotes"]),
        (f"'{KEY}'\r\n", ["quotes"]),
        (f"`{KEY}`", ["quotes"]),
        (f"“{KEY}”", ["quotes"]),
        (f"Bearer {KEY}", ["the word Bearer"]),
        (f"authorization: bearer  {KEY}", ["the word Bearer"]),
        (f'"Bearer {KEY}"', ["quotes", "the word Bearer"]),
        (f"POLYTOMIC_API_KEY={KEY}", ["a variable's name"]),
        (f"POLYTOMIC_PARTNER_KEY = '{KEY}'", ["a variable's name", "quotes"]),
        (f'export POLYTOMIC_API_KEY="{KEY}"\n', ["a variable's name", "quotes"]),
        (f'$env:POLYTOMIC_API_KEY = "{KEY}"', ["a variable's name", "quotes"]),
        (f"\ufeffset POLYTOMIC_DEPLOYMENT_KEY={KEY}\r\n", ["a variable's name"]),
    ],
)
def test_text_that_cannot_be_part_of_a_key_is_removed_and_named(text: str, removed: list[str]) -> None:
    assert unwrapped_text(text) == (KEY, removed)


@pytest.mark.parametrize(
    "text",
    [f'"{KEY}', f'{KEY}"', f"\"{KEY}'", '"', '""', f"OTHER_KEY={KEY}", f"Basic {KEY}", f"bearer-{KEY}", f"{KEY}=="],
)
def test_text_that_may_be_part_of_a_key_remains(text: str) -> None:
    assert unwrapped_text(text) == (text, [])


@given(PRINTABLE.filter(lambda key: not (key[0] == key[-1] and key[0] in QUOTES)))
def test_a_bare_key_is_unchanged(key: str) -> None:
    if not key.upper().startswith(tuple(f"{name}=" for name in KEY_VARIABLES)):
        assert unwrapped_text(key) == (key, [])


@given(PRINTABLE)
def test_the_key_of_a_basic_header_keeps_its_quotes(key: str) -> None:
    assert unwrapped_text(f'"{key}"', is_bearer=False) == (f'"{key}"', [])
    assert is_quoted(Secret(f'"{key}"'))
    assert not is_quoted(Secret(f'"{key}-'))


def test_a_key_is_scrubbed_with_and_without_its_wrapping() -> None:
    assert keys_in(f' "{KEY}"') >= {f'"{KEY}"'}
    assert keys_in(f'"{KEY}"') == {f'"{KEY}"', KEY}
