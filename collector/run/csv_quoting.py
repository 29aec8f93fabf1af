"""The quoting of RFC 4180 (section 2), for one row of a table. Pure."""

from __future__ import annotations

import re
from typing import Final

_CLOSING: Final = re.compile(r'[^"]*(?:""[^"]*)*"(?!")')


class Fields:
    """The fields of one row as RFC 4180 reads them, line by line."""

    def __init__(self, delimiter: str) -> None:
        self.cells: list[str] = []
        self.is_open = False  # does a quoted field go on in the next line?
        self.is_broken = False  # is there text behind a closing quote?
        self._delimiter = delimiter
        self._parts: list[str] = []  # of the quoted field that is read

    @property
    def is_whole(self) -> bool:
        """Is the row complete, and as RFC 4180 has it?"""
        return not self.is_open and not self.is_broken

    def feed(self, line: str) -> None:
        """Read one more line of the row, without its end."""
        at = self._close(line, 0) if self.is_open else self._begin(line, 0)
        while at is not None and not self.is_broken:
            at = self._begin(line, at)

    def _begin(self, line: str, at: int) -> int | None:
        """Read the field that begins at `at`; returns where the next one begins, None at the end of the line."""
        if line.startswith('"', at):
            return self._close(line, at + 1)
        end = line.find(self._delimiter, at)
        self.cells.append(line[at:] if end < 0 else line[at:end])
        return None if end < 0 else end + 1

    def _close(self, line: str, at: int) -> int | None:
        """The same inside a quoted field."""
        closing = _CLOSING.match(line, at)
        self.is_open = closing is None
        if closing is None:
            self._parts.append(line[at:] + "\n")
            return None
        self.cells.append("".join((*self._parts, closing[0][:-1])).replace('""', '"'))
        self._parts.clear()
        if closing.end() == len(line):
            return None
        self.is_broken = not line.startswith(self._delimiter, closing.end())
        return closing.end() + 1


def unquoted(cell: str) -> str:
    """`cell` without spaces around it, and without quotes if they enclose it."""
    cell = cell.strip()
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"').strip() if is_quoted else cell
