"""Snapshots written without a run: records, their manifest, and a set of odd ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from collector.model.ids import IdSet
from collector.model.ledger import InputCount, Ledger, Tally
from collector.model.record import Record
from collector.model.side_tables import TableStatus
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.lines import encode, tally_entry_of_line
from collector.snapshot.manifest import FileEntry, TableEntry
from collector.snapshot.manifest import encode as manifest_of
from collector.storage.compression import compression_of
from tests.support.reports import report

AT: Final = "2026-01-02T03:04:05.000000Z"
RUN: Final = report().run_id
BLOCK: Final = 1 << 20

HUGE: Final = int("9" * 40)
ODD: Final[tuple[dict[str, Any], ...]] = (
    {"type": None, "status": None, "policies": None},
    {"created_at": "yesterday", "updated_at": "2024-02-30T00:00:00Z"},
    {"api_calls_last_24_hours": HUGE, "configuration": {"n": HUGE, "m": -HUGE}},
    {"api_calls_last_24_hours": 2**63 - 1},
    {"api_calls_last_24_hours": -(2**63) - 1},
    {"name": "a\0b", "configuration": {"note": "\0"}, "note": {"\0": 1}},
    {"configuration": {"": 1, "a.b": 2, 'q"': 3, "Case": 4, "case": 5, "'": 6}, "": "empty key"},
    {"name": "", "status_error": ""},
    *(
        {"name": text}
        for text in ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "'=1", "''-1")
    ),
    *(
        {"name": text}
        for text in ('"', '""', "a,b", "a\r\nb", "a\nb", " padded ", "NULL", "null", "\\N", "\\.", "'", ",")
    ),
    {"name": "\u2028 \u00e9 \U0001f600 \ufeff", "configuration": {"unicode": "\U0001f600"}},
    {"configuration": {"long": "long text " * 10_000}},
    {"rate_limit": {"limited": True, "deep": [[{"a": []}]]}, "saved": False},
    {"policies": ["not an id", "=1", 'a"b,c'], "type": {"id": "x", "operations": ["a,b", ""]}},
)
"""Connections whose values are hard for loaders."""


def odd_records() -> list[Record]:
    """The records of `ODD`, each with an id of its own."""
    return [record_of(connection, number) for number, connection in enumerate(ODD)]


def record_of(connection: Mapping[str, Any], number: int = 0) -> Record:
    """The record of a connection, with an id made of `number`."""
    one = f"00000000-0000-4000-8000-{number:012x}"
    return normalize({**connection, "id": one}, one, Redactor(), collected_at=AT, run_id=RUN)[0]


def write_snapshot(
    path: Path,
    records: Iterable[Record],
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    *,
    table_status: TableStatus = TableStatus.COMPLETE,
    **facts: Any,
) -> Path:
    """Write a complete snapshot with its manifest, compressed if its name says so. Keeps no record.

    `facts` replace those of `reports.report`.
    """
    ids, tally, digest = IdSet(), Tally(), hashlib.sha256()
    organization_id, pending, compression = None, bytearray(), compression_of(path.name)
    with path.open("wb") as file:

        def flush() -> None:
            block = compression.compress(bytes(pending))
            digest.update(block)
            file.write(block)
            pending.clear()

        for record in records:
            line = encode(record)
            ids.add(record["id"])
            tally.add_written(tally_entry_of_line(line[:-1], record))
            organization_id = organization_id or record["organization_id"]
            pending += line
            if len(pending) > BLOCK:
                flush()
        flush()
        entry = FileEntry(path.name, len(ids), file.tell(), digest.hexdigest())
    paths = SnapshotPaths(path)
    entries = [_write_table(paths.table(name), name, rows, table_status) for name, rows in (tables or {}).items()]
    ledger = Ledger(InputCount(unique=len(ids)), tally=tally)
    found = report(ledger, **{"ids_digest": ids.digest(), "organization_id": organization_id, **facts})
    paths.manifest.write_bytes(manifest_of(found, [entry], entries))
    return path


def _write_table(path: Path, name: str, rows: Sequence[Mapping[str, Any]], status: TableStatus) -> TableEntry:
    content = b"".join(encode(dict(row)) for row in rows)
    path.write_bytes(content)
    entry = FileEntry(path.name, len(rows), len(content), hashlib.sha256(content).hexdigest())
    return TableEntry(entry, name, "/api/x", status, pages=1)
