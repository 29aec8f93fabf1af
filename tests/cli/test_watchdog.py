"""`collector collect` while a part is blocked: stderr, a key command, a pipe, the process itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Calling, Running, Starting
from tests.support.output_oracle import Given, check_finished, whole_ids
from tests.support.scripted_server import PATIENCE, by_id, error, found, hang, ids, once_set, serving

WANTED = ids(40)


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """The writing end of a full pipe without a reader."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


async def ended(running: Running) -> int:
    """The exit code; the test fails unless the process ends."""
    async with asyncio.timeout(PATIENCE):
        return await running.process.wait()


async def test_a_stderr_without_a_reader_does_not_delay_a_signal(
    start: Starting, call: Calling, tmp_path: Path, full_pipe: int
) -> None:
    async with serving(by_id({WANTED[0]: error(500)}, found)) as server:
        command = ["collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0"]
        command += ["--max-attempts", "2"]
        running = await start(*command, "-v", stderr=full_pipe)
        await server.saw(1)
        running.send(signal.SIGTERM)
        assert await ended(running) == 143
        kept = whole_ids(tmp_path / "c.jsonl.partial")
        server.heads.clear()
        done = await call(*command)
        assert done.code == 3, done.err
        assert not kept & {target.rpartition("/")[2] for target in server.targets}
        check_finished(tmp_path / "c.jsonl", Given(WANTED), 3)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_a_silent_key_command_and_its_children(
    start: Starting, tmp_path: Path, signum: signal.Signals
) -> None:
    asks = tmp_path / "asks"
    asks.write_text("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 90 &\necho $$ $! >pids\nmv pids asked\nwait\nsleep 90\n")
    asks.chmod(0o700)
    running = await start("collect", *WANTED, "--key-command", str(asks), "-o", "c.jsonl")
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "asked").exists():  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0.01)
    running.send(signum)
    done = await running.finished()
    assert done.code == 128 + signum, done.err
    assert "the operating system does not respond" not in done.err  # a message of the watchdog after 9 s
    async with asyncio.timeout(PATIENCE):  # less than their duration; the kernel ends them asynchronously
        while any(map(is_running, (tmp_path / "asked").read_text().split())):  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0.01)
    assert not (tmp_path / "c.jsonl.partial").exists()


async def test_a_key_descriptor_without_a_writer_does_not_delay_a_signal(start: Starting, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with_pipe = ["bash", "-c", 'exec "$0" "$@" 3<>pipe']
    running = await start("collect", *WANTED, "--key-fd", "3", "-o", "c.jsonl", under=with_pipe)
    async with asyncio.timeout(PATIENCE):
        while not caught(running) & 1 << (signal.SIGTERM - 1):  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0.01)
    running.send(signal.SIGTERM)
    done = await running.finished()
    assert done.code == 143, done.err
    assert "the operating system does not respond" not in done.err


def is_running(pid: str) -> bool:
    """Does this process exist, and is it not a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_a_pipe_without_a_reader_is_waited_for_until_a_signal(start: Starting, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with serving(found) as server:
        running = await start("collect", *WANTED, "--base-url", server.url, "-o", "pipe")
        async with asyncio.timeout(PATIENCE):
            while not caught(running) & 1 << (signal.SIGTERM - 1):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.01)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert (done.code, server.requests) == (143, 0), done.err
    assert "SIGTERM" in done.err


async def test_a_pipe_whose_reader_comes_late_gets_every_line(start: Starting, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with serving(found) as server:
        running = await start("collect", *WANTED, "--base-url", server.url, "-o", "pipe", "--rate", "0")
        async with asyncio.timeout(PATIENCE):
            while not caught(running) & 1 << (signal.SIGTERM - 1):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.01)
        content = await asyncio.to_thread((tmp_path / "pipe").read_bytes)
        done = await running.finished()
    assert done.code == 0, done.err
    assert content.count(b"\n") == len(WANTED)


def caught(running: Running) -> int:
    """The signals that a process handles, as a bit mask."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)


@pytest.mark.parametrize(
    ("signum", "under"),
    [(signal.SIGHUP, ["nohup"]), (signal.SIGINT, ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"])],
    ids=["SIGHUP", "SIGINT"],
)
async def test_a_signal_that_the_parent_ignores_is_ignored(
    start: Starting, tmp_path: Path, signum: signal.Signals, under: list[str]
) -> None:
    release = asyncio.Event()
    async with serving(once_set(release, found)) as server:
        running = await start(
            *("collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0"), under=under
        )
        await server.saw(1)
        running.send(signum)
        release.set()
        done = await running.finished()
    assert done.code == 0, done.err
    check_finished(tmp_path / "c.jsonl", Given(WANTED), 0)


async def stopped_for(start: Starting, folder: Path, seconds: float) -> None:
    """Suspend the process for `seconds` in the middle of a run."""
    async with serving(found) as server:
        running = await start("collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "--rate", "40")
        await server.saw(10)
        running.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        running.send(signal.SIGCONT)
        done = await running.finished()
    assert done.code == 0, done.err
    check_finished(folder / "c.jsonl", Given(WANTED), 0)


async def test_a_process_that_is_suspended_and_continued_finishes(start: Starting, tmp_path: Path) -> None:
    await stopped_for(start, tmp_path, 1)


@pytest.mark.soak
async def test_a_process_that_is_suspended_for_a_minute_finishes(start: Starting, tmp_path: Path) -> None:
    await stopped_for(start, tmp_path, 65)


@pytest.mark.soak
async def test_a_suspended_process_with_a_pending_signal_ends_once_continued(start: Starting, tmp_path: Path) -> None:
    async with serving(hang) as server:
        running = await start("collect", *WANTED, "--base-url", server.url, "-o", "c.jsonl", "--rate", "0")
        await server.saw(1)
        running.send(signal.SIGSTOP)
        running.send(signal.SIGTERM)
        await asyncio.sleep(15)
        running.send(signal.SIGCONT)
        done = await running.finished()
    assert done.code == 143, done.err
