"""`collector collect`: runs that stop early, and the files that they leave."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve
from tests.conftest import Calling, Forking
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import Exchange, by_id, error, found, hang, ids, once_set, serving


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_stops_the_run_with_whole_lines_and_an_honest_account(
    fork: Forking, tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    inventory = Inventory(2000, seed=3)
    (tmp_path / "ids.txt").write_text("".join(f"{one}\n" for one in inventory.ids()))
    async with serve(inventory, faults=Faults.parse("latency=uniform:5ms:50ms,404=0.02,500=0.02")) as sandbox:
        running = await fork(
            *("collect", "--ids", "ids.txt", "--base-url", sandbox.url, "-o", "out/c.jsonl", "--rate", "0"),
            env={"POLYTOMIC_API_KEY": SANDBOX_KEY},
        )
        async with asyncio.timeout(30):
            while sandbox.log.summary().total < 150:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)
        running.send(signum)
        done = await running.finished()
        total = sandbox.log.summary().total
    assert done.code == code, done.err
    assert done.out == b""
    assert "Traceback" not in done.err
    assert not (tmp_path / "out/c.jsonl").exists()
    assert not (tmp_path / "out/c.manifest.json").exists()
    result = check_stopped(tmp_path / "out/c.jsonl", Given(list(inventory.ids())), code, seen=Seen(total))
    assert result.outcomes["ok"] > 50
    assert result.outcomes["not_attempted"] > 0


async def test_requests_in_flight_are_drained_and_no_new_request_starts(fork: Forking, tmp_path: Path) -> None:
    release = asyncio.Event()
    async with serving(once_set(release, found)) as server:
        running = await fork(
            *("collect", *ids(50), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0", "--concurrency", "4")
        )
        await server.saw(4)
        running.send(signal.SIGTERM)
        await running.wait_for_stderr("finishing requests in flight")
        release.set()
        done = await running.finished()
    assert (done.code, server.requests) == (143, 4), done.err
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(50)), 143, seen=Seen(4))
    assert result.outcomes == {"ok": 4, "not_attempted": 46}


async def test_a_second_signal_stops_immediately(fork: Forking, tmp_path: Path) -> None:
    async with serving(by_id(dict.fromkeys(ids(4), found), hang)) as server:
        running = await fork(
            *("collect", *ids(50), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0", "--concurrency", "4")
        )
        await server.saw(8)
        running.send(signal.SIGTERM)
        await running.wait_for_stderr("finishing requests in flight")
        running.send(signal.SIGINT)
        done = await running.finished()
    assert done.code == 143, done.err
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(50)), 143, seen=Seen(8))
    assert result.outcomes == {"ok": 4, "not_attempted": 46}
    assert result.manifest["requests"]["unanswered"] == 4


async def test_a_stopped_run_leaves_an_older_snapshot_unchanged_and_is_not_mixed_into_the_next(
    fork: Forking, tmp_path: Path
) -> None:
    async with serving(found) as server:
        first = await fork("collect", *ids(3), "--base-url", server.url, "-o", "out/c.jsonl")
        assert (await first.finished()).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    async with serving(by_id({ids(3)[0]: hang}, found)) as server:
        running = await fork("collect", *ids(3), "--base-url", server.url, "-o", "out/c.jsonl")
        await server.saw(3)
        running.send(signal.SIGINT)
        await running.wait_for_stderr("finishing requests in flight")
        running.send(signal.SIGINT)
        assert (await running.finished()).code == 130
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before
    stopped = check_stopped(tmp_path / "out/c.jsonl", Given(ids(3)), 130, seen=Seen(3))
    assert stopped.outcomes == {"ok": 2, "not_attempted": 1}
    half = (tmp_path / "out/c.jsonl.partial").read_bytes()
    async with serving(found) as server:
        other = await fork("collect", *ids(3, 10), "--base-url", server.url, "-o", "out/c.jsonl")
        done = await other.finished()
    assert done.code == 0, done.err
    aside = tmp_path / f"out/c.jsonl.partial.{stopped.manifest['run_id']}"
    assert aside.name in done.err
    assert aside.read_bytes() == half
    for path in list((tmp_path / "out").iterdir()):
        if stopped.manifest["run_id"] in path.name:
            path.unlink()
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3, 10)), 0, seen=Seen(3))


async def test_a_signal_during_a_pause_ends_the_run(fork: Forking, tmp_path: Path) -> None:
    async with serving(error(429, "later", Retry_After="300")) as server:
        running = await fork("collect", *ids(5), "--base-url", server.url, "-o", "out/c.jsonl", "-v")
        await running.wait_for_stderr("pausing all requests")
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 143, done.err
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(5)), 143, seen=Seen(server.requests))
    assert result.outcomes == {"not_attempted": 5}


async def test_a_signal_while_the_list_is_read_ends_the_run(fork: Forking, tmp_path: Path) -> None:
    async with serving(hang) as server:
        running = await fork("collect", "--all", "--base-url", server.url, "-o", "out/c.jsonl")
        await server.saw(1)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 143, done.err
    assert not (tmp_path / "out/c.jsonl").exists()


async def test_a_stream_that_is_stopped_ends_with_whole_lines(fork: Forking, tmp_path: Path) -> None:
    async with serving(by_id(dict.fromkeys(ids(6), found), hang)) as server:
        running = await fork(
            *("collect", *ids(20), "--base-url", server.url, "--rate", "0", "--concurrency", "3"),
            *("--manifest", "manifest.json"),
        )
        await server.saw(9)
        running.send(signal.SIGINT)
        await running.wait_for_stderr("finishing requests in flight")
        running.send(signal.SIGINT)
        done = await running.finished()
    assert done.code == 130, done.err
    assert sorted(json.loads(line)["id"] for line in done.out.decode().splitlines()) == ids(6)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert (manifest["status"], manifest["exit_code"]) == ("stopped", 130)
    assert (manifest["account"]["outcomes"]["ok"], manifest["account"]["outcomes"]["not_attempted"]) == (6, 14)


async def test_max_duration_stops_with_5(call: Calling, tmp_path: Path) -> None:
    async with serving(found) as server:
        done = await call(
            *("collect", *ids(200), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "20"),
            *("--max-duration", "0.5"),
        )
    assert done.code == 5, done.err
    assert "--max-duration" in done.err
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(200)), 5, seen=Seen(server.requests))
    assert result.outcomes["not_attempted"] > 0


@pytest.mark.parametrize("wait", ["100000", "99999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
async def test_a_pause_longer_than_max_pause_stops_with_5_and_says_so(call: Calling, tmp_path: Path, wait: str) -> None:
    async with serving(error(429, "later", Retry_After=wait)) as server:
        done = await call(
            *("collect", *ids(20), "--base-url", server.url, "-o", "out/c.jsonl", "--concurrency", "2", "--rate", "0")
        )
    assert done.code == 5, done.err
    assert "--max-pause" in done.err
    assert server.requests <= 2
    result = check_stopped(tmp_path / "out/c.jsonl", Given(ids(20)), 5, seen=Seen(server.requests))
    assert result.outcomes == {"not_attempted": 20}


@pytest.mark.parametrize("wait", ["soon", "0", "0.05"])
async def test_a_retry_after_of_any_kind_is_survived(call: Calling, tmp_path: Path, wait: str) -> None:
    async def once(exchange: Exchange) -> None:
        await (error(429, "later", Retry_After=wait) if exchange.number == 1 else found)(exchange)

    async with serving(once) as server:
        done = await call("collect", *ids(3), "--base-url", server.url, "-o", "out/c.jsonl", "--rate", "0")
    assert done.code == 0, done.err
    seen = Seen(server.requests, {200: 3, 429: 1})
    check_finished(tmp_path / "out/c.jsonl", Given(ids(3)), 0, seen=seen)
