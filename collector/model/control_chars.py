"""Characters that end a line, move a terminal's cursor or change the direction of text. Pure.

One list, and two ways to escape its characters: in JSON, and in text for people.
"""

from __future__ import annotations

import re
from typing import Final

UNSAFE: Final = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""A character class for regular expressions: characters that end a line for some readers (NEL, LS, PS),
move a terminal's cursor (DEL, C1), or change the direction of text (Unicode Bidirectional Algorithm, UAX 9)."""

_UNSAFE: Final = re.compile(f"[{UNSAFE}]")
# Also the C0 controls, which JSON always escapes, and surrogates, which no encoding can represent.
_UNPRINTABLE: Final = rf"\x00-\x08\x0b-\x1f{UNSAFE}\ud800-\udfff"
_UNPRINTABLE_OR_BREAK: Final = re.compile(f"[\t\n{_UNPRINTABLE}]")
_UNPRINTABLE_CHARACTER: Final = re.compile(f"[{_UNPRINTABLE}]")


def json_escaped(text: bytes) -> bytes:
    """JSON with every unsafe character escaped."""
    if text.isascii() and b"\x7f" not in text:
        return text
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()


def printable(text: str) -> str:
    """`text` on one line, with control and unsafe characters escaped."""
    return _UNPRINTABLE_OR_BREAK.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """Like `printable`, but keeps line feeds and tabs, for text such as a traceback."""
    return _UNPRINTABLE_CHARACTER.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
