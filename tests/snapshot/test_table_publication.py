"""Publication of a snapshot with side tables: a reader finds the old set, or no manifest, or the new set."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from collector.model.errors import OutputError
from collector.model.ledger import Ledger, Tally
from collector.model.outcome import OutcomeKind
from collector.model.side_tables import TableStatus
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import FileEntry, TableEntry, encode
from collector.snapshot.sinks.publication import complete, publish
from collector.snapshot.sinks.resume import RunHeader
from collector.storage.durable_files import Files, staged_path
from tests.support.memory_filesystem import Crashed, MemoryFileSystem
from tests.support.reports import report

PATHS = SnapshotPaths(Path("/out/c.jsonl"))
RUN = "run-1"
HEADER = RunHeader(RUN, "2026-01-02T03:04:05.000000Z", "digest", "https://api.example", "2025-09-18", 1)
OLD_RECORDS, NEW_RECORDS = b'{"old":1}\n' * 7, b'{"new":1}\n' * 6
OLD_TABLES = {"policies": b'{"old":"policy"}\n', "users": b'{"old":"user"}\n'}
NEW_TABLES = {"users": b'{"new":"user"}\n' * 2, "roles": b""}
FOREIGN = PATHS.table("models")
"""A file of the user, with the name of a side table that neither set lists."""

State = Mapping[Path, bytes]


def manifest_of(run_id: str, records: bytes, tables: Mapping[str, bytes]) -> bytes:
    tally = Tally(Counter({OutcomeKind.OK: records.count(b"\n")}))
    entries = [
        TableEntry(entry_of(PATHS.table(name), content), name, f"/api/{name}", TableStatus.COMPLETE)
        for name, content in tables.items()
    ]
    return encode(report(Ledger(tally=tally), run_id=run_id), [entry_of(PATHS.snapshot, records)], entries)


def entry_of(path: Path, content: bytes) -> FileEntry:
    return FileEntry(path.name, content.count(b"\n"), len(content), hashlib.sha256(content).hexdigest())


def final_set(run_id: str, records: bytes, tables: Mapping[str, bytes]) -> dict[Path, bytes]:
    found = {PATHS.snapshot: records, PATHS.manifest: manifest_of(run_id, records, tables)}
    return {**found, **{PATHS.table(name): content for name, content in tables.items()}, FOREIGN: b"mine\n"}


OLD, NEW = final_set("run-0", OLD_RECORDS, OLD_TABLES), final_set(RUN, NEW_RECORDS, NEW_TABLES)
UNFINISHED = {
    PATHS.partial: NEW_RECORDS,
    PATHS.header: HEADER.encode(),
    PATHS.checkpoint: b"",
    PATHS.partial_tables: b"{}",
    **{PATHS.partial_table(name): content for name, content in NEW_TABLES.items()},
}


def publishing(system: MemoryFileSystem) -> None:
    publish(Files(system), PATHS, NEW[PATHS.manifest], list(NEW_TABLES))


def crashes() -> Iterator[tuple[str, MemoryFileSystem]]:
    """Every state that a crash during the publication may leave."""
    call_number = 0
    while True:
        call_number += 1
        system = MemoryFileSystem({**OLD, **UNFINISHED})
        system.crash_before = system.operations + call_number
        try:
            publishing(system)
        except Crashed:
            yield f"killed before call {call_number}", system.after_kill()
            for number, state in enumerate(system.crash_states(cap=6)):
                yield f"call {call_number}, state {number}", state
        else:
            assert call_number > 15
            return


def visible(files: State) -> State:
    """The files with final names."""
    return {
        path: content for path, content in files.items() if ".partial" not in path.name and "draft" not in path.name
    }


def test_a_published_snapshot_has_its_tables_and_none_of_the_older_ones() -> None:
    system = MemoryFileSystem({**OLD, **UNFINISHED})
    publishing(system)
    assert system.files == NEW


def test_a_crash_leaves_the_old_set_or_no_manifest_or_the_new_set_and_the_next_start_completes_it() -> None:
    for where, state in crashes():
        seen = visible(state.files)
        if PATHS.manifest in seen:
            assert seen in (OLD, NEW), where
        published = complete(Files(state), PATHS)
        if state.files == NEW:
            assert published is None or published.tables == set(NEW_TABLES), where
        else:  # the publication had not begun: the files of both runs are as before
            assert published is None, where
            assert visible(state.files) == OLD, where
            assert {path: state.files.get(path) for path in UNFINISHED} == UNFINISHED, where


@pytest.mark.parametrize("content", [b"", b"other\n"], ids=["truncated", "changed"])
def test_a_publication_whose_table_was_changed_is_not_completed(content: bytes) -> None:
    files = {**OLD, **UNFINISHED, staged_path(PATHS.manifest): NEW[PATHS.manifest]}
    system = MemoryFileSystem({**files, PATHS.partial_table("users"): content})
    assert complete(Files(system), PATHS) is None
    assert visible(system.files) == OLD


@pytest.mark.parametrize("table", ["users", "policies"])
def test_a_refused_rename_restores_the_older_tables(table: str) -> None:
    system = _RefusingFileSystem({**OLD, **UNFINISHED})
    system.refused = PATHS.table(table)
    with pytest.raises(OutputError, match="busy"):
        publishing(system)
    assert visible(system.files) == OLD


class _RefusingFileSystem(MemoryFileSystem):
    """Refuses to rename one file, as a bind mount does."""

    refused: Path

    def rename(self, old: Path, new: Path) -> None:
        if old == self.refused:
            raise OSError(errno.EBUSY, "Device or resource busy")
        super().rename(old, new)
