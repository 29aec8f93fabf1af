"""The values that the readers of ids files exchange: one cell per line of input. Pure."""

from __future__ import annotations

from typing import NamedTuple


class UnreadableIds(Exception):
    """The file cannot be read as ids. The message gives the reason and quotes none of the file's data."""


class Cell(NamedTuple):
    """The text of one line, row or element: "" if it is blank, None with an `error` if it has no text for an id.

    `unit` names the counted thing, if it is not a line.
    """

    line: int
    text: str | None
    error: str = "contains no id"
    unit: str = ""
