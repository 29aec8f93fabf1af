"""`collector collect --order input`: records in the order of the ids, through stops, kills and resumed runs."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.cli.test_collect import SANDBOX
from tests.cli.test_list import settled
from tests.conftest import Calling, Forking
from tests.support.output_oracle import Given, check_finished, check_stopped, whole_ids
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, error, found, hang, response, serving
from tests.support.scripted_server import ids as ids_of

WANTED = random.Random(7).sample(ids_of(40), 40)
STUCK, MISSING = WANTED[10], {WANTED[5], WANTED[30]}
BEFORE = set(WANTED[:10]) - MISSING
"""The ids before the stuck one that have a record."""


class Api:
    """Replies after random delays, 404 for two ids and never for one until it is mended."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_mended = False
        self.replies = 0

    @property
    def requested(self) -> list[str]:
        return [target.rpartition("/")[2] for target in self.server.targets]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    rng = random.Random(3)

    async def talk(exchange: Exchange) -> None:
        one = exchange.target.rpartition("/")[2]
        if one == STUCK and not there.is_mended:
            await hang(exchange)
        await asyncio.sleep(rng.random() * 0.02)
        await (error(404, "gone")(exchange) if one in MISSING else exchange.write(response(connection(one))))
        there.replies += 1

    async with serving(talk) as server:
        there = Api(server)
        yield there


RUN = ("--rate", "0", "--concurrency", "50", "--order", "input")


def command(api: Api, *options: str, output: str = "out/c.jsonl") -> list[str]:
    return ["collect", *WANTED, "--base-url", api.server.url, "-o", output, *RUN, *options]


def without(*left_out: str) -> list[str]:
    return [one for one in WANTED if one not in MISSING and one not in left_out]


@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_records_and_errors_are_in_the_order_of_the_ids(
    call: Calling, api: Api, tmp_path: Path, suffix: str
) -> None:
    api.is_mended = True
    done = await call(*command(api, output=f"out/c.jsonl{suffix}"))
    assert done.code == 3, done.err
    result = check_finished(tmp_path / f"out/c.jsonl{suffix}", Given(WANTED), 3)
    assert list(result.records) == without()
    assert list(result.errors) == [one for one in WANTED if one in MISSING]
    assert result.manifest["output"]["order"] == "input"
    assert (await call("verify", f"out/c.jsonl{suffix}")).code == 0


async def test_a_stream_is_in_the_order_of_the_ids(call: Calling, api: Api) -> None:
    api.is_mended = True
    done = await call(*command(api, output="-"))
    assert [line[7:43].decode() for line in done.out.splitlines()] == without()


async def stuck_run(fork: Forking, api: Api, partial: Path, end: signal.Signals) -> None:
    """Collect until only the stuck id is missing, and end the process."""
    running = await fork(*command(api))
    async with asyncio.timeout(PATIENCE):
        while api.replies < len(WANTED) - 1 or whole_ids(partial) < BEFORE:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    await running.end(end)
    api.is_mended = True
    api.server.heads.clear()


async def test_a_stopped_run_keeps_the_records_behind_a_stuck_id_which_then_comes_last(
    fork: Forking, call: Calling, api: Api, tmp_path: Path
) -> None:
    await stuck_run(fork, api, tmp_path / "out/c.jsonl.partial", signal.SIGTERM)
    stopped = check_stopped(tmp_path / "out/c.jsonl", Given(WANTED), 143)
    assert list(stopped.records) == without(STUCK)
    done = await call(*command(api))
    assert done.code == 3, done.err
    assert set(api.requested) == {STUCK, *MISSING}
    assert list(check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 3).records) == [*without(STUCK), STUCK]


async def test_a_killed_run_resumes_in_order(fork: Forking, call: Calling, api: Api, tmp_path: Path) -> None:
    """The records that waited for the stuck id are requested again."""
    await stuck_run(fork, api, tmp_path / "out/c.jsonl.partial", signal.SIGKILL)
    assert whole_ids(tmp_path / "out/c.jsonl.partial") == BEFORE
    done = await call(*command(api))
    assert done.code == 3, done.err
    assert set(api.requested) == set(WANTED) - BEFORE
    assert list(check_finished(tmp_path / "out/c.jsonl", Given(WANTED), 3).records) == without()


async def test_two_nights_of_all_connections_differ_only_in_time_and_run(call: Calling, tmp_path: Path) -> None:
    inventory = Inventory(300, seed=4)
    async with serve(inventory) as sandbox:
        for night in ("a", "b"):
            options = ("--base-url", sandbox.url, "--rate", "0", "--order", "input", "-o", f"out/{night}/c.jsonl")
            done = await call("collect", "--all", *options, env=SANDBOX)
            assert done.code == 0, done.err
    first, second = (settled(tmp_path / f"out/{night}/c.jsonl") for night in ("a", "b"))
    assert list(first.items()) == list(second.items())
    assert list(first) == list(inventory.ids())


async def test_given_ids_from_the_list_have_no_order_of_their_own(call: Calling) -> None:
    async with serving(found) as server:
        options = ("--from-list", "--order", "input", "--base-url", server.url)
        done = await call("collect", *ids_of(2), *options)
    assert (done.code, server.targets) == (2, [])
    assert "[output] order must be completion with from_list and given ids" in done.err
