"""An append-only file of whole blocks."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.model.errors import ExitCode, Interrupted, OutputError
from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.journal import Journal


def create(path: Path, system: FileSystem | None = None) -> Journal:
    system = system or PosixFileSystem()
    return Journal(system, lambda: Files(system).create(path), str(path))


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
    written = create(path)
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
    written = create(path)
    written.append(b"one\n")
    with largest_file(10), pytest.raises(OutputError, match=f"{path}: cannot be written: ") as caught:
        written.append(b"two\n" * 10)
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert path.read_bytes() == b"one\n"
    with pytest.raises(OutputError, match="cannot be written"):
        written.append(b"three\n")  # which would fit
    written.sync()
    written.close()
    assert path.read_bytes() == b"one\n"
    assert (written.bytes, written.synced) == (4, 4)
    assert written.sha256 == hashlib.sha256(b"one\n").hexdigest()


def test_of_a_block_of_lines_that_does_not_fit_the_whole_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    written = create(path)
    with largest_file(10), pytest.raises(OutputError):
        written.append(b"one\ntwo\nthree\n", is_lines=True)
    assert path.read_bytes() == b"one\ntwo\n"
    assert written.bytes == 8
    assert written.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    written.close()


class FailingOnce(PosixFileSystem):
    """The first sync fails, every later one would succeed."""

    has_failed = False

    def fdatasync(self, descriptor: int) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EIO, "Input/output error")
        super().fdatasync(descriptor)


def test_a_sync_that_failed_is_never_tried_again_and_cuts_the_file_back(tmp_path: Path) -> None:
    path, system = tmp_path / "c.jsonl", FailingOnce()
    system.has_failed = True
    written = create(path, system)
    written.append(b"one\n")
    written.sync()
    system.has_failed = False
    written.append(b"two\n")
    for attempt in (written.sync, written.sync, lambda: written.append(b"three\n")):
        with pytest.raises(OutputError, match="Input/output error"):
            attempt()
    assert path.read_bytes() == b"one\n"
    assert (written.bytes, written.synced) == (4, 4)
    assert written.sha256 == hashlib.sha256(b"one\n").hexdigest()
    written.close()


def test_a_journal_goes_on_behind_what_a_file_already_holds(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"one\n")
    system = PosixFileSystem()
    written = Journal(
        system, lambda: Files(system).open_locked(path), str(path), size=4, digest=hashlib.sha256(b"one\n")
    )
    written.append(b"two\n")
    written.close()
    assert (written.bytes, path.read_bytes()) == (8, b"one\ntwo\n")
    assert written.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()


def test_a_full_device_is_an_output_error() -> None:
    full = Journal(PosixFileSystem(), lambda: os.open("/dev/full", os.O_WRONLY), "/dev/full")
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        full.append(b"x")
    full.close()
    assert full.bytes == 0


def test_a_pipe_nobody_reads_any_more_interrupts() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = Journal(PosixFileSystem(), lambda: writer, "standard output")
    for _ in range(2):
        with pytest.raises(Interrupted) as caught:
            pipe.append(b"x")
        assert caught.value.signum == signal.SIGPIPE
    pipe.close()


def test_the_repr_tells_the_name_and_the_size(tmp_path: Path) -> None:
    written = create(tmp_path / "x")
    written.append(b"abc")
    written.close()
    assert repr(written) == f"<Journal {tmp_path / 'x'} 3 bytes, 0 synced>"


def test_what_stood_in_a_file_that_is_not_ours_is_never_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.write_bytes(b"older")
    reader = os.open(path, os.O_RDONLY)
    with pytest.raises(OutputError):
        Journal(PosixFileSystem(), lambda: reader, "shared", is_exclusive=False).append(
            b"new"
        )  # a descriptor that cannot be written
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
    Journal(PosixFileSystem(), lambda: writer, "a pipe", is_exclusive=False).append(block)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert b"".join(received) == block
