"""Quarantine renames the files of an unfinished run and never overwrites a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.quarantine import quarantine
from collector.storage.durable_files import Files
from tests.support.memory_filesystem import MemoryFileSystem

PATHS = SnapshotPaths(Path("/out/c.jsonl"))
UNFINISHED = {path: path.name.encode() for path in PATHS.unfinished}
OTHER = {PATHS.snapshot: b"older\n", PATHS.manifest: b"{}"}


def test_every_file_of_the_run_gets_the_suffix_and_no_other_file_changes() -> None:
    system = MemoryFileSystem({**UNFINISHED, **OTHER})
    place = quarantine(Files(system), PATHS, "run-1")
    assert place == "/out/c.jsonl.partial.run-1"
    assert system.files == {**OTHER, **{Path(f"{path}.run-1"): content for path, content in UNFINISHED.items()}}


@pytest.mark.parametrize("missing", PATHS.unfinished, ids=lambda path: path.name)
def test_a_missing_file_of_the_run_is_skipped(missing: Path) -> None:
    files = {path: content for path, content in UNFINISHED.items() if path != missing}
    system = MemoryFileSystem(files)
    quarantine(Files(system), PATHS, "run-1")
    assert system.files == {Path(f"{path}.run-1"): content for path, content in files.items()}


def test_files_quarantined_earlier_are_not_overwritten() -> None:
    system = MemoryFileSystem(UNFINISHED)
    for number in (1, 2, 3):
        for path in UNFINISHED.keys() - system.files.keys():
            Files(system).write_atomically(path, b"%d" % number)
        quarantine(Files(system), PATHS, "run-1")
    assert [system.files[Path(f"/out/c.jsonl.partial.run-1{end}")] for end in ("", ".2", ".3")] == [
        UNFINISHED[PATHS.partial],
        b"2",
        b"3",
    ]


def test_quarantined_files_of_another_encoding_of_the_output_are_not_overwritten() -> None:
    compressed = SnapshotPaths(Path("/out/c.jsonl.gz"))
    system = MemoryFileSystem({compressed.partial: b"compressed", compressed.partial_errors: b"its errors"})
    quarantine(Files(system), compressed, "unknown-run")
    for path in (PATHS.partial, PATHS.partial_errors):
        Files(system).write_atomically(path, b"plain")
    assert quarantine(Files(system), PATHS, "unknown-run") == "/out/c.jsonl.partial.unknown-run.2"
    assert sorted(system.files.values()) == [b"compressed", b"its errors", b"plain", b"plain"]
