"""An append-only file of whole blocks."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.model.errors import ExitCode, Interrupted, OutputError
from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.journal import Journal, Turns


def create(path: Path, system: FileSystem | None = None) -> Journal:
    system = system or PosixFileSystem()
    return Journal(system, lambda: Files(system).create(path), str(path))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make the system refuse to extend a file beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_blocks_are_appended_whole_counted_and_digested(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    journal = create(path)
    blocks = [b"one\n", b"", b"two\n" * 100_000]
    for block in blocks:
        journal.append(block)
    journal.sync()
    journal.close()
    assert path.read_bytes() == b"".join(blocks)
    assert journal.bytes == path.stat().st_size
    assert journal.sha256 == hashlib.sha256(b"".join(blocks)).hexdigest()


def test_a_block_that_does_not_fit_is_removed_completely(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    journal = create(path)
    journal.append(b"one\n")
    with file_size_limit(10), pytest.raises(OutputError, match=f"{path}: cannot be written: ") as caught:
        journal.append(b"two\n" * 10)
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert path.read_bytes() == b"one\n"
    with pytest.raises(OutputError, match="cannot be written"):
        journal.append(b"three\n")  # would fit
    journal.sync()
    journal.close()
    assert path.read_bytes() == b"one\n"
    assert (journal.bytes, journal.synced) == (4, 4)
    assert journal.sha256 == hashlib.sha256(b"one\n").hexdigest()


def test_the_whole_lines_of_a_block_that_does_not_fit_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    journal = create(path)
    with file_size_limit(10), pytest.raises(OutputError):
        journal.append(b"one\ntwo\nthree\n", is_lines=True)
    assert path.read_bytes() == b"one\ntwo\n"
    assert journal.bytes == 8
    assert journal.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    journal.close()


class FailingOnce(PosixFileSystem):
    """The first sync fails; every later one would succeed."""

    has_failed = False

    def fdatasync(self, descriptor: int) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EIO, "Input/output error")
        super().fdatasync(descriptor)


def test_a_failed_sync_truncates_the_file_and_is_never_repeated(tmp_path: Path) -> None:
    path, system = tmp_path / "c.jsonl", FailingOnce()
    system.has_failed = True
    journal = create(path, system)
    journal.append(b"one\n")
    journal.sync()
    system.has_failed = False
    journal.append(b"two\n")
    for attempt in (journal.sync, journal.sync, lambda: journal.append(b"three\n")):
        with pytest.raises(OutputError, match="Input/output error"):
            attempt()
    assert path.read_bytes() == b"one\n"
    assert (journal.bytes, journal.synced) == (4, 4)
    assert journal.sha256 == hashlib.sha256(b"one\n").hexdigest()
    journal.close()


def test_a_journal_appends_to_the_existing_contents_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"one\n")
    system = PosixFileSystem()
    journal = Journal(
        system, lambda: Files(system).open_locked(path), str(path), size=4, digest=hashlib.sha256(b"one\n")
    )
    journal.append(b"two\n")
    journal.close()
    assert (journal.bytes, path.read_bytes()) == (8, b"one\ntwo\n")
    assert journal.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()


def test_a_full_device_raises_an_output_error() -> None:
    full = Journal(PosixFileSystem(), lambda: os.open("/dev/full", os.O_WRONLY), "/dev/full")
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        full.append(b"x")
    full.close()
    assert full.bytes == 0


def test_a_pipe_closed_by_its_reader_raises_interrupted() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = Journal(PosixFileSystem(), lambda: writer, "standard output")
    for _ in range(2):
        with pytest.raises(Interrupted) as caught:
            pipe.append(b"x")
        assert caught.value.signum == signal.SIGPIPE
    pipe.close()


def test_the_repr_shows_the_name_and_the_size(tmp_path: Path) -> None:
    journal = create(tmp_path / "x")
    journal.append(b"abc")
    journal.close()
    assert repr(journal) == f"<Journal {tmp_path / 'x'} 3 bytes, 0 synced>"


def test_a_file_that_is_not_exclusive_is_never_truncated(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.write_bytes(b"older")
    reader = os.open(path, os.O_RDONLY)
    with pytest.raises(OutputError):
        Journal(PosixFileSystem(), lambda: reader, "shared", is_exclusive=False).append(
            b"new"
        )  # its descriptor is read-only
    os.close(reader)
    assert path.read_bytes() == b"older"


def test_a_full_nonblocking_pipe_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    block = b"x" * 300_000
    received: list[bytes] = []

    def read() -> None:
        while chunk := os.read(reader, 65536):
            received.append(chunk)

    thread = threading.Thread(target=read)
    thread.start()
    Journal(PosixFileSystem(), lambda: writer, "a pipe", is_exclusive=False).append(block)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert b"".join(received) == block


class SlowSystem(PosixFileSystem):
    """Writes at most 7 bytes at a time, and lets other threads run between two writes."""

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        time.sleep(0)
        return super().write(descriptor, block[:7])


def stream_journals(descriptor: int, count: int) -> list[Journal]:
    """Journals of one stream, as those of several organizations."""
    system, turns = SlowSystem(), Turns()
    return [
        Journal(system, lambda: os.dup(descriptor), "a stream", is_exclusive=False, turns=turns) for _ in range(count)
    ]


def append_in_threads(journals: list[Journal], blocks: list[list[bytes]]) -> list[BaseException | None]:
    """Append the blocks of each journal in a thread of its own; the failure of each thread."""

    def append(journal: Journal, own: list[bytes]) -> None:
        for block in own:
            journal.append(block)

    with ThreadPoolExecutor(len(journals)) as threads:
        running = [threads.submit(append, *each) for each in zip(journals, blocks, strict=True)]
        return [each.exception() for each in running]


def test_the_journals_of_one_stream_append_whole_blocks_in_turns(tmp_path: Path) -> None:
    blocks = [[f"{number} {block} ".encode() + b"x" * 60 + b"\n" for block in range(40)] for number in range(6)]
    with (tmp_path / "stream").open("wb") as stream:
        journals = stream_journals(stream.fileno(), 6)
        assert append_in_threads(journals, blocks) == [None] * 6
        for journal in journals:
            journal.close()
    lines = (tmp_path / "stream").read_bytes().splitlines(keepends=True)
    assert sorted(lines) == sorted(block for own in blocks for block in own)
    for own, journal in zip(blocks, journals, strict=True):
        assert [line for line in lines if line in own] == own  # in the order of its journal
        assert journal.bytes == sum(map(len, own))
        assert journal.sha256 == hashlib.sha256(b"".join(own)).hexdigest()


def test_after_one_journal_of_a_stream_failed_no_other_one_appends() -> None:
    reader, writer = os.pipe()
    first, second, third = stream_journals(writer, 3)
    first.append(b"one\n")
    second.append(b"two\n")
    assert os.read(reader, 100) == b"one\ntwo\n"
    os.close(reader)
    failures = append_in_threads([first, second, third], [[b"three\n"]] * 3)
    assert [type(failure) for failure in failures] == [Interrupted] * 3
    assert len({id(failure) for failure in failures}) == 1
    assert [journal.bytes for journal in (first, second, third)] == [4, 4, 0]
    for journal in (first, second, third):
        with pytest.raises(Interrupted):
            journal.append(b"")
        journal.close()
    os.close(writer)


def test_a_failure_of_a_journal_with_turns_of_its_own_concerns_no_other_one(tmp_path: Path) -> None:
    failing, other = create(tmp_path / "a"), create(tmp_path / "b")
    with file_size_limit(10), pytest.raises(OutputError):
        failing.append(b"x" * 20)
    other.append(b"x" * 20)
    assert (tmp_path / "b").stat().st_size == 20


def test_a_turn_ends_with_a_bug_without_ending_those_of_others() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.take():
        raise ZeroDivisionError
    with turns.take():
        pass
