"""`collector tap`: a run that ends at any moment leaves whole messages and a valid state."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path

import pytest

from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.cli.test_tap import airbyte, config_file, kinds_of
from tests.conftest import Forking
from tests.support.singer_oracle import check_singer, whole_lines

STATE = {"bookmarks": {"connections": {"run_id": "before", "version": 5}}}
SLOW = Faults.parse("latency=uniform:1ms:20ms")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("protocol", ["singer", "airbyte"])
async def test_a_signal_ends_the_output_with_whole_messages_and_the_old_state(
    fork: Forking, tmp_path: Path, signum: signal.Signals, code: int, protocol: str
) -> None:
    (tmp_path / "state.json").write_text(json.dumps(STATE))
    async with serve(Inventory(2000, seed=3), faults=SLOW) as sandbox:
        path = config_file(tmp_path, api_key=SANDBOX_KEY, base_url=sandbox.url, rate=0, tables=["users"])
        command = ("read",) if protocol == "airbyte" else ()
        options = ("--output-format", protocol, "--config", path, "--state", "state.json")
        running = await fork("tap", *command, *options)
        async with asyncio.timeout(30):
            while sandbox.log.summary().total < 150:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)
        running.send(signum)
        done = await running.finished()
    assert done.code == code, done.err
    if protocol == "airbyte":
        assert done.out.endswith(b"\n")
        assert kinds_of(airbyte(done.out)) == ["STARTED", "RUNNING", "RECORD", "INCOMPLETE"]
        return
    singer = check_singer(done.out)
    assert (singer.active, singer.state) == (set(), STATE)
    assert 0 < len(singer.records["connections"]) < 2000


@pytest.mark.parametrize("seed", range(6))
async def test_a_run_killed_at_any_moment_leaves_valid_messages(fork: Forking, tmp_path: Path, seed: int) -> None:
    (tmp_path / "state.json").write_text(json.dumps(STATE))
    inventory = Inventory(400, seed=3)
    async with serve(inventory, faults=SLOW) as sandbox:
        tables = ["users", "policies", "usage"]
        path = config_file(tmp_path, api_key=SANDBOX_KEY, base_url=sandbox.url, rate=0, tables=tables)
        running = await fork("tap", "--config", path, "--state", "state.json")
        last = random.Random(seed).randrange(1, 780)
        async with asyncio.timeout(30):
            while sandbox.log.summary().total < last and running.process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        running.send(signal.SIGKILL)
        done = await running.finished()
    singer = check_singer(whole_lines(done.out))
    assert singer.state in (None, STATE)
    assert singer.active == set()


async def test_every_prefix_of_a_complete_run_is_valid(fork: Forking, tmp_path: Path) -> None:
    async with serve(Inventory(20, seed=3)) as sandbox:
        path = config_file(tmp_path, api_key=SANDBOX_KEY, base_url=sandbox.url, rate=0, tables=["roles"])
        done = await (await fork("tap", "--config", path)).finished()
    assert done.code == 0, done.err
    lines = done.out.splitlines(keepends=True)
    states = []
    for end in range(len(lines) + 1):
        singer = check_singer(b"".join(lines[:end]))
        states.append(singer.state)
        assert (singer.state or {}).get("bookmarks", {}).keys() in (set(), singer.active)
    assert states[-1] is not None
    assert states[-1]["bookmarks"].keys() == {"connections", "roles"}
