"""Whole files: locked, created, replaced, renamed and removed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from collector.model.errors import ExitCode, OutputError, OutputLocked
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem
from tests.storage.test_journal import file_size_limit

files = Files(PosixFileSystem())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new_files_are_accessible_to_their_owner_only(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        os.close(files.open_locked(tmp_path / "locked"))
        os.close(files.create(tmp_path / "created"))
        files.write_atomically(tmp_path / "replaced", b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600] * 3


def test_a_locked_file_stays_locked_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    descriptor = files.open_locked(path)
    with pytest.raises(OutputLocked, match=f"{path}: another run") as caught:
        files.open_locked(path)
    assert caught.value.exit_code == ExitCode.LOCKED
    os.close(descriptor)
    os.close(files.open_locked(path))


def test_locking_a_file_keeps_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    path.write_bytes(b"old\n")
    descriptor = files.open_locked(path)
    os.write(descriptor, b"new\n")
    os.close(descriptor)
    assert path.read_bytes() == b"old\nnew\n"


def test_a_name_can_be_locked_again_after_its_file_was_renamed(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    first = files.open_locked(path)
    files.rename(path, tmp_path / "c.jsonl")
    second = files.open_locked(path)
    assert os.fstat(first).st_ino != os.fstat(second).st_ino
    os.close(first)
    os.close(second)


@pytest.mark.parametrize("make", [files.open_locked, files.create])
def test_a_link_is_never_followed(make: object, tmp_path: Path) -> None:
    assert callable(make)
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OutputError):
        make(tmp_path / "link")
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("make", [files.open_locked, files.create])
def test_a_file_that_cannot_be_opened_raises_an_output_error_with_its_path(make: object, tmp_path: Path) -> None:
    assert callable(make)
    for path in (tmp_path, tmp_path / "missing" / "file"):
        with pytest.raises(OutputError, match=f"{path}: cannot be written"):
            make(path)


def test_an_atomic_replace_leaves_no_staged_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    files.write_atomically(path, b"old")
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_atomic_replace_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    files.write_atomically(path, b"old")
    with file_size_limit(10), pytest.raises(OutputError):
        files.write_atomically(path, b"new" * 10)
    assert path.read_bytes() == b"old"


def test_a_failed_atomic_replace_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with file_size_limit(10), pytest.raises(OutputError):
        files.write_atomically(tmp_path / "m.json", b"new" * 10)
    assert len(os.listdir("/proc/self/fd")) == before


def test_rename_replaces_a_file_and_remove_accepts_a_missing_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"1")
    new.write_bytes(b"2")
    files.rename(old, new)
    assert new.read_bytes() == b"1"
    files.remove(new)
    files.remove(new)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="new: cannot be written"):
        files.rename(old, new)
