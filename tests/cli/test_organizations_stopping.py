"""`collector collect` for several organizations that is stopped or killed, and started again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.sandbox.deployment import Deployment
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import Sandbox, serve
from collector.snapshot.layout import SnapshotPaths
from tests.cli.test_organizations import (
    FIRST,
    INDEX,
    PARTNER,
    SECOND,
    SMALL,
    THIRD,
    check_complete,
    command,
    given,
    require_verifiable,
)
from tests.conftest import Calling, Finished, Forking, Running
from tests.support.output_oracle import check_finished, check_index, check_stopped, whole_ids
from tests.support.scripted_server import PATIENCE, free_port, hang, serving

MARK = "out/organizations.partial.run.json"
LOCK = "out/organizations.partial.lock"


@asynccontextmanager
async def served(port: int, faults: str = "", deployment: Deployment = SMALL, seed: int = 0) -> AsyncIterator[Sandbox]:
    """The deployment at the same address each time, since another address is another run."""
    async with serve(deployment, faults=Faults.parse(faults), port=port, seed=seed) as sandbox:
        yield sandbox


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0.005)


def requests_by_organization(sandbox: Sandbox) -> dict[int, int]:
    """The requests for connections, by the number of the organization."""
    entries = sandbox.log.entries()
    found = [each.target.organization + 1 for each in entries if each.target.index is not None]
    return {number: found.count(number) for number in set(found)}


async def test_a_signal_stops_every_organization_and_the_same_command_resumes_them(
    fork: Forking, call: Calling, tmp_path: Path
) -> None:
    port = free_port()
    async with served(port, "latency=30ms") as sandbox:
        options = command(sandbox.url, "--concurrency", "1", "--organizations-at-once", "2")
        running = await fork(*options, env=PARTNER)
        await until(lambda: min(requests_by_organization(sandbox).get(number, 0) for number in (1, 2)) >= 5)
        running.send(signal.SIGTERM)
        done = await running.finished()
        seen = sandbox.log.summary().total
    assert done.code == 143, done.err
    assert "Traceback" not in done.err
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 143), seen=seen)
    assert [each["status"] for each in entries.values()] == ["stopped", "stopped", "not_started"]
    first, second, _ = SMALL.inventories
    for each in (first, second):
        stopped = check_stopped(tmp_path / f"out/{each.organization_id}/c.jsonl", given(each), 143)
        assert stopped.outcomes["ok"] >= 4
    assert (tmp_path / MARK).exists()
    assert not (tmp_path / LOCK).exists()
    await require_verifiable(call, INDEX)
    assert "; 2 not complete (exit code 143), 1 not started (exit code 143); " in done.err.splitlines()[-1]
    kept = {each: whole_ids(tmp_path / f"out/{each.organization_id}/c.jsonl.partial") for each in (first, second)}
    async with served(port) as sandbox:
        done = await call(*options, env=PARTNER)
        requests = requests_by_organization(sandbox)
    assert done.code == 0, done.err
    check_complete(tmp_path, SMALL.inventories)
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    assert requests == {1: 30 - len(kept[first]), 2: 30 - len(kept[second]), 3: 30}
    assert not (tmp_path / MARK).exists()
    await require_verifiable(call, INDEX)


async def test_a_second_signal_stops_all_requests_in_flight(fork: Forking, tmp_path: Path) -> None:
    async with serve(SMALL, faults=Faults.parse("hang@connection=1")) as sandbox:
        running = await fork(*command(sandbox.url, "--concurrency", "1"), env=PARTNER)
        await until(lambda: sandbox.log.summary().per_id.ids == 3)
        running.send(signal.SIGTERM)
        await running.wait_for_stderr("finishing requests in flight")
        running.send(signal.SIGINT)
        done = await running.finished()
    assert done.code == 143, done.err
    assert done.err.count("finishing requests in flight; repeat to stop immediately") == 1
    for each in SMALL.inventories:
        check_stopped(tmp_path / f"out/{each.organization_id}/c.jsonl", given(each), 143)


async def test_a_signal_while_the_organizations_are_listed_leaves_no_file(fork: Forking, tmp_path: Path) -> None:
    async with serving(hang) as server:
        running = await fork(*command(server.url), env=PARTNER)
        await server.saw(1)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 143, done.err
    assert list((tmp_path / "out").iterdir()) == []


async def test_an_interrupted_run_keeps_the_organizations_that_it_has_completed(
    fork: Forking, call: Calling, tmp_path: Path
) -> None:
    port = free_port()
    async with served(port, "hang@connection@organization-2=1") as sandbox:
        options = command(sandbox.url, "--organizations-at-once", "1")
        running = await fork(*options, env=PARTNER)
        await until(lambda: 2 in requests_by_organization(sandbox))
        running.send(signal.SIGKILL)
        await running.finished()
    assert not (tmp_path / INDEX).exists()
    first, *others = SMALL.inventories
    check_finished(tmp_path / f"out/{FIRST}/c.jsonl", given(first), 0)
    before = (tmp_path / f"out/{FIRST}/c.manifest.json").read_bytes()
    async with served(port) as sandbox:
        done = await call(*options, env=PARTNER)
        assert requests_by_organization(sandbox) == {2: 30, 3: 30}
    assert done.code == 0, done.err
    assert f"{FIRST}: complete before the interruption: out/{FIRST}/c.jsonl" in done.err
    assert "continuing the interrupted run" in done.err
    assert (tmp_path / f"out/{FIRST}/c.manifest.json").read_bytes() == before
    check_complete(tmp_path, others)
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    assert [each["kept"] for each in entries.values()] == [True, False, False]
    assert len({each["run_id"] for each in entries.values()}) == 1
    await require_verifiable(call, INDEX)
    async with served(port) as sandbox:
        done = await call(*options, env=PARTNER)  # a run that had ended is not continued
        assert requests_by_organization(sandbox) == {1: 30, 2: 30, 3: 30}
    assert done.code == 0, done.err


async def test_never_collects_completed_organizations_again(fork: Forking, call: Calling, tmp_path: Path) -> None:
    port = free_port()
    async with served(port, "hang@connection@organization-2=1") as sandbox:
        options = command(sandbox.url, "--organizations-at-once", "1")
        running = await fork(*options, env=PARTNER)
        await until(lambda: 2 in requests_by_organization(sandbox))
        running.send(signal.SIGKILL)
        await running.finished()
    async with served(port) as sandbox:
        done = await call(*options, "--resume", "never", env=PARTNER)
        assert requests_by_organization(sandbox) == {1: 30, 2: 30, 3: 30}
    assert done.code == 0, done.err
    check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))


async def test_the_time_limit_is_that_of_all_organizations_together(call: Calling, tmp_path: Path) -> None:
    port = free_port()
    async with served(port, "503@connection@organization-2=1") as sandbox:
        options = command(sandbox.url, "--organizations-at-once", "1")
        done = await call(*options, "--max-duration", "3", env=PARTNER)
        seen = sandbox.log.summary().total
    assert done.code == 3, done.err
    entries = check_index(tmp_path / INDEX, {FIRST: 0, SECOND: 5, THIRD: 5}, seen=seen)
    assert [each["status"] for each in entries.values()] == ["complete", "stopped", "not_started"]
    assert entries[THIRD]["error"] == "--max-duration 3 s is reached"
    async with served(port) as sandbox:
        done = await call(*options, env=PARTNER)
        assert requests_by_organization(sandbox) == {2: 30, 3: 30}
    assert done.code == 0, done.err
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    assert entries[FIRST]["kept"] is True
    await require_verifiable(call, INDEX)


@pytest.mark.parametrize("path", ["out/{organization_id}/c.jsonl", "out/{date}/{organization_id}-{run_id}.jsonl.gz"])
async def test_a_path_with_every_placeholder_is_continued_under_its_run_id(
    fork: Forking, call: Calling, tmp_path: Path, path: str
) -> None:
    port = free_port()
    async with served(port, "latency=20ms") as sandbox:
        options = command(sandbox.url, "--concurrency", "1", output=path)
        running = await fork(*options, env=PARTNER)
        await until(lambda: sandbox.log.summary().per_id.ids >= 12)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 143, done.err
    assert (
        f"{SECOND}: stopped (exit code 143): interrupted by SIGTERM; rerun the same command within 24 hours" in done.err
    )
    async with served(port) as sandbox:
        done = await call(*options, env=PARTNER)
    assert done.code == 0, done.err
    assert sorted(sandbox.log.summary().by_organization) == [1, 2, 3]
    assert not list((tmp_path / "out").rglob("*partial*"))
    entries = check_index(tmp_path / INDEX, dict.fromkeys(SMALL.organization_ids, 0))
    assert sum(each["requests"]["sent"] for each in entries.values()) < 90
    await require_verifiable(call, INDEX)


def saved_ids(folder: Path, inventory: Inventory) -> set[str]:
    """The ids of an organization that the run with the mark has collected, so that it need not request them again."""
    paths = SnapshotPaths(folder / f"out/{inventory.organization_id}/c.jsonl")
    if not (folder / MARK).exists():
        return set()
    run_id = json.loads((folder / MARK).read_bytes())["run_id"]
    if paths.manifest.exists() and json.loads(paths.manifest.read_bytes())["run_id"] == run_id:
        return set(inventory.ids())
    return whole_ids(paths.partial)


def requested_ids(sandbox: Sandbox, inventory: Inventory, position: int) -> set[str]:
    known = list(inventory.ids())
    targets = [each.target for each in sandbox.log.entries()]
    return {known[each.index] for each in targets if each.organization == position and each.index is not None}


async def collect_under_kills(fork: Forking, folder: Path, deployment: Deployment, faults: str) -> Finished:
    """Kill a run at three random moments, restart it each time, and let it end the fourth time."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # shown if the test fails
    rng, kills = random.Random(seed), 0
    total = sum(len(list(each.ids())) for each in deployment.inventories)
    async with served(free_port(), faults, deployment, seed) as sandbox:
        while True:
            saved = [saved_ids(folder, each) for each in deployment.inventories]
            sandbox.log.clear()
            running = await fork(*command(sandbox.url), env=PARTNER)
            if kills < 3:
                await wait_for_random_time(rng, sandbox, running, min(total // 4, 300))
                kills += running.process.returncode is None
                running.send(signal.SIGKILL)
            await asyncio.wait_for(running.process.wait(), total)  # at 5 requests/s, longer than any other test waits
            done = await running.finished()
            assert "Traceback" not in done.err
            for position, inventory in enumerate(deployment.inventories):
                again = saved[position] & requested_ids(sandbox, inventory, position)
                assert not again, f"seed {seed}: requested again: {again}"
            if done.code != -signal.SIGKILL and kills == 3:
                return done


async def wait_for_random_time(rng: random.Random, sandbox: Sandbox, running: Running, most: int) -> None:
    """Wait for a random number of requests and a random time, or until the process has ended."""
    ended, wanted = asyncio.ensure_future(running.process.wait()), rng.randrange(most)
    await until(lambda: sandbox.log.summary().total >= wanted or ended.done(), patience=most)
    await asyncio.wait([ended], timeout=rng.random() * 0.3)


@pytest.mark.parametrize(
    "sizes", [(150, 150, 14), pytest.param((2000, 2000, 2000), marks=pytest.mark.soak)], ids=["small", "large"]
)
async def test_with_a_refused_key_a_slow_server_and_three_kills_each_id_of_the_others_is_collected_once(
    fork: Forking, call: Calling, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    deployment = Deployment(*(Inventory(size, 6, organization=number) for number, size in enumerate(sizes, start=1)))
    faults = "401@organization-2=1,rate-limit@organization-3=5,latency=uniform:1ms:40ms"
    done = await collect_under_kills(fork, tmp_path, deployment, faults)
    assert done.code == 3, done.err
    first, second, third = deployment.inventories
    check_complete(tmp_path, [first, third])
    entries = check_index(tmp_path / INDEX, dict(zip(deployment.organization_ids, (0, 4, 0), strict=True)))
    assert entries[second.organization_id]["status"] == "failed"
    assert not (tmp_path / f"out/{second.organization_id}/c.jsonl").exists()
    assert not (tmp_path / MARK).exists()
    await require_verifiable(call, INDEX, *(f"out/{each.organization_id}/c.jsonl" for each in (first, third)))
