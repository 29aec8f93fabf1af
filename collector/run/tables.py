"""Reads one column of a delimited table and accounts for every line of the file. Pure.

Theory of operation. Two dialects share the extensions `.csv` and `.tsv`. RFC 4180, which Excel and pandas write with
any delimiter, quotes a field that contains a delimiter, a quote or a line end. Database tools (psql, Hive,
`mysql --batch`; IANA text/tab-separated-values) write tables without quoting, where a quote is an ordinary character.

Tables with commas or semicolons must conform to RFC 4180. A quote that is never closed, or closed too early, is an
error. In tables with tabs or bars, each row is read in the dialect that yields the column count of the header,
preferably as a single line.

In both cases a quoted field may span lines. A warning lists those lines, and each line with an id that such a field
swallowed is reported as an invalid line.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from collector.model.ids import ids_in
from collector.run.csv_quoting import RowParser, strip_quotes

_DELIMITERS: Final = (",", ";", "\t", "|")
_OFTEN_UNQUOTED: Final = frozenset("\t|")
_MAX_SPAN_LINES: Final = 1000  # of one field, in tables where a quote may be an ordinary character
_MAX_LISTED_SPANS: Final = 20
_SEPARATOR_LINE: Final = re.compile(r'sep=([^"\r\n ])', re.IGNORECASE)  # written by Excel


class BadTable(Exception):
    """The file cannot be read as a table. The message gives the reason and quotes none of the file's data."""


class Cell(NamedTuple):
    """The text of one row in the column: "" for a blank row, None with an `error` for a row without text there."""

    line: int
    text: str | None
    error: str = "contains no id"


class _Line(NamedTuple):
    number: int
    text: str


class _Row(NamedTuple):
    lines: tuple[_Line, ...]
    cells: list[str]


def read_column(
    lines: Iterable[str], column: str, *, delimiter: str, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Cell]:
    """Yield the cells of `column`, one per row after the header. `lines` have no line ends.

    If `delimiter` does not yield that column in the header, another delimiter that does is used. Column names are
    compared without surrounding spaces, and without case if no name matches exactly. `warn` receives what the user
    should check. Raises `BadTable`.
    """
    source = _PushbackLines(lines)
    blank = _leading_blank(source)
    yield from (Cell(line.number, "") for line in blank)
    header = _header(source, column, delimiter)
    if header.delimiter != delimiter:
        warn(
            f"its columns are separated by {header.delimiter!r}, not by {delimiter!r}; "
            f"reading with {header.delimiter!r}"
        )
    yield from _RowReader(source, header).cells(warn)


