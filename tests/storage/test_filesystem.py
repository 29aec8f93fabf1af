"""The contract of both file systems, and the data that the one in memory loses in a crash as a disk may."""

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
    system: FileSystem = request.param()
    return system


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


def write_durably(system: FileSystem, path: Path, content: bytes) -> None:
    """Sync `content` and its name to disk."""
    with opened(system, path) as descriptor:
        system.write(descriptor, content)
        system.fdatasync(descriptor)
    system.fsync_dir(path.parent)


def contents_after_crash(system: MemoryFileSystem, path: Path) -> set[bytes | None]:
    """The contents that `path` may have after a crash; None stands for a missing file."""
    return {state.files.get(path) for state in system.crash_states()}


# The contract


def test_appended_data_is_read_back(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"one\n")
    with opened(system, tmp_path / "a") as first, opened(system, tmp_path / "a") as second:
        assert system.write(first, b"two\n") == 4
        assert system.write(second, memoryview(b"three\n")) == 6
        assert system.write(first, b"") == 0
        assert system.size(first) == 14
        assert system.pread(first, 100, 0) == b"one\ntwo\nthree\n"
        assert system.pread(second, 5, 4) == b"two\nt"
        assert system.pread(second, 5, 14) == b""


def test_without_o_append_a_write_continues_at_the_end_of_the_previous_one(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"abcdef")
    with opened(system, tmp_path / "a", os.O_RDWR) as descriptor:
        system.write(descriptor, b"A")
        system.write(descriptor, b"BC")
        assert system.pread(descriptor, 10, 0) == b"ABCdef"
        system.truncate(descriptor, 1)
        system.write(descriptor, b"D")
        assert system.pread(descriptor, 10, 0) == b"A\0\0D"


