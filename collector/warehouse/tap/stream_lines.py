"""The JSON of one line for a message: as it is, unless a value does not fit or a field is not selected. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from collector.model.strict_json import parse_own
from collector.snapshot.lines import encode
from collector.warehouse.columns import ColumnType, Table
from collector.warehouse.fitting import fit

_COLLECTED_AT: Final = b'"_collected_at":"'  # follows every field of the API, so its last occurrence is the column
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class StreamLines:
    """Prepares the lines of one table. Parses a line only if it must change."""

    def __init__(self, table: Table, fields: Collection[str] | None = None) -> None:
        """`fields` are those to keep; None keeps all."""
        self._table = table
        self._fields = None if fields is None else frozenset(fields)
        numbers = [name.encode() for name in table.names_of(ColumnType.BIGINT) if not name.startswith("_")]
        # May match inside a nested value too: it selects the lines to parse, and the parsed values decide.
        self._suspect = re.compile(rb'"(?:%s)":-?[0-9]{19}' % b"|".join(numbers)) if numbers else None

    def json_of(self, line: bytes) -> bytes:
        """The object for a message, without a line feed."""
        if self._fields is None and not (self._suspect and self._suspect.search(line)):
            return line.removesuffix(b"\n")
        row = parse_own(line)
        fit(self._table, row)
        kept = {name: value for name, value in row.items() if self._fields is None or name in self._fields}
        return encode(kept).removesuffix(b"\n")


def collected_at(line: bytes) -> str:
    """The time at which the record or row was collected, in RFC 3339 UTC."""
    start = line.rindex(_COLLECTED_AT) + len(_COLLECTED_AT)
    return line[start : line.index(b'"', start)].decode()


def milliseconds(timestamp: str) -> int:
    """An RFC 3339 time in milliseconds since the epoch."""
    return (datetime.fromisoformat(timestamp) - _EPOCH) // timedelta(milliseconds=1)
