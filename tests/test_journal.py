"""An append-only file of whole blocks."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector import journal
from collector.errors import ExitCode, OutputError, OutputLocked
from collector.journal import Journal


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system refuses to let a file grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_blocks_are_appended_whole_and_counted_with_their_digest(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    written = journal.create(path)
    blocks = [b"one\n", b"", b"two\n" * 100_000]
    for block in blocks:
        written.append(block)
    written.sync()
    written.close()
    assert path.read_bytes() == b"".join(blocks)
    assert written.bytes == path.stat().st_size
    assert written.sha256 == hashlib.sha256(b"".join(blocks)).hexdigest()


def test_a_block_that_does_not_fit_is_taken_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    written = journal.create(path)
    written.append(b"one\n")
    with largest_file(10), pytest.raises(OutputError, match=f"{path}: cannot be written: ") as caught:
        written.append(b"two\n" * 10)
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert path.read_bytes() == b"one\n"
    written.append(b"three\n")
    written.close()
    assert path.read_bytes() == b"one\nthree\n"
    assert written.bytes == 10
    assert written.sha256 == hashlib.sha256(b"one\nthree\n").hexdigest()


def test_a_full_device_is_an_output_error() -> None:
    full = Journal(os.open("/dev/full", os.O_WRONLY), "/dev/full")
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        full.append(b"x")
    full.close()
    assert full.bytes == 0


def test_a_pipe_nobody_reads_is_a_broken_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = Journal(writer, "standard output")
    with pytest.raises(BrokenPipeError):
        pipe.append(b"x")
    pipe.close()


def test_the_repr_tells_the_name_and_the_size(tmp_path: Path) -> None:
    written = journal.create(tmp_path / "x")
    written.append(b"abc")
    written.close()
    assert repr(written) == f"<Journal {tmp_path / 'x'} 3 bytes>"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_for_their_owner_only(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        os.close(journal.claim(tmp_path / "claimed"))
        journal.create(tmp_path / "created").close()
        journal.put(tmp_path / "put", b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600] * 3


def test_what_is_claimed_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    descriptor = journal.claim(path)
    with pytest.raises(OutputLocked, match=f"{path}: another run") as caught:
        journal.claim(path)
    assert caught.value.exit_code == ExitCode.LOCKED
    os.close(descriptor)
    os.close(journal.claim(path))


def test_a_claim_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    path.write_bytes(b"old\n")
    descriptor = journal.claim(path)
    os.write(descriptor, b"new\n")
    os.close(descriptor)
    assert path.read_bytes() == b"old\nnew\n"


def test_a_name_whose_file_was_renamed_can_be_claimed_again(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.partial"
    first = journal.claim(path)
    journal.rename(path, tmp_path / "c.jsonl")
    second = journal.claim(path)
    assert os.fstat(first).st_ino != os.fstat(second).st_ino
    os.close(first)
    os.close(second)


@pytest.mark.parametrize("make", [journal.claim, journal.create])
def test_a_link_is_never_followed(make: object, tmp_path: Path) -> None:
    assert callable(make)
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OutputError):
        make(tmp_path / "link")
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("make", [journal.claim, journal.create])
def test_what_cannot_be_opened_is_an_output_error_that_names_it(make: object, tmp_path: Path) -> None:
    assert callable(make)
    for path in (tmp_path, tmp_path / "missing" / "file"):
        with pytest.raises(OutputError, match=f"{path}: cannot be written"):
            make(path)


def test_put_replaces_a_file_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    journal.put(path, b"old")
    journal.put(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_put_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    journal.put(path, b"old")
    with largest_file(10), pytest.raises(OutputError):
        journal.put(path, b"new" * 10)
    assert path.read_bytes() == b"old"


def test_a_put_that_failed_holds_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with largest_file(10), pytest.raises(OutputError):
        journal.put(tmp_path / "m.json", b"new" * 10)
    assert len(os.listdir("/proc/self/fd")) == before


def test_rename_replaces_and_remove_does_not_mind_what_is_not_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"1")
    new.write_bytes(b"2")
    journal.rename(old, new)
    assert new.read_bytes() == b"1"
    journal.remove(new)
    journal.remove(new)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="new: cannot be written"):
        journal.rename(old, new)


def test_what_stood_in_a_file_that_is_not_ours_is_never_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.write_bytes(b"older")
    reader = os.open(path, os.O_RDONLY)
    with pytest.raises(OutputError):
        Journal(reader, "shared", is_ours=False).append(b"new")  # a descriptor that cannot be written
    os.close(reader)
    assert path.read_bytes() == b"older"


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    block = b"x" * 300_000
    received: list[bytes] = []

    def read() -> None:
        while chunk := os.read(reader, 65536):
            received.append(chunk)

    thread = threading.Thread(target=read)
    thread.start()
    Journal(writer, "a pipe", is_ours=False).append(block)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert b"".join(received) == block
