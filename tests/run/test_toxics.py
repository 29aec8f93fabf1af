"""A whole run over a network with toxics in it: every id once, and an account that agrees with the server's."""

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
    Proxy,
    Toxic,
    Toxin,
    Way,
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

WANTED = ids(500)

BEARABLE: dict[str, Toxic] = {
    "latency": latency(0.02),
    "jitter": latency(0.02, jitter=0.02),
    "bandwidth": bandwidth(100_000),
    "slow close": slow_close(0.2),
    "slicer": slicer(100, variation=90, every=0.001),
    "limit of some messages": limit(4_000),
}
DEADLY: dict[str, Toxic] = {
    "down": down,
    "timeout": timeout(0.1),
    "reset": reset(),
    "late reset": reset(0.05),
    "limit within the first message": limit(100),
}
"""What lets no request through where it strikes."""

AT_ONCE = {
    *(("jitter", Way.UP, 0.5), ("bandwidth", Way.DOWN, 1.0), ("slicer", Way.DOWN, 1.0), ("slow close", Way.UP, 1.0)),
    *(("limit of some messages", Way.DOWN, 1.0), ("down", Way.UP, 0.5), ("timeout", Way.DOWN, 0.5)),
    *(("reset", Way.DOWN, 0.5), ("reset", Way.DOWN, 1.0)),
}
"""The few that `make test` tries; the others take long together."""


def cases(toxics: dict[str, Toxic], *toxicities: float) -> Iterator[Any]:
    for name, toxic in toxics.items():
        for way in Way:
            for toxicity in toxicities:
                marks = () if (name, way, toxicity) in AT_ONCE else (pytest.mark.soak,)
                yield pytest.param(Toxin(toxic, way, toxicity), id=f"{name}, {way}, {toxicity:.0%}", marks=marks)


def settings_for(proxy: Proxy, folder: Path, *, max_duration: float | None = None) -> Settings:
    return Settings(
        api=Api(base_url=proxy.url),
        limits=Limits(rate=0, concurrency=16, max_duration=max_duration),
        retry=Retry(max_attempts=8),
        output=Output(path=str(folder / "out/c.jsonl")),
    )


@pytest.mark.parametrize("toxin", [*cases(BEARABLE, 0.5, 1.0), *cases(DEADLY, 0.5)])
async def test_over_a_bad_network_every_id_is_collected_once_and_counted_as_the_server_saw_it(
    toxin: Toxin, tmp_path: Path
) -> None:
    async with serving(ending_after(20, found)) as server, proxied(server.url, toxin, seed=7) as proxy:
        code = await collect_in_process(WANTED, settings_for(proxy, tmp_path))
    result = check_finished(tmp_path / "out/c.jsonl", Given(WANTED), code, seen=Seen(server.requests))
    assert code in (ExitCode.OK, ExitCode.INCOMPLETE)  # by bad luck alone an id may meet eight bad connections
    assert len(result.records) > len(WANTED) * 0.9
    assert proxy.spoiled == proxy.connections if toxin.toxicity == 1 else 0 < proxy.spoiled < proxy.connections


@pytest.mark.parametrize("toxin", [*cases(DEADLY, 1.0)])
async def test_where_nothing_gets_through_the_run_stops_and_says_so_of_every_id(toxin: Toxin, tmp_path: Path) -> None:
    async with serving(ending_after(20, found)) as server, proxied(server.url, toxin, seed=7) as proxy:
        code = await collect_in_process(WANTED, settings_for(proxy, tmp_path, max_duration=1.5))
    assert code == ExitCode.STOPPED
    result = check_stopped(tmp_path / "out/c.jsonl", Given(WANTED), code, seen=Seen(server.requests))
    assert result.records == {}
    assert result.outcomes["not_attempted"] > 0


# The toxics themselves.


async def passed_by(toxic: Toxic, way: Way, message: bytes) -> list[bytes]:
    """What comes back through a proxy, piece by piece, from a server that echoes and then closes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            writer.write(await reader.readexactly(len(message)))
        writer.close()

    listener = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, proxied(f"http://127.0.0.1:{port}", Toxin(toxic, way)) as proxy:
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


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("toxic", [clean, *BEARABLE.values()], ids=["none", *BEARABLE])
async def test_what_comes_through_is_what_was_sent(toxic: Toxic, way: Way) -> None:
    assert b"".join(await passed_by(toxic, way, bytes(range(256)) * 10)) == bytes(range(256)) * 10


async def test_a_limit_lets_exactly_so_many_bytes_through() -> None:
    assert b"".join(await passed_by(limit(7), Way.DOWN, b"x" * 100)) == b"x" * 7
    assert await passed_by(limit(7), Way.UP, b"x" * 100) == []


async def test_slices_come_one_by_one() -> None:
    pieces = await passed_by(slicer(10, every=0.01), Way.DOWN, b"x" * 100)
    assert len(pieces) > 1
    assert {len(piece) % 10 for piece in pieces} == {0}


@pytest.mark.parametrize("way", list(Way))
async def test_down_and_a_time_out_close_and_a_reset_resets(way: Way) -> None:
    assert await passed_by(down, way, b"x" * 100) == []
    assert await passed_by(timeout(0.01), way, b"x" * 100) == []
    with pytest.raises(ConnectionResetError):
        await passed_by(reset(), way, b"x" * 100)