class _PushbackLines:
    """Numbered lines that can be pushed back and read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._remaining = enumerate(lines, start=1)
        self._pushed_back: deque[_Line] = deque()
        self.consumed = 0
        "Number of lines read and not pushed back."

    def __iter__(self) -> Iterator[_Line]:
        return self

    def __next__(self) -> _Line:
        line = self._pushed_back.popleft() if self._pushed_back else _Line(*next(self._remaining))
        self.consumed += 1
        return line

    def push_back(self, lines: Iterable[_Line]) -> None:
        """Push `lines` back; the first of them is read next."""
        returned = list(lines)
        self._pushed_back.extendleft(reversed(returned))
        self.consumed -= len(returned)


class _Header(NamedTuple):
    at: int
    width: int
    delimiter: str


class _RowReader:
    """Reads the rows after a header."""

    def __init__(self, lines: _PushbackLines, header: _Header) -> None:
        self._lines = lines
        self._column_index, self._width, self._delimiter = header
        self._read = self._read_either_dialect if header.delimiter in _OFTEN_UNQUOTED else self._read_rfc_4180
        self._spans: list[str] = []

    def cells(self, warn: Callable[[str], None]) -> Iterator[Cell]:
        accounted = self._lines.consumed
        for line in self._lines:
            accounted += 1
            if '"' not in line.text:  # both dialects agree
                yield self._cell(line.number, line.text.split(self._delimiter))
                continue
            row = self._read(line)
            cell = self._cell(line.number, row.cells)
            yield cell
            if len(row.lines) > 1:
                accounted += len(row.lines) - 1
                self._spans.append(f"{line.number}-{row.lines[-1].number}")
                yield from _swallowed_ids(row, cell.text)
        if self._spans:
            warn(_span_warning(self._spans))
        if accounted != self._lines.consumed:
            raise BadTable(
                f"{self._lines.consumed} lines were read, but rows account for {accounted}; please report this bug"
            )

    def _cell(self, number: int, cells: list[str]) -> Cell:
        text = strip_quotes(cells[self._column_index]) if self._column_index < len(cells) else ""
        if len(cells) > self._width and any(map(ids_in, cells[self._width :])):
            return Cell(number, None, "contains an id after the last column of the header")
        if text:
            return Cell(number, text)
        return Cell(number, None if any(map(strip_quotes, cells)) else "")

    def _read_rfc_4180(self, first: _Line) -> _Row:
        with contextlib.suppress(csv.Error):  # four times faster, for a row on one line without overlong fields
            return _Row((first,), next(csv.reader((first.text,), delimiter=self._delimiter, strict=True)))
        parser, lines = RowParser(self._delimiter), [first]
        parser.feed(first.text)
        while parser.is_open:
            if (line := next(self._lines, None)) is None:
                raise _never_closed(first.number)
            lines.append(line)
            parser.feed(line.text)
        if parser.has_text_after_quote:
            raise BadTable(
                f"line {lines[-1].number}: text after a closing quote; double each quote that is part of a field"
            )
        return _Row(tuple(lines), parser.cells)

    def _read_either_dialect(self, first: _Line) -> _Row:
        unquoted, parser = first.text.split(self._delimiter), RowParser(self._delimiter)
        parser.feed(first.text)
        if parser.is_open and (row := self._read_spanning_row(first, unquoted, parser)):
            return row
        is_quoted = parser.is_valid and self._matches_width(parser.cells) and not self._matches_width(unquoted)
        return _Row((first,), parser.cells if is_quoted else unquoted)

    def _read_spanning_row(self, first: _Line, unquoted: list[str], parser: RowParser) -> _Row | None:
        """The row that continues on the lines after `first`; None, with these lines pushed back, if it does not."""
        lines, matches = [first], self._matches_width(unquoted)
        for line in self._lines:
            lines.append(line)
            parser.feed(line.text)
            is_row = self._matches_width(line.text.split(self._delimiter))
            if (is_row and (matches or parser.is_open)) or len(lines) > _MAX_SPAN_LINES:
                break
            if parser.is_valid and self._matches_width(parser.cells):
                return _Row(tuple(lines), parser.cells)
            if not parser.is_open:
                break
        self._lines.push_back(lines[1:])
        return None

    def _matches_width(self, cells: list[str]) -> bool:
        """Does the row have the column count of the header, apart from one empty column at the end?"""
        return len(cells) == self._width or (len(cells) == self._width + 1 and not cells[-1].strip())


def _leading_blank(source: _PushbackLines) -> list[_Line]:
    blank: list[_Line] = []
    for line in source:
        if line.text.strip():
            source.push_back([line])
            break
        blank.append(line)
    return blank


def _header(source: _PushbackLines, column: str, delimiter: str) -> _Header:
    first = next(source, _Line(1, ""))
    if separator := _SEPARATOR_LINE.fullmatch(first.text):
        delimiter = separator[1]
        first = next(source, _Line(2, ""))
    lines, parser = [first.text], RowParser(delimiter)
    parser.feed(first.text)
    while parser.is_open and delimiter not in _OFTEN_UNQUOTED:
        if (line := next(source, None)) is None:
            raise _never_closed(first.number)
        lines.append(line.text)
        parser.feed(line.text)
    for each in dict.fromkeys((delimiter, *_DELIMITERS)):
        names = _names(lines, each)
        if (at := _position(names, column)) is not None:
            return _Header(at, len(names), each)
    if ids_in("\n".join(lines)):
        raise BadTable(
            f"its first line contains an id, but a table begins with its column names; add a line with the column name "
            f"{column!r}, or name a file that contains only ids .txt"
        )
    names = _names(lines, delimiter)
    width = len(names) if any(name.strip() for name in names) else 0
    raise BadTable(f"none of its {width} columns is named {column!r}; choose with --ids-column")


def _parse_row(lines: list[str], delimiter: str) -> RowParser:
    parser = RowParser(delimiter)
    for line in lines:
        parser.feed(line)
    return parser


def _names(lines: list[str], delimiter: str) -> list[str]:
    parser = _parse_row(lines, delimiter)
    return parser.cells if parser.is_valid else lines[0].split(delimiter)


def _position(names: list[str], column: str) -> int | None:
    """The index of the column, or None. Raises `BadTable` if two columns match."""
    column_name = column.strip()
    for fold in (str, str.casefold):
        found = [at for at, name in enumerate(names) if fold(strip_quotes(name)) == fold(column_name)]
        if len(found) > 1:
            raise BadTable(f"{len(found)} of its columns are named {column!r}; rename all but one")
        if found:
            return found[0]
    return None


def _swallowed_ids(row: _Row, row_id: str | None) -> Iterator[Cell]:
    """Yield an invalid cell for each line of the row with an id other than `row_id`.

    A quote may have swallowed the row of that id.
    """
    expected = (row_id or "").lower()
    for line in row.lines:
        if any(found != expected for found in ids_in(line.text)):
            span = f"lines {row.lines[0].number}-{row.lines[-1].number}"
            yield Cell(
                line.number,
                None,
                f"contains an id in a quoted field that spans {span}; close its quote, or remove the id",
            )


def _span_warning(spans: list[str]) -> str:
    more = f" and {len(spans) - _MAX_LISTED_SPANS} more" if len(spans) > _MAX_LISTED_SPANS else ""
    return (
        f"quoted fields span lines {', '.join(spans[:_MAX_LISTED_SPANS])}{more}; each such row counts as one line; "
        "check that no quote is missing there"
    )


def _never_closed(number: int) -> BadTable:
    return BadTable(
        f"line {number}: unexpected end of data: a quote is never closed; "
        "close it, or double it if it is part of a field"
    )
