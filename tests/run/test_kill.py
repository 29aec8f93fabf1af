"""`collector collect`, killed: at random moments, and before each call that changes the file system."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import Calling, Forking, Starting
from tests.support.output_oracle import Given, check_finished, whole_ids
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, ids, response, serving
from tests.support.strace_faults import Fault, needs_strace

SUFFIXES = ["", ".gz", ".zst"]
SMALLEST, LARGEST = 1, 300_000


@asynccontextmanager
async def slow_api(chance: random.Random) -> AsyncIterator[Server]:
    """Records of 0.6 to 300 kB, each after a moment of its own."""
    sizes: dict[str, int] = {}

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        size = sizes.setdefault(one, int(LARGEST ** chance.random()))
        await asyncio.sleep(chance.random() * 0.05)
        await exchange.write(response(connection(one, name="x" * size)))

    async with serving(talk) as server:
        yield server


def asked(server: Server) -> list[str]:
    return [target.rpartition("/")[2] for target in server.targets]


async def collect_under_kills(start: Forking, folder: Path, suffix: str, wanted_kills: int) -> None:
    """Kill and start again until a run is done, over and over until there were so many kills."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown where a test fails
    chance, kills, rounds = random.Random(seed), 0, 0
    async with slow_api(chance) as server:
        while kills < wanted_kills:
            rounds += 1
            wanted = ids(60, first=1000 * rounds)
            output = folder / f"out-{rounds}/c.jsonl{suffix}"
            partial = output.with_name(f"{output.name}.partial")
            command = ["collect", *wanted, "--base-url", server.url, "-o", str(output), "--rate", "0"]
            while not output.exists():
                kept = whole_ids(partial)
                server.heads.clear()
                running = await start(*command, "--concurrency", "4")
                ended = asyncio.ensure_future(running.process.wait())
                await wait_for_a_moment(chance, server, ended, len(wanted) - len(kept))
                if running.process.returncode is None:
                    kills += 1
                    running.send(signal.SIGKILL)
                await ended
                done = await running.finished()
                assert done.code in {0, -signal.SIGKILL}, done.err
                again = kept & set(asked(server))
                assert not again, f"seed {seed}: asked for again: {again}"
            if list(output.parent.glob("*.partial.run.json")) or not output.with_name("c.manifest.json").exists():
                done = await (await start(*command)).finished()  # the last kill left half a publication
                assert done.code == 0, done.err
            output.with_name("c.partial.lock").unlink(missing_ok=True)  # of a run that was killed at its very end
            assert (await (await start("verify", str(output))).finished()).code == 0
            check_finished(output, Given(wanted), 0)


async def wait_for_a_moment(chance: random.Random, server: Server, ended: asyncio.Future[int], expected: int) -> None:
    """Until a random number of requests has come and a random time has passed, or the process has ended."""
    requests = chance.randrange(int(1.1 * expected) + 2)
    while server.requests < requests and not ended.done():  # noqa: ASYNC110  # has no event
        await asyncio.sleep(0.005)
    await asyncio.wait([ended], timeout=chance.random() * (0.1 if requests else 1.0))


@pytest.mark.parametrize("suffix", ["", *(pytest.param(suffix, marks=pytest.mark.soak) for suffix in SUFFIXES[1:])])
async def test_a_run_killed_at_any_moment_loses_nothing_and_repeats_nothing(
    fork: Forking, tmp_path: Path, suffix: str
) -> None:
    await collect_under_kills(fork, tmp_path, suffix, 4)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_two_hundred_kills(start: Starting, tmp_path: Path, suffix: str) -> None:
    await collect_under_kills(start, tmp_path, suffix, 70)


async def kill_before_each(call: Calling, folder: Path, name: str, suffix: str) -> int:
    """Kill a run before its first, second, … such call until it makes no more of them; returns how many there were."""
    wanted, fired = ids(50), 0
    async with slow_api(random.Random(1)) as server:
        while True:
            output = folder / f"out-{fired}/c.jsonl{suffix}"
            partial, log = output.with_name(f"{output.name}.partial"), folder / f"strace-{fired}"
            output.parent.mkdir()
            partial.touch(0o600)
            command = ["collect", *wanted, "--base-url", server.url, "-o", str(output), "--rate", "0"]
            fault = Fault(name, "signal=KILL", fired + 1, partial if name == "write" else None)
            killed = await call(*command, under=fault.command(log))
            if not fault.times(log):
                assert killed.code == 0, killed.err
                check_finished(output, Given(wanted), 0)
                return fired
            assert killed.code == -signal.SIGKILL
            fired += 1
            kept, is_over = whole_ids(partial), output.exists() and not (output.parent / "c.partial.run.json").exists()
            server.heads.clear()
            done = await call(*command)
            assert done.code == 0, done.err
            check_finished(output, Given(wanted), 0)
            assert is_over or not kept & set(asked(server))


@needs_strace
@pytest.mark.parametrize("name", ["fdatasync", "/^rename"])
async def test_a_run_killed_before_any_sync_or_rename(call: Calling, tmp_path: Path, name: str) -> None:
    assert await kill_before_each(call, tmp_path, name, "") >= 3


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["write", "fdatasync", "fsync", "/^rename", "/^unlink", "flock"])
async def test_a_run_killed_before_any_call(call: Calling, tmp_path: Path, name: str, suffix: str) -> None:
    assert await kill_before_each(call, tmp_path, name, suffix) >= 1


@needs_strace
@pytest.mark.parametrize(
    ("suffix", "call_before"),
    [
        *[("", "ftruncate"), ("", "fdatasync"), (".gz", "ftruncate"), (".zst", "ftruncate")],
        *(pytest.param(suffix, "fdatasync", marks=pytest.mark.soak) for suffix in SUFFIXES[1:]),
    ],
)
async def test_a_run_killed_before_it_has_cut_off_a_torn_tail_or_synced_that(
    fork: Forking, call: Calling, tmp_path: Path, suffix: str, call_before: str
) -> None:
    wanted, output = ids(30), tmp_path / f"c.jsonl{suffix}"
    partial = output.with_name(f"{output.name}.partial")
    async with slow_api(random.Random(1)) as server:
        command = ["collect", *wanted, "--base-url", server.url, "-o", str(output), "--rate", "20"]
        running = await fork(*command)
        async with asyncio.timeout(PATIENCE):
            while not whole_ids(partial):  # noqa: ASYNC110  # has no event
                await asyncio.sleep(0.01)
        running.send(signal.SIGKILL)
        await running.finished()
        with partial.open("ab") as file:
            file.write(partial.read_bytes()[:50])
        kept = whole_ids(partial)
        server.heads.clear()
        fault = Fault(call_before, "signal=KILL", 1, partial)
        killed = await call(*command, under=fault.command(tmp_path / "strace"))
        assert (killed.code, fault.times(tmp_path / "strace")) == (-signal.SIGKILL, 1)
        (tmp_path / "strace").unlink()
        done = await call(*command)
    assert done.code == 0, done.err
    assert not kept & set(asked(server))
    check_finished(output, Given(wanted), 0)
