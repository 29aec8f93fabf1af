"""Reads the header of a delimited table: its columns, its delimiter, and the column of the ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from collector.model.ids import ids_in
from collector.run.ids.csv_quoting import RowParser
from collector.run.ids.id_cells import UnreadableIds
from collector.run.ids.id_column import matching_columns, require_column

OFTEN_UNQUOTED: Final = frozenset("\t|")
"""Delimiters of tables in which a quote may be an ordinary character."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r'sep=([^"\r\n ])', re.IGNORECASE)  # written by Excel
_TYPE_LINE: Final = re.compile(r"#TYPE .*")  # written by PowerShell's Export-Csv
_MAX_LINE_LENGTH: Final = 64 * 1024  # of a header that is recognized by its content


class Line(NamedTuple):
    """A line of the file, without its line end."""

    number: int
    text: str


class Header(NamedTuple):
    """The index of the column of the ids, the number of columns, and the delimiter."""

    at: int
    width: int
    delimiter: str


def read_header(lines: Iterator[Line], column: str | None, delimiter: str) -> Header:
    """Read the header from the first `lines`. Another delimiter is used if only that one yields the column.

    Raises `UnreadableIds` unless exactly one column may hold the ids.
    """
    first = next(lines, Line(1, ""))
    if _TYPE_LINE.fullmatch(first.text):
        first = next(lines, Line(2, ""))
    if separator := _SEPARATOR_LINE.fullmatch(first.text):
        delimiter = separator[1]
        first = next(lines, Line(2, ""))
    texts = _texts_of_header(first, lines, delimiter)
    names_by_delimiter = {each: _names(texts, each) for each in (delimiter, *_DELIMITERS)}
    for each, names in names_by_delimiter.items():
        if matching_columns(names, column):
            return Header(require_column(names, column), len(names), each)
    if ids_in("\n".join(texts)):
        raise UnreadableIds(
            f"its first line contains an id, but a table begins with its column names; add a line with the column name "
            f"{column or 'id'!r}, or name a file that contains only ids .txt"
        )
    names = max(names_by_delimiter.values(), key=len)  # an error, which lists the columns
    return Header(require_column(names, column), len(names), delimiter)


def begins_table(start: str, column: str | None) -> bool:
    """Is the first line of this text a header with a column of ids, or a line that only tables begin with?"""
    first = re.split(r"[\r\n]", start, maxsplit=1)[0]
    if len(first) > _MAX_LINE_LENGTH or ids_in(first):
        return False
    if _SEPARATOR_LINE.fullmatch(first) or _TYPE_LINE.fullmatch(first):
        return True
    return any(matching_columns(_names([first], delimiter), column) for delimiter in _DELIMITERS)


def never_closed(number: int) -> UnreadableIds:
    """The error for a quote that line `number` opens."""
    return UnreadableIds(
        f"line {number}: unexpected end of data: a quote is never closed; "
        "close it, or double it if it is part of a field"
    )


def _texts_of_header(first: Line, lines: Iterator[Line], delimiter: str) -> list[str]:
    """The lines of the header, of which a quoted column name may span several."""
    texts, parser = [first.text], RowParser(delimiter)
    parser.feed(first.text)
    while parser.is_open and delimiter not in OFTEN_UNQUOTED:
        if (line := next(lines, None)) is None:
            raise never_closed(first.number)
        texts.append(line.text)
        parser.feed(line.text)
    return texts


def _names(texts: list[str], delimiter: str) -> list[str]:
    parser = RowParser(delimiter)
    for text in texts:
        parser.feed(text)
    return parser.cells if parser.is_valid else texts[0].split(delimiter)
