"""One column of a delimited table, so that every line of the file is accounted for. Pure.

Theory of operation. Two dialects share the names `.csv` and `.tsv`. RFC 4180, which Excel and pandas write with any
delimiter, quotes a field that holds a delimiter, a quote or a line end. Tables as databases print them (psql, Hive,
`mysql --batch`; IANA text/tab-separated-values) have no quoting: a quote is a character like any other.

Commas and semicolons mean RFC 4180, read strictly: a quote that is never closed, or closed too early, is an error.
With tabs and bars each row is read by the dialect that gives it as many columns as the header has, preferably as one
line. A quoted field that spans lines is possible in either; it is told with its lines, and an id that it swallowed is
an invalid line of its own.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from collector.model.ids import ids_in
from collector.run.csv_quoting import Fields, unquoted

_DELIMITERS: Final = (",", ";", "\t", "|")
_WITHOUT_QUOTING: Final = frozenset("\t|")
_MOST_LINES: Final = 1000  # of one field, where a quote may as well be a character
_MOST_TOLD: Final = 20
_SEPARATOR_LINE: Final = re.compile(r'sep=([^"\r\n ])', re.IGNORECASE)  # Excel's


class BadTable(Exception):
    """The file cannot be read as a table; the text says why, and quotes nothing of it."""


class Cell(NamedTuple):
    """What one row has in the column: "" for a blank row, None and a `fault` where there is nothing to read."""

    line: int
    text: str | None
    fault: str = "no id in it"


class _Line(NamedTuple):
    number: int
    text: str


class _Row(NamedTuple):
    lines: tuple[_Line, ...]
    cells: list[str]


def read_column(
    lines: Iterable[str], column: str, *, delimiter: str, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Cell]:
    """The cells of `column`, one for each row behind the header; `lines` come without their ends.

    The header decides on another delimiter than `delimiter`, if only another one gives it that column. Names are
    compared without spaces around them and, where that finds none, in any case. `tell` is told what a user should
    check. Raises `BadTable`.
    """
    source = _Lines(lines)
    blank = _leading_blank(source)
    yield from (Cell(line.number, "") for line in blank)
    header = _header(source, column, delimiter)
    if header.delimiter != delimiter:
        tell(f"its columns are separated by {header.delimiter!r}, not by {delimiter!r}; they are read so")
    yield from _Reader(source, header).cells(tell)


class _Lines:
    """Numbered lines, of which some can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._left = enumerate(lines, start=1)
        self._back: deque[_Line] = deque()
        self.given = 0
        "How many lines were given and not put back."

    def __iter__(self) -> Iterator[_Line]:
        return self

    def __next__(self) -> _Line:
        line = self._back.popleft() if self._back else _Line(*next(self._left))
        self.given += 1
        return line

    def put_back(self, lines: Iterable[_Line]) -> None:
        """The first of `lines` is the next to come."""
        again = list(lines)
        self._back.extendleft(reversed(again))
        self.given -= len(again)


class _Header(NamedTuple):
    at: int
    width: int
    delimiter: str


class _Reader:
    """Rows behind a header."""

    def __init__(self, lines: _Lines, header: _Header) -> None:
        self._lines = lines
        self._at, self._width, self._delimiter = header
        self._read = self._printed if header.delimiter in _WITHOUT_QUOTING else self._quoted
        self._spans: list[str] = []

    def cells(self, tell: Callable[[str], None]) -> Iterator[Cell]:
        accounted = self._lines.given
        for line in self._lines:
            accounted += 1
            if '"' not in line.text:  # in either dialect the same
                yield self._cell(line.number, line.text.split(self._delimiter))
                continue
            row = self._read(line)
            cell = self._cell(line.number, row.cells)
            yield cell
            if len(row.lines) > 1:
                accounted += len(row.lines) - 1
                self._spans.append(f"{line.number}-{row.lines[-1].number}")
                yield from _swallowed(row, cell.text)
        if self._spans:
            tell(_told(self._spans))
        if accounted != self._lines.given:
            raise BadTable(f"{self._lines.given} lines, of which rows account for {accounted}; please report this bug")

    def _cell(self, number: int, cells: list[str]) -> Cell:
        text = unquoted(cells[self._at]) if self._at < len(cells) else ""
        if len(cells) > self._width and any(map(ids_in, cells[self._width :])):
            return Cell(number, None, "an id behind the last column that the header names")
        if text:
            return Cell(number, text)
        return Cell(number, None if any(map(unquoted, cells)) else "")

    def _quoted(self, first: _Line) -> _Row:
        with contextlib.suppress(csv.Error):  # four times faster where it can: a row on one line, no field too long
            return _Row((first,), next(csv.reader((first.text,), delimiter=self._delimiter, strict=True)))
        fields, lines = Fields(self._delimiter), [first]
        fields.feed(first.text)
        while fields.is_open:
            if (line := next(self._lines, None)) is None:
                raise _never_closed(first.number)
            lines.append(line)
            fields.feed(line.text)
        if fields.is_broken:
            raise BadTable(
                f"line {lines[-1].number}: text behind a closing quote; double each quote that belongs to a text"
            )
        return _Row(tuple(lines), fields.cells)

    def _printed(self, first: _Line) -> _Row:
        plain, fields = first.text.split(self._delimiter), Fields(self._delimiter)
        fields.feed(first.text)
        if fields.is_open and (row := self._spanning(first, plain, fields)):
            return row
        is_quoted = fields.is_whole and self._fits(fields.cells) and not self._fits(plain)
        return _Row((first,), fields.cells if is_quoted else plain)

    def _spanning(self, first: _Line, plain: list[str], fields: Fields) -> _Row | None:
        """The row that goes on in the lines behind `first`; None, and they are put back, if it is a line by itself."""
        lines, fits = [first], self._fits(plain)
        for line in self._lines:
            lines.append(line)
            fields.feed(line.text)
            is_row = self._fits(line.text.split(self._delimiter))
            if (is_row and (fits or fields.is_open)) or len(lines) > _MOST_LINES:
                break
            if fields.is_whole and self._fits(fields.cells):
                return _Row(tuple(lines), fields.cells)
            if not fields.is_open:
                break
        self._lines.put_back(lines[1:])
        return None

    def _fits(self, cells: list[str]) -> bool:
        """Has the row as many columns as the header, but for an empty one at the end?"""
        return len(cells) == self._width or (len(cells) == self._width + 1 and not cells[-1].strip())


