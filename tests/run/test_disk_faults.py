"""`collector collect` on a disk that fails, fills up or hangs: an honest exit, and a complete next run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Calling, Finished, Running, Starting
from tests.support.output_oracle import Given, check_finished, check_stopped, whole_ids
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, found, free_port, ids, serving
from tests.support.scripted_server import error as error_reply
from tests.support.strace_faults import Fault, needs_strace

IDS = ids(40)


def command(server: Server, output: Path) -> list[str]:
    return ["collect", *IDS, "--base-url", server.url, "-o", str(output), "--rate", "0", "--concurrency", "4"]


def check_honest(output: Path, done: Finished) -> None:
    """Check that a run ended with 6, and that the files it could still write agree with its ledger."""
    assert done.code == 6, done.err
    assert "cannot be written" in done.err or "removed or replaced" in done.err, done.err
    assert "Traceback" not in done.err
    if output.with_name("c.partial.manifest.json").exists() and not output.exists():
        check_stopped(output, Given(IDS), 6)


async def check_next_run(call: Calling, server: Server, output: Path) -> None:
    kept = whole_ids(output.with_name(f"{output.name}.partial"))
    server.heads.clear()
    done = await call(*command(server, output))
    assert done.code == 0, done.err
    check_finished(output, Given(IDS), 0)
    assert not kept & {target.rpartition("/")[2] for target in server.targets}


def existing_partial(output: Path) -> Path:
    """Create the unfinished file, since strace needs an existing path, and return it."""
    partial = output.with_name(f"{output.name}.partial")
    partial.touch(0o600)
    return partial


CALLS = ["write", "fdatasync", "fsync", "/^rename", "/^unlink", "flock", "ftruncate", "openat", "close"]
CALLS_OF_PYTHON = {
    "write",
    "openat",
    "close",
}  # Python itself makes these calls too, so inject faults only for the output's files
SAMPLE = [
    ("write", "ENOSPC", "1+"),
    ("write", "EDQUOT", "1"),
    ("fdatasync", "EIO", "3"),
    ("fdatasync", "EIO", "4"),
    ("fdatasync", "ENOSPC", "2+"),
    ("fsync", "EIO", "2+"),
    ("/^rename", "EROFS", "3+"),
    ("flock", "EIO", "1"),
    ("openat", "EIO", "2+"),
    ("close", "EIO", "1+"),
]


async def collect_with_a_fault(call: Calling, folder: Path, fault: tuple[str, str, str], suffix: str) -> bool:
    """Run with the fault, then without; return whether the fault fired."""
    name, errno, when = fault
    output, log = folder / f"c.jsonl{suffix}", folder / "strace"
    partial = existing_partial(output)
    injected = Fault(name, f"error={errno}", when, partial if name in CALLS_OF_PYTHON else None)
    async with serving(found) as server:
        done = await call(*command(server, output), under=injected.command(log))
        fired = injected.count(log)
        log.unlink(missing_ok=True)
        if fired and done.code:
            check_honest(output, done)
        else:
            assert done.code == 0, done.err
            check_finished(output, Given(IDS), 0)
        await check_next_run(call, server, output)
    return fired > 0


@needs_strace
@pytest.mark.parametrize("fault", SAMPLE, ids=str)
async def test_a_failing_disk_ends_with_6_and_the_next_run_completes_the_job(
    call: Calling, tmp_path: Path, fault: tuple[str, str, str]
) -> None:
    assert await collect_with_a_fault(call, tmp_path, fault, "")


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("errno", ["EIO", "ENOSPC", "EDQUOT", "EROFS"])
@pytest.mark.parametrize("name", CALLS)
async def test_every_system_call_may_fail_once_or_permanently(
    call: Calling, tmp_path: Path, name: str, errno: str, suffix: str
) -> None:
    for more in ("", "+"):
        number, fired = 0, True
        while fired:
            number += 1
            folder = tmp_path / f"{number}{more}"
            folder.mkdir()
            fired = await collect_with_a_fault(call, folder, (name, errno, f"{number}{more}"), suffix)
        assert number > 1 or name == "ftruncate"


@needs_strace
async def test_a_successful_sync_does_not_repair_an_earlier_failed_sync(call: Calling, tmp_path: Path) -> None:
    """Data written since the last successful sync is lost, even if a later sync succeeds."""
    output, log = tmp_path / "c.jsonl", tmp_path / "strace"
    partial = existing_partial(output)
    fault = Fault("fdatasync", "error=EIO", 1, partial)
    async with serving(found) as server:
        done = await call(*command(server, output), under=fault.command(log))
    assert fault.count(log) == 1
    assert done.code == 6, done.err
    result = check_stopped(output, Given(IDS), 6)
    assert result.outcomes == {"not_attempted": 40}


# A limit on the size of files.


async def collect_within(call: Calling, folder: Path, size: int) -> None:
    output = folder / "c.jsonl"
    folder.mkdir()
    async with serving(found) as server:
        done = await call(*command(server, output), under=["prlimit", f"--fsize={size}"])
        check_honest(output, done)
        assert all(path.stat().st_size <= size for path in folder.iterdir())
        await check_next_run(call, server, output)


LINE = len(connection(IDS[0]))


@pytest.mark.parametrize(
    "size", [0, LINE, 2 * LINE + 3, 20_000, *(pytest.param(size, marks=pytest.mark.soak) for size in (1, 300, 4096))]
)
async def test_a_file_size_limit_ends_with_6_and_keeps_every_whole_line(
    call: Calling, tmp_path: Path, size: int
) -> None:
    await collect_within(call, tmp_path / "out", size)


@pytest.mark.soak
async def test_a_file_size_limit_may_fall_anywhere(call: Calling, tmp_path: Path) -> None:
    for size in [*range(0, 1600, 13), *range(4096, 24_000, 4096)]:
        await collect_within(call, tmp_path / f"{size}", size)


# A full disk.


@pytest.fixture(params=["tmpfs", pytest.param("ext4", marks=pytest.mark.soak)])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A small, separate file system."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if request.param == "tmpfs":
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        mount = ["mount", "-o", "loop", str(image), str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip(f"no {request.param} may be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path, left: int) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        free = os.statvfs(disk)
        file.write(bytes(max(0, free.f_bfree * free.f_frsize - left)))  # root may use reserved blocks
        os.fsync(file.fileno())
    return filler


@pytest.mark.parametrize("left", [0, 4096, 12_288, 20_480, 28_672])
async def test_a_full_disk_ends_with_6_and_the_next_run_completes_the_job_once_there_is_space(
    call: Calling, small_disk: Path, left: int
) -> None:
    output = small_disk / "c.jsonl"
    filler = fill(small_disk, left)
    async with serving(found) as server:
        done = await call(*command(server, output))
        check_honest(output, done)
        filler.unlink()
        await check_next_run(call, server, output)


async def test_a_read_only_disk_ends_with_6_before_any_request(call: Calling, small_disk: Path) -> None:
    remount = await asyncio.create_subprocess_exec("mount", "-o", "remount,ro", str(small_disk))
    assert await remount.wait() == 0
    async with serving(found) as server:
        done = await call(*command(server, small_disk / "c.jsonl"))
    assert (done.code, server.requests) == (6, 0)
    assert "Read-only" in done.err


# System calls that hang.


def status(running: Running) -> dict[str, str]:
    """The fields of `/proc/PID/status` of a process."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@needs_strace
