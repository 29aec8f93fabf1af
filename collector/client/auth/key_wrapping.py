"""Removes text around a key that cannot be part of it, such as quotes. Pure.

A bearer token never contains quotes (RFC 6750 section 2.1), and a key never contains spaces or non-ASCII characters.
So quotes, a leading `Bearer`, an assignment from a shell or environment file, and a byte order mark can be removed.
The key of a Basic header may be any text, so ASCII quotes remain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from collector.model.secret import Secret

KEY_VARIABLES: Final = ("POLYTOMIC_API_KEY", "POLYTOMIC_PARTNER_KEY", "POLYTOMIC_DEPLOYMENT_KEY")
SHARED_KEY_VARIABLES: Final = (*KEY_VARIABLES[1:], KEY_VARIABLES[0])
"""The same in their order of precedence for a key that several organizations share."""

_BYTE_ORDER_MARK: Final = "\ufeff"
_ASSIGNMENT: Final = re.compile(rf"\s*(?:export\s+|set\s+|\$env:)?(?:{'|'.join(KEY_VARIABLES)})\s*=\s*", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_ASCII_QUOTES: Final = ('""', "''", "``")
_TYPOGRAPHIC_QUOTES: Final = ("“”", "„“", "‘’", "«»", "””", "’’")  # noqa: RUF001  # the quotes to remove


def unwrap(found: Secret, *, is_bearer: bool) -> tuple[Secret, list[str]]:
    """Return the key in this content, and the names of the removed parts except line ends and byte order marks."""
    text = str(found.reveal()).removeprefix(_BYTE_ORDER_MARK).removesuffix("\n").removesuffix("\r")
    quotes = (*_TYPOGRAPHIC_QUOTES, *(_ASCII_QUOTES if is_bearer else ()))
    removed = []
    for name, strip in (
        ("a variable's name", _strip_assignment),
        ("quotes", _strip_quotes),
        ("the word Bearer", _strip_scheme),
    ):
        stripped = strip(text, quotes)
        if stripped != text:
            text = stripped
            removed.append(name)
    return Secret(text), removed


def keys_in(text: str) -> set[str]:
    """Return the strings to scrub because of a text that contains a key: the text, and the unwrapped key."""
    return {text.strip(), unwrap(Secret(text), is_bearer=True)[0].reveal()}


def is_quoted(key: Secret) -> bool:
    """Is the key in ASCII quotes?"""
    text = str(key.reveal())
    return _strip_quotes(text, _ASCII_QUOTES) != text


def is_utf_16(content: Secret) -> bool:
    """Is the content UTF-16, in which every second byte of a key is NUL?"""
    return "\0" in content.reveal()


def _strip_assignment(text: str, _quotes: Sequence[str]) -> str:
    return text[found.end() :] if (found := _ASSIGNMENT.match(text)) else text


def _strip_scheme(text: str, _quotes: Sequence[str]) -> str:
    return text[found.end() :] if (found := _SCHEME.match(text)) else text


def _strip_quotes(text: str, quotes: Sequence[str]) -> str:
    enclosed = len(text) > len('""') and f"{text[0]}{text[-1]}" in quotes
    return text[1:-1] if enclosed else text