def _leading_blank(source: _Lines) -> list[_Line]:
    blank: list[_Line] = []
    for line in source:
        if line.text.strip():
            source.put_back([line])
            break
        blank.append(line)
    return blank


def _header(source: _Lines, column: str, delimiter: str) -> _Header:
    first = next(source, _Line(1, ""))
    if separator := _SEPARATOR_LINE.fullmatch(first.text):
        delimiter = separator[1]
        first = next(source, _Line(2, ""))
    lines, fields = [first.text], Fields(delimiter)
    fields.feed(first.text)
    while fields.is_open and delimiter not in _WITHOUT_QUOTING:
        if (line := next(source, None)) is None:
            raise _never_closed(first.number)
        lines.append(line.text)
        fields.feed(line.text)
    for each in dict.fromkeys((delimiter, *_DELIMITERS)):
        names = _names(lines, each)
        if (at := _position(names, column)) is not None:
            return _Header(at, len(names), each)
    if ids_in("\n".join(lines)):
        raise BadTable(
            f"its first line holds an id, but a table begins with the names of its columns; add that line, with "
            f"{column!r} in it, or name a file of ids alone .txt"
        )
    names = _names(lines, delimiter)
    width = len(names) if any(name.strip() for name in names) else 0
    raise BadTable(f"none of its {width} columns is named {column!r}; choose with --ids-column")


def _fields_of(lines: list[str], delimiter: str) -> Fields:
    fields = Fields(delimiter)
    for line in lines:
        fields.feed(line)
    return fields


def _names(lines: list[str], delimiter: str) -> list[str]:
    fields = _fields_of(lines, delimiter)
    return fields.cells if fields.is_whole else lines[0].split(delimiter)


def _position(names: list[str], column: str) -> int | None:
    """Where the column is, if it is there. Raises `BadTable` when it is there twice."""
    wanted = column.strip()
    for fold in (str, str.casefold):
        found = [at for at, name in enumerate(names) if fold(unquoted(name)) == fold(wanted)]
        if len(found) > 1:
            raise BadTable(f"{len(found)} of its columns are named {column!r}; rename all but one")
        if found:
            return found[0]
    return None


def _swallowed(row: _Row, own: str | None) -> Iterator[Cell]:
    """The lines of a row in which there is an id that the row does not give: rows, perhaps, that a quote took in."""
    known = (own or "").lower()
    for line in row.lines:
        if any(found != known for found in ids_in(line.text)):
            place = f"lines {row.lines[0].number}-{row.lines[-1].number}"
            yield Cell(
                line.number,
                None,
                f"an id in a quoted field that spans {place}; close its quote, or take the id out",
            )


def _told(spans: list[str]) -> str:
    more = f" and {len(spans) - _MOST_TOLD} more" if len(spans) > _MOST_TOLD else ""
    return (
        f"quoted fields span lines {', '.join(spans[:_MOST_TOLD])}{more}; each such row counts as one line; "
        "check that no quote is missing there"
    )


def _never_closed(number: int) -> BadTable:
    return BadTable(
        f"line {number}: unexpected end of data: a quote is never closed; close it, or double one that is a character"
    )
