"""Records and rows with odd values in every column, and those of the sandbox, as the collector writes them. Pure."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from collector.model.record import Json
from collector.model.record_form import ConfigurationAs
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.sandbox.inventory import Inventory
from collector.snapshot.lines import encode_as
from collector.warehouse.columns import CONNECTIONS, TABLES, Column, ColumnType, Table
from tests.support.zstd_compat import zstd

RUN: Final = "20261126T020000Z-0a1b2c3d"
AT: Final = "2026-11-26T02:00:01.234567Z"

TEXTS: Final = (
    *(
        "plain",
        "",
        'O\'Reilly says "no" to C:\\temp\\u0000, {}',
        ",}",
        "a\0b",
        "\0",
        "\\\0",
        "\\\\u0000\\",
        "line\nbreak",
    ),
    *("tab\there", "é 漢字 😀", "\u2028\x7f", "null", "$1 $$ \\1 %s ${x} :name @x /* -- */ ;", "'", '"', " ", "\\"),
)
"""Texts with quotes, escapes, control characters, and NUL characters that a backslash may precede."""

TIMES: Final = (
    *("2026-11-26T02:00:01.234567Z", "2024-02-29T23:59:59.999999Z", "2000-02-29T00:00:00.000000Z"),
    *("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "1899-12-31T23:59:59.999999Z"),
    *("1969-12-31T23:59:59.000001Z", "2299-12-31T23:59:59.999999Z", "2300-01-01T00:00:00.000000Z"),
    *("yesterday", "", "2026-02-30T00:00:00.000000Z", "2023-02-29T00:00:00.000000Z", "1900-02-29T00:00:00.000000Z"),
    *("2026-13-01T00:00:00.000000Z", "2026-04-31T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "0000-02-29"),
    *("2026-01-01", "2026-01-01 10:00:00", "2026-01-01T10:00:00", "2026-01-01T24:00:00.000000Z", "1764122401"),
    *("2026-01-01T10:00:60.000000Z", 'say "when"\\', "2026-01-01T10:00:00.000000Z\n", "\0", "infinity", "now", "epoch"),
)
"""Timestamps that fit, followed by text that does not."""

INTEGERS: Final = (0, 1, -1, 42, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**19, 10**40, -(10**37) + 1)
"""Integers that fit, followed by integers beyond 64 bits."""

OBJECTS: Final[tuple[dict[str, Json], ...]] = (
    {},
    {"host": "db.example", "port": 5432, "ssl": True, "note": None},
    {"big": 10**36 + 1, "small": -(2**63), "float": 0.1, "exponent": 1e300, "tiny": 5e-324, "list": [1, [2, []], {}]},
    {"a.b": 1, "a": {"b": 2}, "$": 3, "[0]": 4, "a b": 5, "it's": 6, 'say "x"': 7, "back\\slash": 8},
    {"Host": 1, "host": 2, "HOST": 3, "": "empty key"},
    {"nul": "a\0b", "key\0nul": 1, "escaped": "\\u0000", "both": "\\\0 \\\\u0000", "é": "漢字 😀", "lines": "a\nb\r\n"},
    {"deep": {"deep": {"deep": {"deep": [None, True, False, "x", {"deep": []}]}}}},
    {"json": '{"a": 1}', "text": "null", "ends": ",}"},
)
"""Objects with odd keys and values."""

EXTRAS: Final = (*OBJECTS, {"created_at": "[REDACTED]", "calls_last_24_hours": "x", "concurrency_limit": [1]})
_BOOLEANS: Final = (True, False)
_LISTS: Final[tuple[list[Json], ...]] = (
    [],
    ["x"],
    ["a", "b", "a"],
    ["it's", 'say "x"', "a,b", "{}", "", "back\\slash", "null", "é 漢字 😀"],
)
_ARRAYS: Final[tuple[list[Json], ...]] = ([], [{}], [1, "x", None, True, 0.5, [2]], list(OBJECTS))
_VALUES: Final[dict[ColumnType, Sequence[Json]]] = {
    ColumnType.TEXT: TEXTS,
    ColumnType.TIMESTAMP: TIMES,
    ColumnType.BOOLEAN: _BOOLEANS,
    ColumnType.BIGINT: INTEGERS,
    ColumnType.TEXTS: _LISTS,
    ColumnType.JSON: OBJECTS,
}
_ROWS: Final = 3 * len(TIMES)  # so that the columns meet in many combinations


def odd_rows(table: Table, run_id: str = RUN) -> list[dict[str, Json]]:
    """Rows in which every column takes every odd value of its type, and null if it may be null."""
    rows = [
        {column.name: _value(table, column, at, index) for index, column in enumerate(table.columns)}
        for at in range(_ROWS)
    ]
    return [{**row, "_collected_at": AT, "_run_id": run_id, "_schema": table.version} for row in rows]


def odd_records(run_id: str = RUN) -> list[dict[str, Json]]:
    """Odd rows of the connections."""
    return odd_rows(TABLES[CONNECTIONS], run_id)


def big_record(size: int = 3_500_000) -> dict[str, Json]:
    """A record whose configuration has about `size` bytes: many keys, and one long text."""
    keys: dict[str, Json] = {f"key {number}": {"number": number, "text": "x" * 50} for number in range(size // 200)}
    return {**odd_records()[0], "id": str(uuid.UUID(int=2**100)), "configuration": {**keys, "long": "é" * (size // 4)}}


def sandbox_records(count: int, seed: int = 7, run_id: str = RUN) -> Iterator[dict[str, Json]]:
    """Records of the sandbox's connections, masked. 247 of them have all types."""
    inventory, redactor = Inventory(count, seed), Redactor()
    for index in inventory.indexes():
        connection = inventory.connection(index)
        yield normalize(connection, inventory.id_at(index), redactor, collected_at=AT, run_id=run_id)[0]


def as_lines(rows: Iterable[dict[str, Json]], configuration_as: ConfigurationAs = ConfigurationAs.OBJECT) -> bytes:
    """The file that a run writes for these records or rows."""
    return b"".join(encode_as(configuration_as, row) for row in rows)


def compressed(lines: bytes, name: str) -> bytes:
    """The bytes of a file of this name: its ending tells the compression."""
    if name.endswith(".gz"):
        return gzip.compress(lines)
    return zstd.compress(lines) if name.endswith(".zst") else lines


def _value(table: Table, column: Column, at: int, index: int) -> Json:
    if column.name in table.key:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{table.name} {column.name} {at}"))
    values: Sequence[Json] = _ARRAYS if column.is_json_array else _VALUES[column.type]
    values = EXTRAS if column.name == "extra" else values
    choices = (*values, None) if column.is_nullable else values
    return choices[(at + index * 5 + at // len(choices)) % len(choices)]
