"""A staged file replaces its target whole, or leaves it as it was."""

from __future__ import annotations

import hashlib
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from collector.model.errors import OutputError, OutputLocked
from collector.storage.durable_files import Files, staged_path
from collector.storage.filesystem import PosixFileSystem
from collector.storage.staged_file import staged_file
from tests.storage.test_journal import file_size_limit
from tests.support.memory_filesystem import Crashed, MemoryFileSystem

FILES = Files(PosixFileSystem())


def test_the_target_has_its_old_content_until_the_publication(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    with staged_file(FILES, path) as staged:
        staged.write(b"new ")
        staged.write(memoryview(b"content"))
        assert path.read_bytes() == b"old"
        staged.publish()
    assert path.read_bytes() == b"new content"
    assert (staged.bytes, staged.sha256) == (11, hashlib.sha256(b"new content").hexdigest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_publication_the_new_content_is_discarded(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    with suppress(KeyboardInterrupt), staged_file(FILES, path) as staged:
        staged.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_is_reported_once_and_prevents_the_publication(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    with staged_file(FILES, path) as staged, file_size_limit(1000):
        with pytest.raises(OutputError, match="cannot be written"):
            staged.write(bytes(2000))
        assert staged.write(b"more") == 4
        with pytest.raises(OutputError, match="cannot be written"):
            staged.publish()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    staged_path(path).write_bytes(b"a longer part of an older version")
    staged_path(path).chmod(0o600)
    with staged_file(FILES, path) as staged:
        staged.write(b"new")
        staged.publish()
    assert path.read_bytes() == b"new"


def test_two_processes_do_not_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with staged_file(FILES, path) as staged:
        staged.write(b"first")
        with pytest.raises(OutputLocked), staged_file(FILES, path):
            pytest.fail("locked twice")
        staged.publish()
    assert path.read_bytes() == b"first"


def test_after_a_crash_at_any_step_the_target_is_the_old_or_the_new_one() -> None:
    path = Path("/out/x.csv")
    seen = set()
    for step in range(1, 100):
        system = MemoryFileSystem({path: b"old"})
        system.crash_before = step
        try:
            with staged_file(Files(system), path) as staged:
                staged.write(b"new")
                staged.publish()
        except Crashed:
            pass
        else:
            break
        for state in (system.after_kill(), *system.crash_states(cap=50)):
            seen.add(state.files[path])
    assert seen == {b"old", b"new"}
