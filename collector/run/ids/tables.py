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
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from collector.model.ids import ids_in
from collector.run.ids.csv_quoting import RowParser, strip_quotes
from collector.run.ids.id_cells import Cell, UnreadableIds
from collector.run.ids.table_header import OFTEN_UNQUOTED, Header, Line, never_closed, read_header

_MAX_SPAN_LINES: Final = 1000  # of one field, in tables where a quote may be an ordinary character
_MAX_LISTED_SPANS: Final = 20


class _Row(NamedTuple):
    lines: tuple[Line, ...]
    cells: list[str]


def read_column(
    lines: Iterable[str], column: str | None, *, delimiter: str | None, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Cell]:
    """Yield the cells of `column`, or of the only column with a usual name; one per row after the header.

    `lines` have no line ends. If `delimiter` does not yield that column in the header, another delimiter that does is
    used, with a warning unless `delimiter` is None. `warn` receives what the user should check. Raises `UnreadableIds`.
    """
    source = _PushbackLines(lines)
    blank = _leading_blank(source)
    yield from (Cell(line.number, "") for line in blank)
    header = read_header(source, column, delimiter or ",")
    if delimiter is not None and header.delimiter != delimiter:
        warn(
            f"its columns are separated by {header.delimiter!r}, not by {delimiter!r}; "
            f"reading with {header.delimiter!r}"
        )
    yield from _RowReader(source, header).cells(warn)


class _PushbackLines:
    """Numbered lines that can be pushed back and read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._remaining = enumerate(lines, start=1)
        self._pushed_back: deque[Line] = deque()
        self.consumed = 0
        "Number of lines read and not pushed back."

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        line = self._pushed_back.popleft() if self._pushed_back else Line(*next(self._remaining))
        self.consumed += 1
        return line

    def push_back(self, lines: Iterable[Line]) -> None:
        """Push `lines` back; the first of them is read next."""
        returned = list(lines)
        self._pushed_back.extendleft(reversed(returned))
        self.consumed -= len(returned)


class _RowReader:
    """Reads the rows after a header."""

    def __init__(self, lines: _PushbackLines, header: Header) -> None:
        self._lines = lines
        self._column_index, self._width, self._delimiter = header
        self._read = self._read_either_dialect if header.delimiter in OFTEN_UNQUOTED else self._read_rfc_4180
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
            raise UnreadableIds(
                f"{self._lines.consumed} lines were read, but rows account for {accounted}; please report this bug"
            )

    def _cell(self, number: int, cells: list[str]) -> Cell:
        text = strip_quotes(cells[self._column_index]) if self._column_index < len(cells) else ""
        if len(cells) > self._width and any(map(ids_in, cells[self._width :])):
            return Cell(number, None, "contains an id after the last column of the header")
        if text:
            return Cell(number, text)
        return Cell(number, None if any(map(strip_quotes, cells)) else "")

    def _read_rfc_4180(self, first: Line) -> _Row:
        with contextlib.suppress(csv.Error):  # four times faster, for a row on one line without overlong fields
            return _Row((first,), next(csv.reader((first.text,), delimiter=self._delimiter, strict=True)))
        parser, lines = RowParser(self._delimiter), [first]
        parser.feed(first.text)
        while parser.is_open:
            if (line := next(self._lines, None)) is None:
                raise never_closed(first.number)
            lines.append(line)
            parser.feed(line.text)
        if parser.has_text_after_quote:
            raise UnreadableIds(
                f"line {lines[-1].number}: text after a closing quote; double each quote that is part of a field"
            )
        return _Row(tuple(lines), parser.cells)

    def _read_either_dialect(self, first: Line) -> _Row:
        unquoted, parser = first.text.split(self._delimiter), RowParser(self._delimiter)
        parser.feed(first.text)
        if parser.is_open and (row := self._read_spanning_row(first, unquoted, parser)):
            return row
        is_quoted = parser.is_valid and self._matches_width(parser.cells) and not self._matches_width(unquoted)
        return _Row((first,), parser.cells if is_quoted else unquoted)

    def _read_spanning_row(self, first: Line, unquoted: list[str], parser: RowParser) -> _Row | None:
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


def _leading_blank(source: _PushbackLines) -> list[Line]:
    blank: list[Line] = []
    for line in source:
        if line.text.strip():
            source.push_back([line])
            break
        blank.append(line)
    return blank


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
