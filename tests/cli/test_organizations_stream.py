"""`collector collect` for several organizations whose records share standard output or a pipe."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox.faults import Faults
from collector.sandbox.server import serve
from tests.cli.test_organizations import (
    FIRST,
    PARTNER,
    SECOND,
    SMALL,
    THIRD,
    command,
    lines_of,
    require_verifiable,
)
from tests.conftest import Calling, Forking, Running, Starting
from tests.support.output_oracle import RECORD_KEYS, check_index
from tests.support.scripted_server import PATIENCE, Exchange, answer, connection, ids, response, serving


def records_in(out: bytes) -> list[dict[str, Any]]:
    """The records of a stream, all of whose lines must be whole."""
    assert out.endswith(b"\n")
    records = [json.loads(line) for line in out.splitlines()]
    assert {frozenset(each) for each in records} == {frozenset(RECORD_KEYS)}
    return records


def check_all_once(records: Iterable[dict[str, Any]]) -> None:
    """Assert that each connection of the small deployment occurs once, in its own organization."""
    expected = [(each.organization_id, one) for each in SMALL.inventories for one in each.ids()]
    assert sorted((each["organization_id"], each["id"]) for each in records) == sorted(expected)


async def test_all_records_share_standard_output_without_any_other_file(call: Calling, tmp_path: Path) -> None:
    async with serve(SMALL) as sandbox:
        done = await call(*command(sandbox.url, output="-"), env=PARTNER)
    assert done.code == 0, done.err
    check_all_once(records_in(done.out))
    assert not [path for path in tmp_path.iterdir() if path.name != "home"]
    assert lines_of(done.err)[-1].startswith("3 of 3 organizations complete in ")
    assert "index" not in done.err


async def test_a_stream_may_have_an_index_and_a_file_of_errors_for_each_organization(
    call: Calling, tmp_path: Path
) -> None:
    faults = Faults.parse("404@connection@organization-2=0.3,401@organization-3=1")
    async with serve(SMALL, faults=faults, seed=5) as sandbox:
        options = ("--errors", "out/{organization_id}.errors.jsonl", "--manifest", "out/index.json")
        done = await call(*command(sandbox.url, *options, output="-"), env=PARTNER)
        seen = sandbox.log.summary().total
    assert done.code == 3, done.err
    records = records_in(done.out)
    entries = check_index(tmp_path / "out/index.json", {FIRST: 0, SECOND: 3, THIRD: 4}, seen=seen)
    errors = (tmp_path / f"out/{SECOND}.errors.jsonl").read_bytes().splitlines()
    counts = Counter(each["organization_id"] for each in records)
    assert counts == {FIRST: 30, SECOND: 30 - len(errors)}
    assert entries[SECOND]["outcomes"]["not_found"] == len(errors) > 0
    assert [each["manifest"] for each in entries.values()] == [None] * 3
    assert [file["path"] for file in entries[SECOND]["files"]] == ["-", f"{SECOND}.errors.jsonl"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.json", f"{SECOND}.errors.jsonl"}
    await require_verifiable(call, "out/index.json")


BIG = 40_000


async def big_records(exchange: Exchange) -> None:
    """Three organizations of 25 connections, whose records are larger than a pipe takes in one write."""
    names = ("a", "b", "c")
    if exchange.target == "/api/organizations":
        await answer(json.dumps({"data": [{"id": name} for name in names]}).encode())(exchange)
    elif exchange.target == "/api/connections":
        listed = [{"id": one} for one in ids(25)]
        await answer(json.dumps({"data": listed}).encode())(exchange)
    else:
        one = exchange.target.rpartition("/")[2]
        await exchange.write(response(connection(one, name="x" * BIG, organization_id=None)))


async def test_large_records_stay_whole_for_a_slow_reader(start: Starting) -> None:
    reader, writer = os.pipe()
    async with serving(big_records) as server:
        running = await start(*command(server.url, output="-"), env=PARTNER, stdout=writer)
        os.close(writer)
        read = bytearray()
        while chunk := await asyncio.to_thread(os.read, reader, 9_999):
            read += chunk
        done = await running.finished()
    os.close(reader)
    assert done.code == 0, done.err
    records = records_in(bytes(read))
    assert Counter(each["id"] for each in records) == dict.fromkeys(ids(25), 3)
    assert {len(each["name"]) for each in records} == {BIG}


async def test_a_pipe_by_name_stays_open_until_the_last_organization_has_ended(start: Starting, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with serve(SMALL) as sandbox:
        options = ("--organizations-at-once", "1")
        running = await start(*command(sandbox.url, *options, output="pipe"), env=PARTNER)
        out = await asyncio.to_thread((tmp_path / "pipe").read_bytes)
        done = await running.finished()
    assert done.code == 0, done.err
    check_all_once(records_in(out))


def handles(running: Running, signum: signal.Signals) -> bool:
    """Has the process set a handler of its own for the signal?"""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{running.process.pid}/status").read_text())
    assert caught is not None
    return bool(int(caught[1], 16) >> (signum - 1) & 1)


async def test_a_pipe_that_nobody_reads_can_be_given_up_by_a_signal(fork: Forking, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with serve(SMALL) as sandbox:
        running = await fork(*command(sandbox.url, output="pipe"), env=PARTNER)
        async with asyncio.timeout(PATIENCE):
            while not handles(running, signal.SIGTERM):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)
        running.send(signal.SIGTERM)
        done = await running.finished()
        assert sandbox.log.summary().total == 0
    assert done.code == 143, done.err


async def test_a_reader_that_has_read_enough_ends_the_command_silently(start: Starting) -> None:
    async with serving(big_records) as server:
        running = await start(*command(server.url, output="-"), env=PARTNER, through="head -c 10")
        done = await running.finished()
    assert (done.code, len(done.out)) == (141, 10), done.err
    assert done.err == ""


async def test_a_closed_standard_output_is_one_error_before_the_first_request(start: Starting) -> None:
    async with serving(big_records) as server:
        running = await start(*command(server.url, output="-"), env=PARTNER, closing=">&-")
        done = await running.finished()
        assert server.requests == 0
    assert done.code == 6
    assert done.err.count("\n") == 1
    assert "standard output is closed; name a file with -o" in done.err


async def test_a_stream_without_a_reader_ends_the_whole_run(start: Starting) -> None:
    async with serving(big_records) as server:
        options = ("--organizations-at-once", "1", "--concurrency", "1")
        running = await start(*command(server.url, *options, output="-"), env=PARTNER, through="head -n 30")
        done = await running.finished()
        lists = [target for target in server.targets if target == "/api/connections"]
    assert (done.code, done.out.count(b"\n")) == (141, 30), done.err
    assert len(lists) == 2  # the first organization has 25 connections, and the third is not begun
    assert done.err.count("\n") == 1  # the first organization is complete


async def test_a_signal_ends_the_stream_with_whole_lines(fork: Forking) -> None:
    async with serve(SMALL, faults=Faults.parse("latency=50ms")) as sandbox:
        running = await fork(*command(sandbox.url, "--concurrency", "1", output="-"), env=PARTNER)
        async with asyncio.timeout(PATIENCE):
            while sandbox.log.summary().per_id.ids < 12:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.005)
        running.send(signal.SIGTERM)
        done = await running.finished()
    assert done.code == 143, done.err
    assert len(records_in(done.out)) >= 9


@pytest.mark.soak
async def test_a_signal_ends_a_run_whose_reader_has_stopped(start: Starting) -> None:
    reader, writer = os.pipe()
    async with serving(big_records) as server:
        running = await start(*command(server.url, output="-"), env=PARTNER, stdout=writer)
        os.close(writer)
        await server.saw(12)
        running.send(signal.SIGTERM)
        done = await running.finished()
    read = os.read(reader, 1 << 20)
    os.close(reader)
    assert done.code == 143, done.err
    assert "Traceback" not in done.err
    assert records_in(read[: read.rindex(b"\n") + 1])
