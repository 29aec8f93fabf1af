"""Rows as CSV (RFC 4180): UTF-8, a header, lines that end in CRLF. Pure.

- null is an empty field, and empty text is a quoted one: `""`.
- Arrays and objects are compact JSON. Timestamps are the text of the record. Booleans are `true` and `false`.
- A spreadsheet runs text as a formula if it begins with one of `=+-@`, TAB, CR or LF. Such text gets a leading
  apostrophe. Text that already has apostrophes before such a character gets one more, so that removing one restores it.
- Misfits of typed columns are moved to `extra`, see `fitting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from collector.model.record import Json
from collector.snapshot.lines import encode
from collector.warehouse.columns import Table
from collector.warehouse.fitting import fitted

_LINE_END: Final = "\r\n"
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n]")
_QUOTED: Final = re.compile(r'["\r\n,]|^\s|\s\Z')
"""RFC 4180 demands quotes for the first four. Some readers trim white space at the ends of an unquoted field."""


def csv_lines(table: Table, rows: Iterable[dict[str, Json]]) -> Iterator[bytes]:
    """The header, then the line of each row. The rows are changed."""
    names = [column.name for column in table.columns]
    yield (",".join(names) + _LINE_END).encode()
    for row in fitted(table, rows):
        yield (",".join([_field(row[name]) for name in names]) + _LINE_END).encode()


def _field(value: Json) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return _quoted(f"'{value}" if _FORMULA.match(value) else value)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    return _quoted(encode(value)[:-1].decode())


def _quoted(text: str) -> str:
    if text and not _QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
