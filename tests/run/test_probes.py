"""The probes of `collector check`: they leave no file, and no blocked call keeps the process alive."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from collector.run.output_template import OutputTemplate
from collector.run.readiness.checks.addresses import Hop
from collector.run.readiness.probes.daemon_thread import in_daemon_thread
from collector.run.readiness.probes.folder import is_held, rehearse, space_for
from collector.run.readiness.probes.network import connect_to_each, resolve
from collector.storage.filesystem import FileSystem, PosixFileSystem
from tests.support.scripted_server import PATIENCE, free_port, hang, serving

Warn = Callable[[str], None]


class Failing(PosixFileSystem):
    """A file system that refuses one call."""

    def __init__(self, warn: Warn, call: str, number: int) -> None:
        super().__init__(warn)
        self._call = call
        self._number = number

    def __getattribute__(self, name: str) -> object:
        if name == object.__getattribute__(self, "__dict__").get("_call"):

            def refuse(*_: object) -> None:
                raise OSError(self._number, os.strerror(self._number))

            return refuse
        return super().__getattribute__(name)


def failing(call: str, number: int) -> Callable[[Warn], FileSystem]:
    return lambda warn: Failing(warn, call, number)


@pytest.mark.parametrize(
    ("call", "number", "problem"),
    [
        ("open", errno.EACCES, "cannot create a file: Permission denied"),
        ("write", errno.ENOSPC, "cannot write a file: No space left on device"),
        ("fdatasync", errno.EIO, "cannot sync a file to disk: Input/output error"),
        ("rename", errno.EPERM, "cannot rename a file: Operation not permitted"),
        ("fsync_dir", errno.EIO, "cannot sync the folder to disk: Input/output error"),
    ],
)
def test_a_refused_call_is_named_and_no_file_is_left(tmp_path: Path, call: str, number: int, problem: str) -> None:
    assert rehearse(tmp_path, failing(call, number)).problem == problem
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_works_has_no_problem_and_no_new_file(tmp_path: Path) -> None:
    found = rehearse(tmp_path)
    assert (found.problem, found.probed, list(found.missing)) == ("", tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_the_nearest_existing_folder_is_probed(tmp_path: Path) -> None:
    found = rehearse(tmp_path / "a" / "b")
    assert (found.probed, found.problem) == (tmp_path, "")
    (tmp_path / "file").touch()
    assert rehearse(tmp_path / "file" / "b").problem == "cannot create a file: Not a directory"


def test_a_relative_folder_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert rehearse(Path()).probed == Path()


async def test_a_cancelled_rehearsal_removes_its_files(tmp_path: Path) -> None:
    """The disk blocks in a sync, and responds again after the cancellation."""
    blocked, release = threading.Event(), threading.Event()

    class Slow(PosixFileSystem):
        def fdatasync(self, descriptor: int) -> None:
            blocked.set()
            release.wait(PATIENCE)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_daemon_thread, lambda: rehearse(tmp_path, Slow), PATIENCE)
        while not blocked.is_set():  # noqa: ASYNC110  # an event of a thread
            await anyio.sleep(0.005)
        assert len(list(tmp_path.iterdir())) == 1
        tasks.cancel_scope.cancel()
        release.set()
    assert list(tmp_path.iterdir()) == []


async def test_a_blocked_call_ends_with_a_time_out_and_its_thread_does_not_keep_the_process_alive() -> None:
    release = threading.Event()
    before = set(threading.enumerate())
    with pytest.raises(TimeoutError):
        await in_daemon_thread(release.wait, 0.01)
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
    release.set()


async def test_the_result_and_the_exception_of_a_call_are_passed_on() -> None:
    assert await in_daemon_thread(lambda: 7, PATIENCE) == 7
    with pytest.raises(KeyError):
        await in_daemon_thread(lambda: dict[str, int]()["missing"], PATIENCE)


def test_a_lock_file_without_a_holder_is_not_held_and_stays(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "o.jsonl")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "o.partial.lock").touch()
    assert not is_held(tmp_path / "o.jsonl")
    assert (tmp_path / "o.partial.lock").exists()


def test_the_newest_snapshot_of_any_date_is_the_last_one(tmp_path: Path) -> None:
    for day, size in (("2026-01-01", 5), ("2026-01-02", 7)):
        path = tmp_path / f"{day}.jsonl"
        path.write_bytes(bytes(size))
        os.utime(path, (size, size))
    (tmp_path / "2026-01-03.errors.jsonl").write_bytes(bytes(9))
    (tmp_path / "2026-01-03.jsonl.partial").write_bytes(bytes(9))
    found = space_for(OutputTemplate(str(tmp_path / "{date}.jsonl")), tmp_path)
    assert (found.last, found.last_bytes) == (tmp_path / "2026-01-02.jsonl", 7)
    assert found.free > 0
    assert space_for(OutputTemplate(str(tmp_path / "other.jsonl")), tmp_path).last is None


async def test_each_address_is_tried_and_named_with_the_reason() -> None:
    async with serving(hang) as server:
        port = int(server.url.rpartition(":")[2])
        hop = Hop("api.example", port, is_encrypted=False)
        live, dead = await connect_to_each(hop, ["127.0.0.1", "127.0.0.2"], PATIENCE)
    assert (live.error, dead.error) == ("", "Connection refused")


async def test_an_address_resolves_to_itself_and_an_unknown_name_to_an_error() -> None:
    assert await resolve(Hop("127.0.0.1", free_port(), is_encrypted=False), PATIENCE) == ["127.0.0.1"]
    with pytest.raises(socket.gaierror):
        await resolve(Hop("no-such-host.invalid", 443, is_encrypted=True), PATIENCE)
