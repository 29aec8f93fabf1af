"""Parses the quoting of RFC 4180, section 2, in one row of a table. Pure."""

from __future__ import annotations

import re
from typing import Final

_CLOSING: Final = re.compile(r'[^"]*(?:""[^"]*)*"(?!")')


class RowParser:
    """Parses one row by RFC 4180, line by line."""

    def __init__(self, delimiter: str) -> None:
        self.cells: list[str] = []
        self.is_open = False  # does a quoted field continue on the next line?
        self.has_text_after_quote = False  # does text follow a closing quote?
        self._delimiter = delimiter
        self._parts: list[str] = []  # of the current quoted field

    @property
    def is_valid(self) -> bool:
        """Is the row complete and valid under RFC 4180?"""
        return not self.is_open and not self.has_text_after_quote

    def feed(self, line: str) -> None:
        """Parse the next line of the row, without its line end."""
        at = self._read_quoted_rest(line, 0) if self.is_open else self._read_field(line, 0)
        while at is not None and not self.has_text_after_quote:
            at = self._read_field(line, at)

    def _read_field(self, line: str, at: int) -> int | None:
        """Parse the field that begins at `at`; return the start of the next field, or None at the end of the line."""
        if line.startswith('"', at):
            return self._read_quoted_rest(line, at + 1)
        end = line.find(self._delimiter, at)
        self.cells.append(line[at:] if end < 0 else line[at:end])
        return None if end < 0 else end + 1

    def _read_quoted_rest(self, line: str, at: int) -> int | None:
        """Parse the rest of a quoted field, with the same result."""
        closing = _CLOSING.match(line, at)
        self.is_open = closing is None
        if closing is None:
            self._parts.append(line[at:] + "\n")
            return None
        self.cells.append("".join((*self._parts, closing[0][:-1])).replace('""', '"'))
        self._parts.clear()
        if closing.end() == len(line):
            return None
        self.has_text_after_quote = not line.startswith(self._delimiter, closing.end())
        return closing.end() + 1


def strip_quotes(cell: str) -> str:
    """`cell` without surrounding spaces and enclosing quotes."""
    cell = cell.strip()
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"').strip() if is_quoted else cell
