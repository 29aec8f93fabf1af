"""The overlay: it answers as the real file system does, and changes no file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.overlay import OverlayFileSystem

APPENDED = os.O_RDWR | os.O_APPEND | os.O_CREAT
NAMES = ("a", "b", "new/c", "plain/below", "missing/d")
Step = Callable[[FileSystem, Path], object]


def content_of(path: Path) -> dict[str, bytes | None]:
    return {str(each): each.read_bytes() if each.is_file() else None for each in path.rglob("*")}


def read(system: FileSystem, path: Path) -> tuple[int, bytes, bytes]:
    descriptor = system.open(path, os.O_RDONLY)
    try:
        start = system.pread(descriptor, 3, 0)
        return system.size(descriptor), start, system.pread(descriptor, 4, len(start))
    finally:
        system.close(descriptor)


def change(system: FileSystem, path: Path, flags: int, length: int | None) -> bool:
    """Append to a file and truncate it; is it then still there?"""
    descriptor = system.open(path, flags)
    try:
        system.lock(descriptor)
        system.write(descriptor, b"12345")
        if length is not None:
            system.truncate(descriptor, min(length, system.size(descriptor)))
        system.write(descriptor, b"67")
        system.fdatasync(descriptor)
        return system.is_at(path, descriptor)
    finally:
        system.close(descriptor)


def steps() -> st.SearchStrategy[Step]:
    names, lengths = st.sampled_from(NAMES), st.none() | st.integers(0, 12)
    flags = st.sampled_from((APPENDED, APPENDED | os.O_TRUNC, os.O_RDWR | os.O_APPEND))
    return st.one_of(
        names.map(lambda name: lambda system, root: read(system, root / name)),
        names.map(lambda name: lambda system, root: system.exists(root / name)),
        names.map(lambda name: lambda system, root: system.remove(root / name)),
        st.sampled_from(("new", "plain", "plain/below", "missing/e")).map(
            lambda name: lambda system, root: system.mkdir(root / name)
        ),
        st.tuples(names, names).map(lambda pair: lambda system, root: system.rename(root / pair[0], root / pair[1])),
        st.tuples(names, flags, lengths).map(
            lambda found: lambda system, root: change(system, root / found[0], found[1], found[2])
        ),
    )


def result_of(step: Step, system: FileSystem, root: Path) -> object:
    try:
        return step(system, root)
    except OSError as error:
        return error.errno


@given(st.lists(steps(), max_size=12))
def test_any_calls_have_the_results_of_the_real_file_system(calls: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for folder in map(Path, (first, second)):
            (folder / "a").write_bytes(b"abcdef")
            (folder / "plain").touch()
        before = content_of(Path(first))
        overlay, real = OverlayFileSystem(), PosixFileSystem()
        for call in calls:
            assert result_of(call, overlay, Path(first)) == result_of(call, real, Path(second))
        assert content_of(Path(first)) == before


def test_a_lock_that_another_process_holds_is_found_and_a_free_one_stays_free(tmp_path: Path) -> None:
    real, path = Files(PosixFileSystem()), tmp_path / "lock"
    overlay = OverlayFileSystem()
    holder = real.open_locked(path)
    descriptor = overlay.open(path, APPENDED)
    with pytest.raises(BlockingIOError):
        overlay.lock(descriptor)
    assert real.is_locked(path)
    real.system.close(holder)
    overlay.lock(descriptor)
    assert not real.is_locked(path)
    overlay.close(descriptor)


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_change_without_permission_fails(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for root, who may write anywhere: the system's answer is replaced."""
    (tmp_path / "old").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        OverlayFileSystem().open(tmp_path / name, APPENDED)
    with pytest.raises(PermissionError):
        OverlayFileSystem().mkdir(tmp_path / "folder")


def test_a_file_with_a_second_name_is_refused_as_by_the_real_file_system(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    os.link(tmp_path / "one", tmp_path / "two")
    for system in (OverlayFileSystem(), PosixFileSystem()):
        with pytest.raises(PermissionError, match="second name"):
            system.open(tmp_path / "one", APPENDED)
