"""Signals before, during and after a run, also as PID 1, for which the kernel drops unhandled signals."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.cli.early_signals import install_handlers
from tests.conftest import Running, Starting
from tests.support.scripted_server import PATIENCE, hang, ids, serving

NEW_PID_1 = ("unshare", "--map-root-user", "--pid", "--fork", "--kill-child")
ENDS = pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)


def _has_namespaces() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*NEW_PID_1, "true"], check=False).returncode == 0


as_pid_1 = pytest.mark.skipif(not _has_namespaces(), reason="this system makes no PID namespace (unshare)")


async def first_of(running: Running) -> int:
    """The PID, in this namespace, of the process that is PID 1 in its own."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    async with asyncio.timeout(PATIENCE):
        while not (found := children.read_text().split()):  # noqa: ASYNC110  # a child has no event
            await asyncio.sleep(0.005)
    return int(found[0])


async def ended_by(running: Running, signum: signal.Signals) -> tuple[int, str]:
    os.kill(await first_of(running), signum)
    async with asyncio.timeout(PATIENCE / 3):
        done = await running.finished()
    return done.code, done.err


async def opened_by_a_reader(pipe: Path) -> int:
    """The writing end of a named pipe, once a process has opened it to read."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # ENXIO: no reader yet
                await asyncio.sleep(0.005)


async def blocked(pid: int) -> None:
    """Wait until a system call blocks the process.

    Python runs no handler for a signal that arrives just before the call until the call returns.
    """
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def slow_import_of(module: str, folder: Path) -> dict[str, str]:
    """An environment in which the import of a module takes 60 s and prints a line when it begins."""
    (folder / f"{module}.py").write_text(
        "import sys, time\nprint('importing', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[2])])}


@as_pid_1
@ENDS
async def test_it_ends_while_it_is_still_importing(start: Starting, tmp_path: Path, signum: signal.Signals) -> None:
    running = await start("collect", *ids(1), under=NEW_PID_1, env=slow_import_of("cyclopts", tmp_path))
    await running.wait_for_stderr("importing")
    await blocked(await first_of(running))
    assert await ended_by(running, signum) == (128 + signum, "importing\n")


@ENDS
@pytest.mark.parametrize("module", ["cyclopts", "aiohttp"])  # imported by all commands, and by this one
async def test_a_process_like_any_other_ends_by_the_signal_while_it_is_still_importing(
    start: Starting, tmp_path: Path, signum: signal.Signals, module: str
) -> None:
    running = await start("collect", *ids(1), env=slow_import_of(module, tmp_path))
    await running.wait_for_stderr("importing")
    running.send(signum)
    async with asyncio.timeout(PATIENCE):
        done = await running.finished()
    assert (done.code, done.err) == (-signum, "importing\n")


@as_pid_1
@ENDS
async def test_it_ends_while_it_waits_for_ids(start: Starting, tmp_path: Path, signum: signal.Signals) -> None:
    os.mkfifo(tmp_path / "ids")
    running = await start("collect", "--ids", "ids", "-o", "c.jsonl", under=NEW_PID_1)
    writer = await opened_by_a_reader(tmp_path / "ids")
    await blocked(await first_of(running))
    try:
        code, said = await ended_by(running, signum)
    finally:
        os.close(writer)
    assert (code, said) == (128 + signum, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids"]


@as_pid_1
@ENDS
async def test_it_ends_while_it_waits_for_a_key_and_so_does_the_key_command(
    start: Starting, tmp_path: Path, signum: signal.Signals
) -> None:
    seconds = f"61.04{signum:02}"  # other tests run beside this one
    command = f"sh -c 'echo $$ > {tmp_path}/started; exec sleep {seconds}'"
    running = await start("collect", *ids(1), "--key-command", command, "-o", "c.jsonl", under=NEW_PID_1)
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "started").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    code, _ = await ended_by(running, signum)
    assert code == 128 + signum
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if seconds.encode() in _read(path)]


@as_pid_1
@ENDS
async def test_a_run_ends_in_order_and_can_be_resumed(start: Starting, tmp_path: Path, signum: signal.Signals) -> None:
    async with serving(hang) as server:
        running = await start("collect", *ids(3), "--base-url", server.url, "-o", "c.jsonl", under=NEW_PID_1)
        await server.saw(1)
        first = await first_of(running)
        os.kill(first, signum)
        await running.wait_for_stderr("repeat to stop immediately")
        code, said = await ended_by(running, signum)
    assert code == 128 + signum, said
    assert (tmp_path / "c.partial.manifest.json").exists()


@as_pid_1
@ENDS
async def test_the_sandbox_ends_too(start: Starting, signum: signal.Signals) -> None:
    running = await start("sandbox", "--port", "0", under=NEW_PID_1)
    await running.wait_for_stderr("-o out.jsonl")
    code, _ = await ended_by(running, signum)
    assert code == (128 + signum if signum == signal.SIGHUP else 0)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


@pytest.mark.parametrize("chosen", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None], ids=["ignored", "default", "own"])
def test_a_process_other_than_pid_1_keeps_chosen_handlers(chosen: Callable[..., object]) -> None:
    """The parent can see that a signal ended it. Only the handler that Python itself installed is replaced."""
    assert os.getpid() != 1, "run the tests below an init"
    at_first = signal.signal(signal.SIGINT, chosen)
    try:
        before = {signum: signal.getsignal(signum) for signum in signal.valid_signals()}
        install_handlers()
        assert {signum: signal.getsignal(signum) for signum in signal.valid_signals()} == before
        signal.signal(signal.SIGINT, signal.default_int_handler)
        install_handlers()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, at_first)