async def test_a_hanging_sync_does_not_delay_a_signal(start: Starting, call: Calling, tmp_path: Path) -> None:
    output, log = tmp_path / "c.jsonl", tmp_path / "strace"
    partial = existing_partial(output)
    fault = Fault("fdatasync", "delay_enter=90s", 1, partial)
    async with serving(found) as server:
        running = await start(*command(server, output), under=fault.command(log))
        await server.saw(len(IDS))
        async with asyncio.timeout(PATIENCE):
            while "fdatasync" not in (log.read_text() if log.exists() else ""):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.01)
        tracer = int(status(running)["TracerPid"])
        running.send(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):  # the tracer keeps the zombie process
            while not status(running)["State"].startswith("Z"):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.05)
        assert "DELAYED" not in log.read_text(), "the run waited for the sync"
        os.kill(tracer, signal.SIGKILL)
        done = await running.finished()
        assert done.code == 143, done.err
        assert "the operating system does not respond" in done.err
        await check_next_run(call, server, output)


async def test_a_hanging_name_lookup_does_not_delay_a_signal(start: Starting, tmp_path: Path) -> None:
    """A thread inside the resolver cannot be cancelled."""
    (tmp_path / "stuck").mkdir()
    (tmp_path / "stuck/sitecustomize.py").write_text(
        "import socket, sys, time\n"
        "def stuck(*_, **__):\n    print('resolving', file=sys.stderr, flush=True)\n    time.sleep(90)\n"
        "socket.getaddrinfo = stuck\n"
    )
    running = await start(
        *("collect", *IDS, "--base-url", f"http://localhost:{free_port()}", "-o", "out/c.jsonl"),
        *("--connect-timeout", "80"),
        env={"PYTHONPATH": f"{tmp_path / 'stuck'}:{Path(__file__).parents[2]}"},
    )
    await running.wait_for_stderr("resolving")
    running.send(signal.SIGTERM)
    done = await running.finished()
    assert done.code == 143, done.err
    assert check_stopped(tmp_path / "out/c.jsonl", Given(IDS), 143).outcomes == {"not_attempted": 40}


@needs_strace
@pytest.mark.parametrize("replaced", ["c.jsonl", "c.manifest.json", "c.errors.jsonl"])
@pytest.mark.parametrize("error", ["EBUSY", "EPERM"], ids=["a mount point", "an immutable file"])
async def test_a_file_that_cannot_be_replaced_leaves_a_valid_older_snapshot(
    call: Calling, tmp_path: Path, replaced: str, error: str
) -> None:
    async def all_but_one(exchange: Exchange) -> None:
        is_gone = exchange.target.endswith(IDS[0])
        await (error_reply(404, "gone") if is_gone else found)(exchange)

    output, log = tmp_path / "c.jsonl", tmp_path / "strace"
    async with serving(all_but_one) as server:
        assert (await call(*command(server, output))).code == 3
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        path = existing_partial(output) if replaced == output.name else tmp_path / replaced
        fault = Fault("/^rename", f"error={error}", "1+", path)
        done = await call(*command(server, output), under=fault.command(log))
        assert fault.count(log) == 1
        log.unlink()
        assert done.code == 6, done.err
        assert "cannot be written" in done.err
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
        assert (await call("verify", str(output))).code == 0
        server.heads.clear()
        assert (await call(*command(server, output))).code == 3
        assert not server.targets  # all records were resumed
    check_finished(output, Given(IDS), 3)
