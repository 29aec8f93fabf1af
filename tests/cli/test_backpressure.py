"""Backpressure: `collector collect` sends no more requests than a slow, stopped or closed reader takes records."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.conftest import Starting
from tests.run.test_memory import MEGABYTE, resident
from tests.support.scripted_server import PATIENCE, Exchange, Server, connection, found, ids, response, serving

CONCURRENCY = 8
LIMITS = ("--rate", "0", "--concurrency", f"{CONCURRENCY}")
SIZE = 6000


async def sized(exchange: Exchange) -> None:
    """Reply with a connection whose line has about `SIZE` bytes."""
    one = exchange.target.rpartition("/")[2]
    await exchange.write(response(connection(one, name="x" * SIZE)))


async def steady(count: Callable[[], int]) -> int:
    """Wait until the count stops changing, and return it."""
    async with asyncio.timeout(PATIENCE):
        last, now = -1, count()
        while last < now or not now:
            last = now
            await asyncio.sleep(1)
            now = count()
    return now


def ahead(server: Server, read: bytes | bytearray, pipe: int) -> int:
    """The number of requested records beyond those that were read or fit into the pipe."""
    capacity = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    return server.requests - read.count(b"\n") - (capacity // SIZE + 1)


async def test_a_stopped_reader_stops_the_requests_and_later_gets_every_line_once(start: Starting) -> None:
    wanted = ids(200)
    reader, writer = os.pipe()
    async with serving(sized) as server:
        running = await start("collect", *wanted, "--base-url", server.url, *LIMITS, stdout=writer)
        os.close(writer)
        await steady(lambda: server.requests)
        assert ahead(server, b"", reader) <= 2 * CONCURRENCY
        read = bytearray()
        while chunk := await asyncio.to_thread(os.read, reader, 1024):
            read += chunk
            assert ahead(server, read, reader) <= 2 * CONCURRENCY
        done = await running.finished()
    os.close(reader)
    assert done.code == 0, done.err
    assert sorted(json.loads(line)["id"] for line in read.splitlines()) == wanted


@pytest.mark.soak
async def test_a_reader_of_a_kilobyte_a_second_costs_no_memory(start: Starting) -> None:
    wanted = ids(2000)
    reader, writer = os.pipe()
    async with serving(sized) as server:
        running = await start("collect", *wanted, "--base-url", server.url, *LIMITS, "-q", stdout=writer)
        os.close(writer)
        await steady(lambda: server.requests)
        at_first = resident(running.process.pid)
        read = b""
        for _ in range(60):
            read += os.read(reader, 1024)
            await asyncio.sleep(1)
            assert ahead(server, read, reader) <= 2 * CONCURRENCY
            assert resident(running.process.pid) <= at_first + 2 * MEGABYTE
        os.close(reader)
        done = await running.finished()
    assert (done.code, done.err) == (141, "")


async def test_a_terminal_gets_whole_lines_and_closing_it_prints_no_traceback(start: Starting) -> None:
    wanted = ids(300)
    master, slave = os.openpty()
    async with serving(found) as server:
        running = await start("collect", *wanted, "--base-url", server.url, "--rate", "0", stdout=slave)
        os.close(slave)
        read = await asyncio.to_thread(os.read, master, 2000)
        await steady(lambda: server.requests)
        os.close(master)
        done = await running.finished()
    assert done.code == 6, done.err
    assert "standard output" in done.err
    assert "Traceback" not in done.err
    assert json.loads(read.split(b"\r\n")[0])["id"] in wanted


async def test_a_signal_ends_a_run_whose_reader_has_stopped(start: Starting) -> None:
    reader, writer = os.pipe()
    async with serving(sized) as server:
        running = await start("collect", *ids(400), "--base-url", server.url, *LIMITS, stdout=writer)
        os.close(writer)
        await steady(lambda: server.requests)
        running.send(signal.SIGTERM)
        await running.wait_for_stderr("the operating system does not respond")
        done = await running.finished()
    read = os.read(reader, 1 << 20)
    os.close(reader)
    assert done.code == 143, done.err
    lines = read.split(b"\n")[:-1]
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) > 0
