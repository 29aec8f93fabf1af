"""An unfinished run that none continues is kept under names of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.sinks.quarantine import quarantine
from collector.storage.durable_files import Files
from tests.support.memory_filesystem import MemoryFileSystem

PATHS = SnapshotPaths(Path("/out/c.jsonl"))
LEFT = {path: path.name.encode() for path in PATHS.unfinished}
OTHER = {PATHS.snapshot: b"older\n", PATHS.manifest: b"{}"}


def test_all_that_the_run_left_gets_its_name_and_nothing_else_changes() -> None:
    system = MemoryFileSystem({**LEFT, **OTHER})
    place = quarantine(Files(system), PATHS, "run-1")
    assert place == "/out/c.jsonl.partial.run-1"
    assert system.files == {**OTHER, **{Path(f"{path}.run-1"): content for path, content in LEFT.items()}}


@pytest.mark.parametrize("missing", PATHS.unfinished, ids=lambda path: path.name)
def test_what_is_not_there_is_not_missed(missing: Path) -> None:
    left = {path: content for path, content in LEFT.items() if path != missing}
    system = MemoryFileSystem(left)
    quarantine(Files(system), PATHS, "run-1")
    assert system.files == {Path(f"{path}.run-1"): content for path, content in left.items()}


def test_nothing_that_was_set_aside_before_is_overwritten() -> None:
    system = MemoryFileSystem(LEFT)
    for number in (1, 2, 3):
        for path in LEFT.keys() - system.files.keys():
            Files(system).put(path, b"%d" % number)
        quarantine(Files(system), PATHS, "run-1")
    assert [system.files[Path(f"/out/c.jsonl.partial.run-1{end}")] for end in ("", ".2", ".3")] == [
        LEFT[PATHS.partial],
        b"2",
        b"3",
    ]


def test_what_another_packing_of_the_same_output_left_is_not_overwritten_either() -> None:
    packed = SnapshotPaths(Path("/out/c.jsonl.gz"))
    system = MemoryFileSystem({packed.partial: b"packed", packed.partial_errors: b"its errors"})
    quarantine(Files(system), packed, "unknown-run")
    for path in (PATHS.partial, PATHS.partial_errors):
        Files(system).put(path, b"plain")
    assert quarantine(Files(system), PATHS, "unknown-run") == "/out/c.jsonl.partial.unknown-run.2"
    assert sorted(system.files.values()) == [b"its errors", b"packed", b"plain", b"plain"]
