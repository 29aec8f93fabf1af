"""Text that cannot move a terminal's cursor, turn the direction of what is read, or pose as another line of ours."""

from __future__ import annotations

import re

from collector.lines import UNSAFE

# With the C0 controls, which JSON escapes by itself, and surrogates, which no encoding can write.
_NOT_SHOWN = rf"\x00-\x08\x0b-\x1f{UNSAFE}\ud800-\udfff"
_IN_A_LINE = re.compile(f"[\t\n{_NOT_SHOWN}]")
_IN_LINES = re.compile(f"[{_NOT_SHOWN}]")


def printable(text: str) -> str:
    """`text` on one line, with everything that is not to be shown as an escape."""
    return _IN_A_LINE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same for text that may have several lines, such as a traceback."""
    return _IN_LINES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
