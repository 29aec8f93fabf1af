"""Printable text cannot move a terminal's cursor, change the direction of text, or imitate a line of the collector."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.control_chars import printable, printable_lines

CURSOR_MOVING = [*map(chr, range(0x20)), "\x7f", *map(chr, range(0x80, 0xA0))]
DIRECTION_CHANGING = ["\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
SURROGATES = [chr(0xD800), chr(0xDFFF)]
LINE_BREAKING = ["\u2028", "\u2029"]


@pytest.mark.parametrize("character", [*CURSOR_MOVING, *DIRECTION_CHANGING, *LINE_BREAKING, *SURROGATES], ids=ascii)
def test_an_unsafe_character_is_escaped(character: str) -> None:
    number = ord(character)
    assert printable(f"a{character}b") == (f"a\\x{number:02x}b" if number < 0x100 else f"a\\u{number:04x}b")


@given(st.text(st.characters()))
def test_printable_text_is_one_encodable_line(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [each for each in shown if unicodedata.bidirectional(each) in {"LRE", "RLE", "LRO", "RLO", "PDF"}]


@given(st.text(st.characters()))
def test_printable_lines_keeps_line_feeds_and_tabs_and_escapes_the_rest(text: str) -> None:
    shown = printable_lines(text)
    assert shown.count("\n") == text.count("\n") == len(shown.splitlines()) - (shown != "" and not shown.endswith("\n"))
    assert printable(shown.replace("\n", "").replace("\t", "")) == shown.replace("\n", "").replace("\t", "")


@pytest.mark.parametrize("text", ["Größe 5 µm · 東京 🚀", "שלום עולם", "a\u00a0b", "C:\\x"])
def test_readable_text_stays_unchanged(text: str) -> None:
    assert printable(text) == printable_lines(text) == text