def test_truncating_shortens_a_file_or_lengthens_it_with_zeros(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as descriptor:
        system.write(descriptor, b"abcdef")
        system.truncate(descriptor, 2)
        assert (system.size(descriptor), system.pread(descriptor, 10, 0)) == (2, b"ab")
        system.truncate(descriptor, 4)
        system.write(descriptor, b"g")
        assert system.pread(descriptor, 10, 0) == b"ab\0\0g"


def test_o_trunc_empties_an_existing_file_without_replacing_it(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as before:
        system.write(before, b"old")
        with opened(system, tmp_path / "a", APPENDED | os.O_TRUNC):
            assert system.size(before) == 0
        assert system.is_at(tmp_path / "a", before)


def test_opening_a_missing_file_fails_without_o_creat(system: FileSystem, tmp_path: Path) -> None:
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_TRUNC):
        with pytest.raises(FileNotFoundError):
            system.open(tmp_path / "a", flags)
    assert not system.exists(tmp_path / "a")
    with opened(system, tmp_path / "a"):
        assert system.exists(tmp_path / "a")


def test_a_file_opened_for_reading_cannot_be_changed(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "a", b"abc")
    with opened(system, tmp_path / "a", os.O_RDONLY) as descriptor:
        with pytest.raises(OSError, match="Bad file descriptor"):
            system.write(descriptor, b"x")
        with pytest.raises(OSError, match="Invalid argument"):
            system.truncate(descriptor, 0)
        assert system.size(descriptor) == 3


def test_a_closed_descriptor_is_invalid(system: FileSystem, tmp_path: Path) -> None:
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


def test_a_lock_is_held_until_its_descriptor_is_closed(system: FileSystem, tmp_path: Path) -> None:
    with opened(system, tmp_path / "a") as second:
        with opened(system, tmp_path / "a") as first:
            system.lock(first)
            system.lock(first)
            with pytest.raises(BlockingIOError):
                system.lock(second)
        system.lock(second)


def test_a_lock_belongs_to_the_file_and_not_to_its_name(system: FileSystem, tmp_path: Path) -> None:
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


def test_a_rename_replaces_the_file_of_that_name(system: FileSystem, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    write(system, a, b"new")
    write(system, b, b"old")
    system.rename(a, b)
    system.fsync_dir(tmp_path)
    assert (system.exists(a), read(system, b)) == (False, b"new")
    system.rename(b, b)
    assert read(system, b) == b"new"


def test_renaming_or_removing_a_missing_file_fails(system: FileSystem, tmp_path: Path) -> None:
    write(system, tmp_path / "b", b"kept")
    with pytest.raises(FileNotFoundError):
        system.rename(tmp_path / "a", tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        system.remove(tmp_path / "a")
    assert read(system, tmp_path / "b") == b"kept"
    system.remove(tmp_path / "b")
    assert not system.exists(tmp_path / "b")


# The real file system


def test_an_existing_link_is_never_followed(tmp_path: Path) -> None:
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


def test_rename_and_remove_act_on_the_link_and_not_on_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    PosixFileSystem().rename(link, tmp_path / "renamed")
    assert (tmp_path / "renamed").is_symlink()
    PosixFileSystem().remove(tmp_path / "renamed")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_a_new_file_has_mode_0600_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(PosixFileSystem(), tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_only_a_regular_file_is_opened_and_opening_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="is not a regular file"):
            PosixFileSystem().open(tmp_path / name, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        PosixFileSystem().open(tmp_path / "folder", APPENDED)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_a_new_folder_has_mode_0700_and_is_created_only_once(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        PosixFileSystem().mkdir(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        PosixFileSystem().mkdir(tmp_path / "new")


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o777, 0o400])
def test_opening_a_file_for_writing_sets_mode_0600(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"kept")
    path.chmod(mode)
    with opened(PosixFileSystem(), path, os.O_RDONLY):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    if os.access(path, os.W_OK):
        with opened(PosixFileSystem(), path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"kept"


def test_a_file_with_a_second_name_can_be_read_but_not_truncated_or_written(tmp_path: Path) -> None:
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
def test_a_file_of_another_user_is_neither_truncated_nor_written_even_by_root(tmp_path: Path) -> None:
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
def test_a_folder_is_open_to_all_if_all_users_can_write_and_its_sticky_bit_is_not_set(
    mode: int, is_open: bool, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(mode)
    assert PosixFileSystem().is_open_to_all(tmp_path / "folder") is is_open


def test_a_device_is_not_a_folder_open_to_all() -> None:
    assert not PosixFileSystem().is_open_to_all(Path("/dev/null"))


def test_a_failed_open_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.link(tmp_path / "a", tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a", "pipe"):
        with pytest.raises(OSError, match=r"second name|not a regular file"):
            PosixFileSystem().open(tmp_path / name, APPENDED)
    assert len(os.listdir("/proc/self/fd")) == before


def test_child_processes_do_not_inherit_descriptors(tmp_path: Path) -> None:
    with opened(PosixFileSystem(), tmp_path / "a") as descriptor:
        assert not os.get_inheritable(descriptor)


# Effects of a crash


def test_a_crash_may_lose_bytes_until_they_are_synced() -> None:
    system = MemoryFileSystem({A: b"synced"}, block_size=4)
    with opened(system, A) as descriptor:
        system.write(descriptor, b"-tail")
        assert (
            contents_after_crash(system, A)
            == {  # the blocks are "sync", "ed-t" and "ail"
                (b"synced" + second + third)[:length]
                for second in (b"-t", b"-\0", b"\0\0")
                for third in (b"ail", b"a\0\0", b"\0\0\0")
                for length in (6, 8, 9, 11)
            }
        )
        system.fdatasync(descriptor)
    assert contents_after_crash(system, A) == {b"synced-tail"}


def test_a_crash_may_leave_zeros_inside_unsynced_data() -> None:
    system = MemoryFileSystem({A: b"ab"}, block_size=2)
    for block in (b"cd", b"ef", b"gh"):
        write(system, A, block)
    assert {b"ab\0\0efgh", b"abcd\0\0gh", b"ab\0\0\0\0gh", b"abcdef\0\0"} < contents_after_crash(system, A)


def test_a_crash_may_leave_the_length_after_any_write_a_block_boundary_or_a_length_within_the_last_block() -> None:
    system = MemoryFileSystem({A: b""}, block_size=100)
    for line in (b"one\n", b"two\n", b"x" * 200):
        write(system, A, line)
    assert {len(content or b"") for content in contents_after_crash(system, A)} == {0, 4, 8, 100, 200, 204, 208}


def test_a_crash_may_undo_a_truncation_until_it_is_synced() -> None:
    system = MemoryFileSystem({A: b"abcdef"}, block_size=2)
    with opened(system, A) as descriptor:
        system.truncate(descriptor, 3)
        contents = contents_after_crash(system, A)
        assert {b"abc", b"abcdef", b"abcd"} <= contents
        assert all(content and content.startswith(b"abc") for content in contents)
        system.fdatasync(descriptor)
    assert contents_after_crash(system, A) == {b"abc"}


def test_a_crash_may_leave_overwritten_data_whole_in_parts_or_as_zeros() -> None:
    system = MemoryFileSystem({A: b"oldold"}, block_size=3)
    write(system, A, b"newnew", APPENDED | os.O_TRUNC)
    assert {b"oldold", b"", b"newnew", b"newold", b"oldnew", b"\0\0\0new", b"new"} <= contents_after_crash(system, A)


def test_a_crash_may_lose_a_new_name_until_its_folder_is_synced_even_with_synced_content() -> None:
    system = MemoryFileSystem()
    with opened(system, A) as descriptor:
        system.write(descriptor, b"x")
        system.fdatasync(descriptor)
    assert contents_after_crash(system, A) == {None, b"x"}
    system.fsync_dir(Path("/elsewhere"))
    assert contents_after_crash(system, A) == {None, b"x"}
    system.fsync_dir(A.parent)
    assert contents_after_crash(system, A) == {b"x"}


def test_a_name_may_reach_the_disk_before_its_content() -> None:
    system = MemoryFileSystem({B: b"old"})
    write(system, A, b"new")
    system.rename(A, B)
    system.fsync_dir(B.parent)
    assert {b"", b"\0\0\0", b"new"} < contents_after_crash(system, B)
    assert b"old" not in contents_after_crash(system, B)


def test_a_crash_may_undo_a_rename_until_the_folder_is_synced() -> None:
    system = MemoryFileSystem({A: b"new", B: b"old"})
    system.rename(A, B)
    assert [state.files for state in system.crash_states()] == [{B: b"new"}, {A: b"new", B: b"old"}]
    system.fsync_dir(B.parent)
    assert [state.files for state in system.crash_states()] == [{B: b"new"}]


def test_a_crash_may_undo_a_removal_until_the_folder_is_synced() -> None:
    system = MemoryFileSystem({A: b"x"})
    system.remove(A)
    assert contents_after_crash(system, A) == {None, b"x"}
    system.fsync_dir(A.parent)
    assert contents_after_crash(system, A) == {None}


def test_a_crash_keeps_any_combination_of_name_changes_that_includes_their_prerequisites() -> None:
    system = MemoryFileSystem({A: b"1", B: b"2"})
    system.remove(B)
    system.rename(A, B)
    system.rename(B, C)
    states = [state.files for state in system.crash_states()]
    assert len(states) == 4
    for state in ({A: b"1", B: b"2"}, {A: b"1"}, {B: b"1"}, {C: b"1"}):
        assert state in states


def test_a_rename_to_another_folder_fails() -> None:
    system = MemoryFileSystem({A: b"x"})
    with pytest.raises(OSError, match="cross-device"):
        system.rename(A, Path("/elsewhere/a"))
    assert system.files == {A: b"x"}


def test_after_a_crash_no_lock_remains_and_the_remaining_data_is_durable() -> None:
    system = MemoryFileSystem()
    descriptor = system.open(A, APPENDED)
    system.lock(descriptor)
    system.write(descriptor, b"x" * 600)
    for state in system.crash_states():
        assert [again.files for again in state.crash_states()] == [state.files]
        with opened(state, A) as reopened:
            state.lock(reopened)


def test_crash_states_are_unique_deterministic_and_at_most_the_cap() -> None:
    system = MemoryFileSystem({A: b""}, block_size=1)
    write(system, A, bytes(range(1, 61)))
    states = [state.files[A] for state in system.crash_states(cap=500)]
    assert states[:2] == [bytes(range(1, 61)), b""]
    assert len(states) == len(set(states)) == 500
    assert states == [state.files[A] for state in system.crash_states(cap=500)]
    assert states != [state.files[A] for state in system.crash_states(cap=500, seed=1)]
    assert states[:50] == [state.files[A] for state in system.crash_states(cap=50)]
    assert system.files == {A: bytes(range(1, 61))}


def test_beyond_the_cap_every_prefix_of_content_and_name_changes_is_still_covered() -> None:
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


# Effects of a kill


def test_a_kill_loses_only_locks_and_descriptors() -> None:
    system = MemoryFileSystem({B: b"old"}, block_size=4)
    descriptor = system.open(A, APPENDED)
    system.lock(descriptor)
    system.write(descriptor, b"unsynced")
    system.remove(B)
    after = system.after_kill()
    assert after.files == {A: b"unsynced"}
    with pytest.raises(OSError, match="Bad file descriptor"):
        after.size(descriptor)
    with opened(after, C), opened(after, A) as reopened:
        after.lock(reopened)


def test_a_crash_after_a_kill_may_lose_unsynced_data_until_the_next_process_syncs_it() -> None:
    system = MemoryFileSystem({B: b"old"}, block_size=4)
    write(system, A, b"unsynced")
    system.remove(B)
    after = system.after_kill()
    assert [state.files for state in after.crash_states()] == [state.files for state in system.crash_states()]
    with opened(after, A) as descriptor:
        after.fdatasync(descriptor)
    after.fsync_dir(A.parent)
    assert [state.files for state in after.crash_states()] == [{A: b"unsynced"}]
    assert {B: b"old"} in [state.files for state in system.crash_states()]


# Injected faults


def test_mutating_calls_are_counted() -> None:
    system = MemoryFileSystem({B: b""})
    write_durably(system, A, b"x")  # open, write, fdatasync, fsync_dir
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


def test_a_crash_precedes_the_effect_of_its_call_and_all_later_calls_fail() -> None:
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
    assert contents_after_crash(system, A) == {None, b"", b"x", b"\0"}
    assert system.after_kill().files == {A: b"x"}


def test_a_crash_at_any_point_of_an_atomic_replace_leaves_the_old_or_the_new_content() -> None:
    for crash_before in range(1, 6):
        system = MemoryFileSystem({B: b"old"}, crash_before=crash_before)
        with pytest.raises(Crashed):
            replace(system)
        assert contents_after_crash(system, B) <= {b"old", b"new"}
    system.crash_before = None
    replace(system)
    assert contents_after_crash(system, B) == {b"new"}


def replace(system: FileSystem) -> None:
    write(system, A, b"new", APPENDED | os.O_TRUNC)
    with opened(system, A) as descriptor:
        system.fdatasync(descriptor)
    system.rename(A, B)
    system.fsync_dir(B.parent)


def test_an_injected_fault_fails_one_call_or_all_from_then_on_without_an_effect() -> None:
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


def test_a_fault_of_a_call_without_an_effect_is_selected_by_its_name() -> None:
    broken = OSError(errno.EIO, "Input/output error")
    system = MemoryFileSystem({A: b""}, fault=lambda name, _: broken if name in {"lock", "close"} else None)
    descriptor = system.open(A, APPENDED)
    for call in (system.lock, system.close):
        with pytest.raises(OSError, match="Input/output"):
            call(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        system.size(descriptor)


def test_data_lost_by_a_failed_sync_must_be_written_again() -> None:
    broken = OSError(errno.EIO, "Input/output error")
    system = MemoryFileSystem({A: b"ab"}, block_size=2, fault=lambda _, number: broken if number == 2 else None)
    with opened(system, A) as descriptor:
        system.write(descriptor, b"cdef")
        with pytest.raises(OSError, match="Input/output"):
            system.fdatasync(descriptor)
        system.fdatasync(descriptor)
        assert system.pread(descriptor, 10, 0) == b"abcdef"
        assert {b"abcdef", b"ab\0\0ef", b"abcd\0\0", b"ab\0\0\0\0"} <= contents_after_crash(system.after_kill(), A)
        system.truncate(descriptor, 2)
        system.write(descriptor, b"cdef")
        system.fdatasync(descriptor)
    assert contents_after_crash(system, A) == {b"abcdef"}


def test_a_short_write_accepts_at_most_its_limit() -> None:
    system = MemoryFileSystem(max_write=2)
    with opened(system, A) as descriptor:
        assert [system.write(descriptor, block) for block in (b"abc", b"d", memoryview(b"efg"))] == [2, 1, 2]
    assert system.files == {A: b"abdef"}
