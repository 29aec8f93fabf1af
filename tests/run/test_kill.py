"""`collector collect`, killed at random times and before each call that changes the file system."""

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
async def slow_api(rng: random.Random) -> AsyncIterator[Server]:
    """Serves records of 0.6 to 300 kB, each after a random delay."""
    sizes: dict[str, int] = {}

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        size = sizes.setdefault(one, int(LARGEST ** rng.random()))
        await asyncio.sleep(rng.random() * 0.05)
        await exchange.write(response(connection(one, name="x" * size)))

    async with serving(talk) as server:
        yield server


def requested_ids(server: Server) -> list[str]:
    return [target.rpartition("/")[2] for target in server.targets]


async def collect_under_kills(start: Forking, folder: Path, suffix: str, min_kills: int, *options: str) -> None:
    """Kill and restart runs until each is complete; begin new ones until there were `min_kills` kills."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown if the test fails
    rng, kills, rounds = random.Random(seed), 0, 0
    async with slow_api(rng) as server:
        while kills < min_kills:
            rounds += 1
            requested = ids(60, first=1000 * rounds)
            output = folder / f"out-{rounds}/c.jsonl{suffix}"
            partial = output.with_name(f"{output.name}.partial")
            command = ["collect", *requested, "--base-url", server.url, "-o", str(output), "--rate", "0", *options]
            while not output.exists():
                kept = whole_ids(partial)
                server.heads.clear()
                running = await start(*command, "--concurrency", "4")
                ended = asyncio.ensure_future(running.process.wait())
                await wait_for_random_time(rng, server, ended, len(requested) - len(kept))
                if running.process.returncode is None:
                    kills += 1
                    running.send(signal.SIGKILL)
                await ended
                done = await running.finished()
                assert done.code in {0, -signal.SIGKILL}, done.err
                again = kept & set(requested_ids(server))
                assert not again, f"seed {seed}: requested again: {again}"
            if list(output.parent.glob("*.partial.run.json")) or not output.with_name("c.manifest.json").exists():
                done = await (await start(*command)).finished()  # the last kill interrupted the publication
                assert done.code == 0, done.err
            output.with_name("c.partial.lock").unlink(
                missing_ok=True
            )  # left by a run that was killed after its publication
            assert (await (await start("verify", str(output))).finished()).code == 0
            result = check_finished(output, Given(requested), 0)
            assert "input" not in options or list(result.records) == requested


async def wait_for_random_time(rng: random.Random, server: Server, ended: asyncio.Future[int], expected: int) -> None:
    """Wait for a random number of requests and a random time, or until the process has ended."""
    requests = rng.randrange(int(1.1 * expected) + 2)
    while server.requests < requests and not ended.done():  # noqa: ASYNC110  # no event to wait for
        await asyncio.sleep(0.005)
    await asyncio.wait([ended], timeout=rng.random() * (0.1 if requests else 1.0))


@pytest.mark.parametrize("suffix", ["", *(pytest.param(suffix, marks=pytest.mark.soak) for suffix in SUFFIXES[1:])])
async def test_a_run_killed_at_any_time_loses_no_record_and_repeats_no_request(
    fork: Forking, tmp_path: Path, suffix: str
) -> None:
    await collect_under_kills(fork, tmp_path, suffix, 4)


async def test_a_run_killed_at_any_time_resumes_in_the_order_and_form_of_its_records(
    fork: Forking, tmp_path: Path
) -> None:
    options = ("--order", "input", "--configuration-as", "string", "--timestamps", "strict")
    await collect_under_kills(fork, tmp_path, "", 4, *options)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_run_survives_two_hundred_kills(start: Starting, tmp_path: Path, suffix: str) -> None:
    await collect_under_kills(start, tmp_path, suffix, 70)


async def kill_before_each(call: Calling, folder: Path, name: str, suffix: str) -> int:
    """Kill one run before its first such call, the next before its second, and so on; return the number of calls."""
    requested, fired = ids(50), 0
    async with slow_api(random.Random(1)) as server:
        while True:
            output = folder / f"out-{fired}/c.jsonl{suffix}"
            partial, log = output.with_name(f"{output.name}.partial"), folder / f"strace-{fired}"
            output.parent.mkdir()
            partial.touch(0o600)
            command = ["collect", *requested, "--base-url", server.url, "-o", str(output), "--rate", "0"]
            fault = Fault(name, "signal=KILL", fired + 1, partial if name == "write" else None)
            killed = await call(*command, under=fault.command(log))
            if not fault.count(log):
                assert killed.code == 0, killed.err
                check_finished(output, Given(requested), 0)
                return fired
            assert killed.code == -signal.SIGKILL
            fired += 1
            kept, is_over = whole_ids(partial), output.exists() and not (output.parent / "c.partial.run.json").exists()
            server.heads.clear()
            done = await call(*command)
            assert done.code == 0, done.err
            check_finished(output, Given(requested), 0)
            assert is_over or not kept & set(requested_ids(server))


@needs_strace
@pytest.mark.parametrize("name", ["fdatasync", "/^rename"])
async def test_a_run_killed_before_any_sync_or_rename_resumes(call: Calling, tmp_path: Path, name: str) -> None:
    assert await kill_before_each(call, tmp_path, name, "") >= 3


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["write", "fdatasync", "fsync", "/^rename", "/^unlink", "flock"])
async def test_a_run_killed_before_any_system_call_resumes(
    call: Calling, tmp_path: Path, name: str, suffix: str
) -> None:
    assert await kill_before_each(call, tmp_path, name, suffix) >= 1


@needs_strace
@pytest.mark.parametrize(
    ("suffix", "call_before"),
    [
        *[("", "ftruncate"), ("", "fdatasync"), (".gz", "ftruncate"), (".zst", "ftruncate")],
        *(pytest.param(suffix, "fdatasync", marks=pytest.mark.soak) for suffix in SUFFIXES[1:]),
    ],
)
async def test_a_run_killed_before_it_truncated_a_torn_tail_or_synced_the_truncation_resumes(
    fork: Forking, call: Calling, tmp_path: Path, suffix: str, call_before: str
) -> None:
    requested, output = ids(30), tmp_path / f"c.jsonl{suffix}"
    partial = output.with_name(f"{output.name}.partial")
    async with slow_api(random.Random(1)) as server:
        command = ["collect", *requested, "--base-url", server.url, "-o", str(output), "--rate", "20"]
        running = await fork(*command)
        async with asyncio.timeout(PATIENCE):
            while not whole_ids(partial):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.01)
        running.send(signal.SIGKILL)
        await running.finished()
        with partial.open("ab") as file:
            file.write(partial.read_bytes()[:50])
        kept = whole_ids(partial)
        server.heads.clear()
        fault = Fault(call_before, "signal=KILL", 1, partial)
        killed = await call(*command, under=fault.command(tmp_path / "strace"))
        assert (killed.code, fault.count(tmp_path / "strace")) == (-signal.SIGKILL, 1)
        (tmp_path / "strace").unlink()
        done = await call(*command)
    assert done.code == 0, done.err
    assert not kept & set(requested_ids(server))
    check_finished(output, Given(requested), 0)
