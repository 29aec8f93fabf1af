"""The system's own file system and the one in memory do the same; the latter loses in a crash what a disk may lose."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.storage.filesystem import FileSystem, PosixFileSystem
from tests.support.memory_filesystem import Crashed, MemoryFileSystem

APPENDED = os.O_RDWR | os.O_APPEND | os.O_CREAT
A, B, C = Path("/d/a"), Path("/d/b"), Path("/d/c")


@pytest.fixture(params=[PosixFileSystem, MemoryFileSystem])
def system(request: pytest.FixtureRequest) -> FileSystem:
    made: FileSystem = request.param()
    return made


@contextmanager
def opened(system: FileSystem, path: Path, flags: int = APPENDED) -> Iterator[int]:
    descriptor = system.open(path, flags)
    try:
        yield descriptor
    finally:
        system.close(descriptor)


def write(system: FileSystem, path: Path, content: bytes, flags: int = APPENDED) -> None:
    with opened(system, path, flags) as descriptor:
        assert system.write(descriptor, content) == len(content)


def read(system: FileSystem, path: Path) -> bytes:
    with opened(system, path, os.O_RDONLY) as descriptor:
        return system.pread(descriptor, 1 << 20, 0)


def put(system: FileSystem, path: Path, content: bytes) -> None:
    """Have `content` and its name on the disk."""
    with opened(system, path) as descriptor:
        system.write(descriptor, content)
        system.fdatasync(descriptor)
    system.fsync_dir(path.parent)


def found(system: MemoryFileSystem, path: Path) -> set[bytes | None]:
    """What may be under `path` after a crash; None when nothing is."""
    return {state.files.get(path) for state in system.crash_states()}


# The contract


def test_what_is_appended_is_read_back(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"one\n")
    with opened(system, tmp_path / "a") as first, opened(system, tmp_path / "a") as second:
        assert system.write(first, b"two\n") == 4
        assert system.write(second, memoryview(b"three\n")) == 6
        assert system.write(first, b"") == 0
        assert system.size(first) == 14
        assert system.pread(first, 100, 0) == b"one\ntwo\nthree\n"
        assert system.pread(second, 5, 4) == b"two\nt"
        assert system.pread(second, 5, 14) == b""


def test_without_appending_a_write_goes_on_where_the_last_one_ended(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"abcdef")
    with opened(system, tmp_path / "a", os.O_RDWR) as descriptor:
        system.write(descriptor, b"A")
        system.write(descriptor, b"BC")
        assert system.pread(descriptor, 10, 0) == b"ABCdef"
        system.truncate(descriptor, 1)
        system.write(descriptor, b"D")
        assert system.pread(descriptor, 10, 0) == b"A\0\0D"


def test_a_file_is_cut_and_what_it_is_lengthened_by_is_zeros(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as descriptor:
        system.write(descriptor, b"abcdef")
        system.truncate(descriptor, 2)
        assert (system.size(descriptor), system.pread(descriptor, 10, 0)) == (2, b"ab")
        system.truncate(descriptor, 4)
        system.write(descriptor, b"g")
        assert system.pread(descriptor, 10, 0) == b"ab\0\0g"


def test_o_trunc_empties_what_is_there_and_keeps_the_file(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as before:
        system.write(before, b"old")
        with opened(system, tmp_path / "a", APPENDED | os.O_TRUNC):
            assert system.size(before) == 0
        assert system.is_at(tmp_path / "a", before)


def test_a_missing_file_is_not_found_unless_it_may_be_made(system: FileSystem, tmp_path: Path) -> None:
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_TRUNC):
        with pytest.raises(FileNotFoundError):
            system.open(tmp_path / "a", flags)
    assert not system.exists(tmp_path / "a")
    with opened(system, tmp_path / "a"):
        assert system.exists(tmp_path / "a")


def test_a_file_opened_for_reading_is_not_changed(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"abc")
    with opened(system, tmp_path / "a", os.O_RDONLY) as descriptor:
        with pytest.raises(OSError, match="Bad file descriptor"):
            system.write(descriptor, b"x")
        with pytest.raises(OSError, match="Invalid argument"):
            system.truncate(descriptor, 0)
        assert system.size(descriptor) == 3


def test_a_closed_descriptor_is_none(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as descriptor:
        pass
    for use in (system.size, system.fdatasync, system.lock, system.close):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use(descriptor)
    for call in (
        lambda: system.write(descriptor, b"x"),
        lambda: system.pread(descriptor, 1, 0),
        lambda: system.truncate(descriptor, 0),
        lambda: system.is_at(tmp_path / "a", descriptor),
    ):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()


def test_a_lock_excludes_until_it_is_closed(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as second:
        with opened(system, tmp_path / "a") as first:
            system.lock(first)
            system.lock(first)
            with pytest.raises(BlockingIOError):
                system.lock(second)
        system.lock(second)


def test_a_lock_is_the_files_and_not_the_names(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as holder:
        system.lock(holder)
        system.rename(tmp_path / "a", tmp_path / "b")
        with opened(system, tmp_path / "b") as same, pytest.raises(BlockingIOError):
            system.lock(same)
        with opened(system, tmp_path / "a") as other:
            system.lock(other)


def test_an_open_file_is_at_its_name_until_it_is_renamed_replaced_or_removed(
    system: FileSystem, tmp_path: Path
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    with opened(system, a) as descriptor:
        assert system.is_at(a, descriptor)
        system.rename(a, b)
        assert (system.is_at(a, descriptor), system.is_at(b, descriptor)) == (False, True)
        write(system, a, b"")
        assert not system.is_at(a, descriptor)
        system.rename(a, b)
        assert not system.is_at(b, descriptor)
        system.remove(b)
        assert not system.is_at(b, descriptor)
        system.write(descriptor, b"still open")
        assert system.size(descriptor) == 10


def test_a_rename_replaces_what_has_the_name(system: FileSystem, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    write(system, a, b"new")
    write(system, b, b"old")
    system.rename(a, b)
    system.fsync_dir(tmp_path)
    assert (system.exists(a), read(system, b)) == (False, b"new")
    system.rename(b, b)
    assert read(system, b) == b"new"


def test_what_is_not_there_is_neither_renamed_nor_removed(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "b", b"kept")
    with pytest.raises(FileNotFoundError):
        system.rename(tmp_path / "a", tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        system.remove(tmp_path / "a")
    assert read(system, tmp_path / "b") == b"kept"
    system.remove(tmp_path / "b")
    assert not system.exists(tmp_path / "b")


# The disk


def test_a_link_is_never_followed_though_it_exists(tmp_path: Path) -> None:
    target, link, dangling = (tmp_path / name for name in ("target", "link", "dangling"))
    target.write_bytes(b"kept")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (link, dangling):
        for flags in (os.O_RDONLY, APPENDED | os.O_TRUNC):
            with pytest.raises(OSError, match="symbolic links"):
                PosixFileSystem().open(path, flags)
        assert PosixFileSystem().exists(path)
    with opened(PosixFileSystem(), target) as descriptor:
        assert not PosixFileSystem().is_at(link, descriptor)
    assert (target.read_bytes(), (tmp_path / "nowhere").exists()) == (b"kept", False)


def test_a_link_is_renamed_and_removed_itself(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    PosixFileSystem().rename(link, tmp_path / "renamed")
    assert (tmp_path / "renamed").is_symlink()
    PosixFileSystem().remove(tmp_path / "renamed")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_a_new_file_is_its_owners_only(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(PosixFileSystem(), tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_nothing_but_a_regular_file_is_opened_and_none_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="is not a regular file"):
            PosixFileSystem().open(tmp_path / name, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        PosixFileSystem().open(tmp_path / "folder", APPENDED)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_a_new_folder_is_its_owners_only_and_made_once(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        PosixFileSystem().mkdir(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        PosixFileSystem().mkdir(tmp_path / "new")


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o777, 0o400])
def test_a_file_that_is_written_is_its_owners_only_from_then_on(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"kept")
    path.chmod(mode)
    with opened(PosixFileSystem(), path, os.O_RDONLY):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    if os.access(path, os.W_OK):
        with opened(PosixFileSystem(), path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"kept"


def test_a_file_with_a_second_name_is_read_and_neither_cut_nor_written(tmp_path: Path) -> None:
    path, second = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"kept")
    path.chmod(0o644)
    os.link(path, second)
    for flags in (APPENDED, APPENDED | os.O_TRUNC, os.O_RDWR):
        with pytest.raises(OSError, match="has a second name"):
            PosixFileSystem().open(second, flags)
    assert (read(PosixFileSystem(), second), stat.S_IMODE(path.stat().st_mode)) == (b"kept", 0o644)
    path.unlink()
    write(PosixFileSystem(), second, b", and more")
    assert second.read_bytes() == b"kept, and more"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_neither_cut_nor_written_even_by_root(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"kept")
    os.chown(path, 65534, 65534)
    for flags in (APPENDED, APPENDED | os.O_TRUNC):
        with pytest.raises(OSError, match=r"belongs to another user \(65534\)"):
            PosixFileSystem().open(path, flags)
    assert read(PosixFileSystem(), path) == b"kept"


@pytest.mark.parametrize(
    ("mode", "is_open"), [(0o700, False), (0o755, False), (0o770, False), (0o777, True), (0o1777, False), (0o702, True)]
)
def test_a_folder_is_open_to_all_when_others_can_write_there_and_nothing_is_sticky(
    mode: int, is_open: bool, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(mode)
    assert PosixFileSystem().is_open_to_all(tmp_path / "folder") is is_open


def test_what_is_refused_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.link(tmp_path / "a", tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a", "pipe"):
        with pytest.raises(OSError, match=r"second name|not a regular file"):
            PosixFileSystem().open(tmp_path / name, APPENDED)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_new_process_inherits_no_descriptor(tmp_path: Path) -> None:
    with opened(PosixFileSystem(), tmp_path / "a") as descriptor:
        assert not os.get_inheritable(descriptor)


# What a crash loses


def test_bytes_may_be_lost_until_they_are_synced_and_never_after() -> None:
    system = MemoryFileSystem({A: b"synced"}, block_size=4)
    with opened(system, A) as descriptor:
        system.write(descriptor, b"-tail")
        assert (
            found(system, A)
            == {  # the blocks are "sync", "ed-t" and "ail"
                (b"synced" + second + third)[:length]
                for second in (b"-t", b"-\0", b"\0\0")
                for third in (b"ail", b"a\0\0", b"\0\0\0")
                for length in (6, 8, 9, 11)
            }
        )
        system.fdatasync(descriptor)
    assert found(system, A) == {b"synced-tail"}


def test_zeros_may_stand_in_the_middle_of_what_was_not_synced() -> None:
    system = MemoryFileSystem({A: b"ab"}, block_size=2)
    for block in (b"cd", b"ef", b"gh"):
        write(system, A, block)
    assert {b"ab\0\0efgh", b"abcd\0\0gh", b"ab\0\0\0\0gh", b"abcdef\0\0"} < found(system, A)


def test_a_file_may_be_found_at_the_length_of_each_write_and_within_the_last_block() -> None:
    system = MemoryFileSystem({A: b""}, block_size=100)
    for line in (b"one\n", b"two\n", b"x" * 200):
        write(system, A, line)
    assert {len(content or b"") for content in found(system, A)} == {0, 4, 8, 100, 200, 204, 208}


def test_a_truncation_may_be_lost_until_it_is_synced() -> None:
    system = MemoryFileSystem({A: b"abcdef"}, block_size=2)
    with opened(system, A) as descriptor:
        system.truncate(descriptor, 3)
        contents = found(system, A)
        assert {b"abc", b"abcdef", b"abcd"} <= contents
        assert all(content and content.startswith(b"abc") for content in contents)
        system.fdatasync(descriptor)
    assert found(system, A) == {b"abc"}


def test_what_was_written_over_may_still_be_there_whole_in_parts_or_as_zeros() -> None:
    system = MemoryFileSystem({A: b"oldold"}, block_size=3)
    write(system, A, b"newnew", APPENDED | os.O_TRUNC)
    assert {b"oldold", b"", b"newnew", b"newold", b"oldnew", b"\0\0\0new", b"new"} <= found(system, A)


def test_a_new_name_may_be_lost_until_its_folder_is_synced_however_well_the_content_is() -> None:
    system = MemoryFileSystem()
    with opened(system, A) as descriptor:
        system.write(descriptor, b"x")
        system.fdatasync(descriptor)
    assert found(system, A) == {None, b"x"}
    system.fsync_dir(Path("/elsewhere"))
    assert found(system, A) == {None, b"x"}
    system.fsync_dir(A.parent)
    assert found(system, A) == {b"x"}


def test_a_name_may_be_on_the_disk_before_its_content() -> None:
    system = MemoryFileSystem({B: b"old"})
    write(system, A, b"new")
    system.rename(A, B)
    system.fsync_dir(B.parent)
    assert {b"", b"\0\0\0", b"new"} < found(system, B)
    assert b"old" not in found(system, B)


def test_a_rename_may_be_lost_until_the_folder_is_synced_and_never_after() -> None:
    system = MemoryFileSystem({A: b"new", B: b"old"})
    system.rename(A, B)
    assert [state.files for state in system.crash_states()] == [{B: b"new"}, {A: b"new", B: b"old"}]
    system.fsync_dir(B.parent)
    assert [state.files for state in system.crash_states()] == [{B: b"new"}]


def test_a_removal_may_be_lost_until_the_folder_is_synced_and_never_after() -> None:
    system = MemoryFileSystem({A: b"x"})
    system.remove(A)
    assert found(system, A) == {None, b"x"}
    system.fsync_dir(A.parent)
    assert found(system, A) == {None}


def test_changes_of_names_are_lost_in_any_combination_in_which_each_has_what_it_follows_from() -> None:
    system = MemoryFileSystem({A: b"1", B: b"2"})
    system.remove(B)
    system.rename(A, B)
    system.rename(B, C)
    states = [state.files for state in system.crash_states()]
    assert len(states) == 4
    for state in ({A: b"1", B: b"2"}, {A: b"1"}, {B: b"1"}, {C: b"1"}):
        assert state in states


def test_a_file_is_not_renamed_to_another_folder() -> None:
    system = MemoryFileSystem({A: b"x"})
    with pytest.raises(OSError, match="cross-device"):
        system.rename(A, Path("/elsewhere/a"))
    assert system.files == {A: b"x"}


def test_after_a_crash_nothing_is_locked_and_nothing_more_is_lost() -> None:
    system = MemoryFileSystem()
    descriptor = system.open(A, APPENDED)
    system.lock(descriptor)
    system.write(descriptor, b"x" * 600)
    for state in system.crash_states():
        assert [again.files for again in state.crash_states()] == [state.files]
        with opened(state, A) as found_again:
            state.lock(found_again)


def test_crash_states_are_told_once_each_no_more_than_the_cap_and_always_the_same() -> None:
    system = MemoryFileSystem({A: b""}, block_size=1)
    write(system, A, bytes(range(1, 61)))
    states = [state.files[A] for state in system.crash_states(cap=500)]
    assert states[:2] == [bytes(range(1, 61)), b""]
    assert len(states) == len(set(states)) == 500
    assert states == [state.files[A] for state in system.crash_states(cap=500)]
    assert states != [state.files[A] for state in system.crash_states(cap=500, seed=1)]
    assert states[:50] == [state.files[A] for state in system.crash_states(cap=50)]
    assert system.files == {A: bytes(range(1, 61))}


def test_beyond_the_cap_what_was_done_first_is_kept_at_each_point_of_content_and_names() -> None:
    system = MemoryFileSystem({A: b""}, block_size=1)
    write(system, A, bytes(range(1, 61)))
    for old, new in ((A, B), (B, C), (C, A), (A, B)):
        system.rename(old, new)
    states = [state.files for state in system.crash_states(cap=400)]
    for content in (b"", bytes(range(1, 61))):
        assert all({path: content} in states for path in (A, B, C))
    for kept in range(61):
        written = bytes(range(1, kept + 1)).ljust(60, b"\0")
        assert {A: written} in states
        assert {B: written} in states


# What a kill leaves


def test_a_kill_loses_nothing_but_locks_and_descriptors() -> None:
    system = MemoryFileSystem({B: b"old"}, block_size=4)
    descriptor = system.open(A, APPENDED)
    system.lock(descriptor)
    system.write(descriptor, b"unsynced")
    system.remove(B)
    after = system.killed()
    assert after.files == {A: b"unsynced"}
    with pytest.raises(OSError, match="Bad file descriptor"):
        after.size(descriptor)
    with opened(after, C), opened(after, A) as found_again:
        after.lock(found_again)


def test_what_a_killed_process_did_not_sync_a_crash_may_still_lose_and_the_next_process_can_sync() -> None:
    system = MemoryFileSystem({B: b"old"}, block_size=4)
    write(system, A, b"unsynced")
    system.remove(B)
    after = system.killed()
    assert [state.files for state in after.crash_states()] == [state.files for state in system.crash_states()]
    with opened(after, A) as descriptor:
        after.fdatasync(descriptor)
    after.fsync_dir(A.parent)
    assert [state.files for state in after.crash_states()] == [{A: b"unsynced"}]
    assert {B: b"old"} in [state.files for state in system.crash_states()]


# Faults on request


def test_calls_that_change_something_are_counted() -> None:
    system = MemoryFileSystem({B: b""})
    put(system, A, b"x")  # open, write, fdatasync, fsync_dir
    assert system.operations == 4
    with opened(system, A) as descriptor:
        system.lock(descriptor)
    assert (read(system, A), system.exists(C)) == (b"x", False)
    with pytest.raises(FileNotFoundError):
        system.remove(C)
    with pytest.raises(FileNotFoundError):
        system.rename(C, A)
    assert system.operations == 4
    with opened(system, A, APPENDED | os.O_TRUNC) as descriptor:
        system.truncate(descriptor, 1)
    system.rename(A, B)
    system.remove(B)
    assert system.operations == 8


def test_a_crash_comes_before_the_effect_of_the_call_and_the_machine_stays_off() -> None:
    system = MemoryFileSystem(crash_before=3)
    descriptor = system.open(A, APPENDED)
    system.write(descriptor, b"x")
    with pytest.raises(Crashed):
        system.write(descriptor, b"y")
    assert system.files == {A: b"x"}
    for call in (
        lambda: system.open(A, os.O_RDONLY),
        lambda: system.fdatasync(descriptor),
        lambda: system.pread(descriptor, 1, 0),
        lambda: system.close(descriptor),
        lambda: system.remove(B),
        lambda: system.fsync_dir(A.parent),
    ):
        with pytest.raises(Crashed):
            call()
    assert found(system, A) == {None, b"", b"x", b"\0"}
    assert system.killed().files == {A: b"x"}


def test_each_crash_point_of_a_durable_replacement_leaves_the_old_or_the_new() -> None:
    for crash_before in range(1, 6):
        system = MemoryFileSystem({B: b"old"}, crash_before=crash_before)
        with pytest.raises(Crashed):
            replace(system)
        assert found(system, B) <= {b"old", b"new"}
    system.crash_before = None
    replace(system)
    assert found(system, B) == {b"new"}


def replace(system: FileSystem) -> None:
    write(system, A, b"new", APPENDED | os.O_TRUNC)
    with opened(system, A) as descriptor:
        system.fdatasync(descriptor)
    system.rename(A, B)
    system.fsync_dir(B.parent)


def test_a_call_fails_once_or_from_then_on_and_has_no_effect() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    system = MemoryFileSystem({A: b""}, fault=lambda _, number: full if number == 2 else None)
    with opened(system, A) as descriptor:
        system.write(descriptor, b"1")
        with pytest.raises(OSError, match="No space left"):
            system.write(descriptor, b"2")
        system.write(descriptor, b"3")
        system.fault = lambda _, number: full if number >= 5 else None
        system.write(descriptor, b"4")
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                system.write(descriptor, b"5")
    assert system.files == {A: b"134"}


def test_a_call_that_changes_nothing_fails_by_its_name() -> None:
    broken = OSError(errno.EIO, "Input/output error")
    system = MemoryFileSystem({A: b""}, fault=lambda name, _: broken if name in {"lock", "close"} else None)
    descriptor = system.open(A, APPENDED)
    for call in (system.lock, system.close):
        with pytest.raises(OSError, match="Input/output"):
            call(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        system.size(descriptor)


def test_what_a_failed_sync_lost_no_later_one_saves_unless_it_is_written_anew() -> None:
    broken = OSError(errno.EIO, "Input/output error")
    system = MemoryFileSystem({A: b"ab"}, block_size=2, fault=lambda _, number: broken if number == 2 else None)
    with opened(system, A) as descriptor:
        system.write(descriptor, b"cdef")
        with pytest.raises(OSError, match="Input/output"):
            system.fdatasync(descriptor)
        system.fdatasync(descriptor)
        assert system.pread(descriptor, 10, 0) == b"abcdef"
        assert {b"abcdef", b"ab\0\0ef", b"abcd\0\0", b"ab\0\0\0\0"} <= found(system.killed(), A)
        system.truncate(descriptor, 2)
        system.write(descriptor, b"cdef")
        system.fdatasync(descriptor)
    assert found(system, A) == {b"abcdef"}


def test_a_short_write_takes_no_more_than_it_may() -> None:
    system = MemoryFileSystem(short=2)
    with opened(system, A) as descriptor:
        assert [system.write(descriptor, block) for block in (b"abc", b"d", memoryview(b"efg"))] == [2, 1, 2]
    assert system.files == {A: b"abdef"}
