"""Every disk state that a crash can leave of a run into the parts of a partition: see `test_crash_states`."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from collector.model.errors import OutputError, UsageError
from collector.snapshot.sinks.part_files import PartLimits
from tests.snapshot.test_crash_states import FAILING, REQUESTED, Process, crashes, decompressed, ids_in, no_threads
from tests.support.memory_filesystem import MemoryFileSystem

__all__ = ["no_threads"]

PARTS = 4


class _Process(Process):
    """A run into parts of at most 5 records."""

    limits = PartLimits(records=5)


def manifest_in(folder: Path, files: dict[Path, bytes]) -> dict[str, object] | None:
    content = files.get(folder / "c.manifest.json")
    return json.loads(content) if content is not None else None


def entries_of(manifest: dict[str, object]) -> list[dict[str, object]]:
    found = manifest["files"]
    assert isinstance(found, list)
    return found


def check_readable(where: str, folder: Path, files: dict[Path, bytes]) -> None:
    """A manifest matches the files beside it, and `_SUCCESS` never precedes it."""
    manifest = manifest_in(folder, files)
    assert manifest is not None or folder / "_SUCCESS" not in files, where
    for entry in entries_of(manifest) if manifest else ():
        assert hashlib.sha256(files[folder / str(entry["path"])]).hexdigest() == entry["sha256"], where


def check_finished(where: str, path: Path, files: dict[Path, bytes]) -> None:
    folder = path.parent
    parts = [folder / path.name.replace("{part}", f"{number:05}") for number in range(PARTS)]
    names = {"c.errors.jsonl", "c.manifest.json", "_SUCCESS", *(part.name for part in parts)}
    assert {each.name for each in files} == names, where
    found = [one for part in parts for one in ids_in(part, decompressed(part, files[part]))]
    assert sorted(found) == sorted(set(REQUESTED) - FAILING), where
    manifest = manifest_in(folder, files)
    assert manifest is not None, where
    entries = entries_of(manifest)
    assert [entry["path"] for entry in entries] == [*(part.name for part in parts), "c.errors.jsonl"], where
    assert sum(int(str(entry["records"])) for entry in entries) == len(REQUESTED), where
    check_readable(where, folder, files)


def check_next_run(where: str, path: Path, state: MemoryFileSystem, committed: set[str]) -> None:
    check_readable(where, path.parent, state.files)
    was_finished = path.parent / "_SUCCESS" in state.files
    before = dict(state.files)
    following = _Process(state, path)
    try:
        asyncio.run(following.run())
    except UsageError:
        assert was_finished, where
        lock = {path.with_name("c.partial.lock")}
        assert {name: content for name, content in state.files.items() if name not in lock} == {
            name: content for name, content in before.items() if name not in lock
        }, where
        state.files.pop(path.with_name("c.partial.lock"), None)
    files = {name: content for name, content in state.files.items() if name.name != "c.partial.lock"}
    check_finished(where, path, files)
    assert not committed & set(following.requested), f"{where}: committed, but requested again"


@pytest.mark.parametrize(
    ("name", "cap"),
    [("c-{part}.jsonl", 3), ("c-{part}.jsonl.zst", 2), ("c-{part}.csv.gz", 2)]
    + [
        pytest.param(name, cap, marks=pytest.mark.soak)
        for name, cap in (("c-{part}.jsonl", 40), ("c-{part}.jsonl.zst", 40), ("c-{part}.parquet", 1))
    ],
)
def test_a_crash_neither_loses_a_committed_record_of_a_partition_nor_writes_one_twice(
    tmp_path: Path, name: str, cap: int
) -> None:
    path, count = tmp_path / name, 0
    for where, state, process in crashes(path, cap, lambda system: _Process(system, path), stale(path)):
        count += 1
        check_next_run(where, path, state, process.committed)
    assert count > 100


def stale(path: Path) -> dict[Path, bytes]:
    """Parts of an abandoned attempt: four that are replaced, and two that are removed."""
    numbers = (f"{number:05}" for number in range(PARTS + 2))
    return {path.with_name(path.name.replace("{part}", number)): b'{"a":"stale part"}\n' for number in numbers}


@pytest.mark.parametrize("is_permanent", [False, True], ids=["once", "from then on"])
def test_after_any_failed_call_the_partition_is_completed_by_the_next_run(tmp_path: Path, is_permanent: bool) -> None:
    """EIO for every call that changes the file system, once or from then on."""
    path, call_number, failures = tmp_path / "c-{part}.jsonl", 0, 0
    while True:
        call_number += 1
        calls = 0

        def fault(_name: str, number: int, at: int = call_number) -> OSError | None:
            nonlocal calls
            calls = max(calls, number)
            is_due = number >= at if is_permanent else number == at
            return OSError(5, "Input/output error") if number and is_due else None

        system = MemoryFileSystem(stale(path), fault=fault)
        process = _Process(system, path)
        try:
            asyncio.run(process.run())
        except OutputError:
            failures += 1
        if calls < call_number:
            break
        check_next_run(f"call {call_number} failed", path, system.after_kill(), process.committed)
    assert failures > 20


def test_a_finished_partition_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "c-{part}.jsonl"
    system = MemoryFileSystem()
    asyncio.run(_Process(system, path).run())
    finished = dict(system.files)
    again = _Process(system, path)
    with pytest.raises(UsageError, match="never written again"):
        asyncio.run(again.run())
    assert not again.requested
    lock = path.with_name("c.partial.lock")
    assert {name: content for name, content in system.files.items() if name != lock} == finished
