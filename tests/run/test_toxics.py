"""A complete run over a faulty network: every id once, and a ledger that agrees with the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from collector.model.errors import ExitCode
from collector.run.settings import Api, Limits, Output, Retry, Settings
from tests.support.in_process import collect_in_process
from tests.support.output_oracle import Given, Seen, check_finished, check_stopped
from tests.support.scripted_server import PATIENCE, ending_after, found, ids, serving
from tests.support.toxics import (
    Direction,
    Injection,
    Proxy,
    Toxic,
    bandwidth,
    clean,
    down,
    latency,
    limit,
    proxied,
    reset,
    slicer,
    slow_close,
    timeout,
)

IDS = ids(500)

HARMLESS: dict[str, Toxic] = {
    "latency": latency(0.02),
    "jitter": latency(0.02, jitter=0.02),
    "bandwidth": bandwidth(100_000),
    "slow close": slow_close(0.2),
    "slicer": slicer(100, variation=90, every=0.001),
    "limit of some messages": limit(4_000),
}
FATAL: dict[str, Toxic] = {
    "down": down,
    "timeout": timeout(0.1),
    "reset": reset(),
    "late reset": reset(0.05),
    "limit within the first message": limit(100),
}
"""Toxics that let no request of an affected connection through."""

QUICK = {
    *(
        ("jitter", Direction.UP, 0.5),
        ("bandwidth", Direction.DOWN, 1.0),
        ("slicer", Direction.DOWN, 1.0),
        ("slow close", Direction.UP, 1.0),
    ),
    *(("limit of some messages", Direction.DOWN, 1.0), ("down", Direction.UP, 0.5), ("timeout", Direction.DOWN, 0.5)),
    *(("reset", Direction.DOWN, 0.5), ("reset", Direction.DOWN, 1.0)),
}
"""The cases that `make test` runs; the full set takes too long."""


def cases(toxics: dict[str, Toxic], *toxicities: float) -> Iterator[Any]:
    for name, toxic in toxics.items():
        for direction in Direction:
            for toxicity in toxicities:
                marks = () if (name, direction, toxicity) in QUICK else (pytest.mark.soak,)
                yield pytest.param(
                    Injection(toxic, direction, toxicity), id=f"{name}, {direction}, {toxicity:.0%}", marks=marks
                )


def settings_for(proxy: Proxy, folder: Path, *, max_duration: float | None = None) -> Settings:
    return Settings(
        api=Api(base_url=proxy.url),
        limits=Limits(rate=0, concurrency=16, max_duration=max_duration),
        retry=Retry(max_attempts=8),
        output=Output(path=str(folder / "out/c.jsonl")),
    )


@pytest.mark.parametrize("injection", [*cases(HARMLESS, 0.5, 1.0), *cases(FATAL, 0.5)])
async def test_over_a_bad_network_every_id_is_collected_once_and_the_counts_match_the_server(
    injection: Injection, tmp_path: Path
) -> None:
    async with serving(ending_after(20, found)) as server, proxied(server.url, injection, seed=7) as proxy:
        code = await collect_in_process(IDS, settings_for(proxy, tmp_path))
    result = check_finished(tmp_path / "out/c.jsonl", Given(IDS), code, seen=Seen(server.requests))
    assert code in (ExitCode.OK, ExitCode.INCOMPLETE)  # an id may use eight affected connections by chance
    assert len(result.records) > len(IDS) * 0.9
    assert proxy.affected == proxy.connections if injection.toxicity == 1 else 0 < proxy.affected < proxy.connections


@pytest.mark.parametrize("injection", [*cases(FATAL, 1.0)])
async def test_over_a_dead_network_the_run_stops_and_accounts_for_every_id(
    injection: Injection, tmp_path: Path
) -> None:
    async with serving(ending_after(20, found)) as server, proxied(server.url, injection, seed=7) as proxy:
        code = await collect_in_process(IDS, settings_for(proxy, tmp_path, max_duration=1.5))
    assert code == ExitCode.STOPPED
    result = check_stopped(tmp_path / "out/c.jsonl", Given(IDS), code, seen=Seen(server.requests))
    assert result.records == {}
    assert result.outcomes["not_attempted"] > 0


# Tests of the toxics.


async def echoed_through(toxic: Toxic, direction: Direction, message: bytes) -> list[bytes]:
    """The pieces that return through the proxy from a server that echoes the message and closes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            writer.write(await reader.readexactly(len(message)))
        writer.close()

    listener = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, proxied(f"http://127.0.0.1:{port}", Injection(toxic, direction)) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.url.removeprefix("http://").split(":"))
        writer.write(message)
        pieces = []
        try:
            async with asyncio.timeout(PATIENCE):
                while piece := await reader.read(65536):
                    pieces.append(piece)
        finally:
            writer.close()
    return pieces


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("toxic", [clean, *HARMLESS.values()], ids=["none", *HARMLESS])
async def test_a_harmless_toxic_preserves_the_data(toxic: Toxic, direction: Direction) -> None:
    assert b"".join(await echoed_through(toxic, direction, bytes(range(256)) * 10)) == bytes(range(256)) * 10


async def test_a_limit_passes_exactly_its_number_of_bytes() -> None:
    assert b"".join(await echoed_through(limit(7), Direction.DOWN, b"x" * 100)) == b"x" * 7
    assert await echoed_through(limit(7), Direction.UP, b"x" * 100) == []


async def test_slices_arrive_one_by_one() -> None:
    pieces = await echoed_through(slicer(10, every=0.01), Direction.DOWN, b"x" * 100)
    assert len(pieces) > 1
    assert {len(piece) % 10 for piece in pieces} == {0}


@pytest.mark.parametrize("direction", list(Direction))
async def test_down_and_timeout_close_and_reset_resets(direction: Direction) -> None:
    assert await echoed_through(down, direction, b"x" * 100) == []
    assert await echoed_through(timeout(0.01), direction, b"x" * 100) == []
    with pytest.raises(ConnectionResetError):
        await echoed_through(reset(), direction, b"x" * 100)
