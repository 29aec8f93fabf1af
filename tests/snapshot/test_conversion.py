"""Conversion of a complete journal. It reads only what the run wrote, and a journal outlives a damaged snapshot."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from collector.model.errors import Damaged, Interrupted, OutputError
from collector.model.ledger import Ledger, Tally
from collector.model.outcome import OutcomeKind
from collector.snapshot.file_format import FileFormat, format_of
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.lines import encode
from collector.snapshot.manifest import FileEntry
from collector.snapshot.manifest import encode as manifest_of
from collector.snapshot.sinks.conversion import RunJournal, convert
from collector.snapshot.sinks.publication import complete
from collector.snapshot.sinks.resume import RunHeader
from collector.storage.compression import Compression
from collector.storage.durable_files import Files
from collector.warehouse.exports.file_writers import convert_records
from tests.support.memory_filesystem import MemoryFileSystem
from tests.support.reports import report
from tests.support.snapshots import AT, RUN, odd_records

PATHS = SnapshotPaths(Path("/out/c.csv"))
DRAFT = Path("/out/c.csv.draft")
RECORDS = odd_records()
LINES = [encode(record) for record in RECORDS]


def converted(lines: list[bytes], count: int = len(LINES), *, check: Any = lambda: None) -> tuple[FileEntry, Any]:
    system = MemoryFileSystem({PATHS.partial: b"".join(lines)})
    journal = RunJournal(PATHS.partial, system.open(PATHS.partial, os.O_RDONLY), Compression.PLAIN, RUN, count)
    try:
        entry = convert(Files(system), journal, PATHS.snapshot, FileFormat.CSV, convert_records, check=check)
    except Exception:
        assert system.files == {PATHS.partial: b"".join(lines)}
        raise
    return entry, system.files


def test_the_entry_is_that_of_the_staged_file_and_the_journal_stays() -> None:
    entry, files = converted(LINES)
    content = files[DRAFT]
    assert entry == FileEntry("c.csv", len(LINES), len(content), hashlib.sha256(content).hexdigest())
    assert files == {PATHS.partial: b"".join(LINES), DRAFT: content}


@pytest.mark.parametrize(
    ("lines", "count", "reason"),
    [
        (LINES[1:], len(LINES), "contains"),
        (LINES, len(LINES) - 1, "contains"),
        ([*LINES[:-1], LINES[-1][:-5]], len(LINES), "an incomplete line"),
        ([LINES[0].replace(b'"id"', b'"iD"')], 1, "byte 0: missing key id"),
        ([LINES[0].replace(RUN.encode(), b"run-2")], 1, "belongs to another run"),
    ],
)
def test_a_journal_that_the_run_did_not_write_is_rejected(lines: list[bytes], count: int, reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        converted(lines, count)


def test_a_run_that_is_to_stop_ends_the_conversion() -> None:
    calls = iter(range(5))

    def check() -> None:
        if next(calls, None) is None:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        converted(LINES, check=check)


def test_a_full_disk_leaves_the_journal_alone() -> None:
    system = MemoryFileSystem({PATHS.partial: b"".join(LINES)})
    journal = RunJournal(PATHS.partial, system.open(PATHS.partial, os.O_RDONLY), Compression.PLAIN, RUN, len(LINES))
    system.fault = lambda call, _: OSError(28, "No space left on device") if call == "write" else None
    with pytest.raises(OutputError, match=r"/out/c\.csv: cannot be written: No space left on device"):
        convert(Files(system), journal, PATHS.snapshot, FileFormat.CSV, convert_records, check=lambda: None)
    assert system.files == {PATHS.partial: b"".join(LINES)}


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_journal_left_after_the_publication_is_removed_only_if_the_snapshot_is_whole(is_damaged: bool) -> None:
    content = b"id\r\nx\r\n"
    entry = FileEntry("c.csv", 1, len(content), hashlib.sha256(content).hexdigest())
    tally = Tally(Counter({OutcomeKind.OK: 1}))
    header = RunHeader(RUN, AT, "digest", "https://api.example", "2025-09-18", 1)
    system = MemoryFileSystem(
        {
            PATHS.snapshot: content[:-1] if is_damaged else content,
            PATHS.manifest: manifest_of(report(Ledger(tally=tally)), [entry]),
            PATHS.partial: LINES[0],
            PATHS.header: header.encode(),
        }
    )
    published = complete(Files(system), PATHS)
    assert (published is None) == is_damaged
    assert (PATHS.partial in system.files) == is_damaged
    assert (PATHS.header in system.files) == is_damaged


NAMES: dict[str, FileFormat | None] = {
    "x.jsonl": FileFormat.JSONL,
    "x.JSONL.GZ": FileFormat.JSONL,
    "x.csv": FileFormat.CSV,
    "x.csv.zst": FileFormat.CSV,
    "x.Parquet": FileFormat.PARQUET,
    "x.parquet.gz": None,
    "x": None,
    "x.gz": None,
    "csv": None,
}


@pytest.mark.parametrize(("name", "expected"), list(NAMES.items()))
def test_a_name_tells_its_format(name: str, expected: FileFormat | None) -> None:
    assert format_of(name) is expected
