"""The server as a whole: versions, faults by flag and by header, what is counted, start and stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Mapping

import pytest
from aiohttp import ClientSession, ServerDisconnectedError, TCPConnector

from collector.sandbox.api import SANDBOX_KEY
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import FAULTS_HEADER, Sandbox, serve
from tests.sandbox.talking import Wire, got, session_to, status_of, until, until_idle, wire_to

FOREIGN = "248df4b7-aa70-47b8-a036-33ac447e668d"


async def test_it_listens_on_the_loopback_with_the_one_key(sandbox: Sandbox) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert sandbox.key == SANDBOX_KEY == "sandbox-key"


async def test_it_can_listen_on_another_address() -> None:
    async with serve(Inventory(1), host="::1") as sandbox, session_to(sandbox) as session:
        assert sandbox.url.startswith("http://[::1]:")
        await got(session, "/api/me")


async def test_a_port_in_use_is_an_os_error_and_leaves_the_other_server_alone(
    sandbox: Sandbox, session: ClientSession
) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with serve(Inventory(1), port=port):
            pass
    await got(session, "/api/me")


async def test_after_the_block_nobody_listens() -> None:
    async with serve(Inventory(1)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_it_can_stop_while_clients_connect() -> None:
    for turns in range(6):
        async with serve(Inventory(1)) as sandbox:
            host, _, port = sandbox.url.removeprefix("http://").partition(":")
            opening = [asyncio.create_task(asyncio.open_connection(host, int(port))) for _ in range(8)]
            for _ in range(turns):
                await asyncio.sleep(0)
        for opened in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(opened, tuple):
                opened[1].close()
            else:
                assert isinstance(opened, OSError)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, "2021-05-23"),
        ({"X-Polytomic-Version": ""}, "2021-05-23"),
        ({"X-Polytomic-Version": "2025-09-18"}, "2025-09-18"),
        ({"x-polytomic-version": "2024-02-08"}, "2024-02-08"),
    ],
)
@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("/api/connections", ""),
        ("/api/me", ""),
        ("/api/nothing", ""),
        (f"/api/connections/{FOREIGN}", ""),
        ("/api/me", "500=1"),
        ("/api/me", "html=1"),
        ("/api/me", "empty=1"),
        ("/api/me", "no such fault"),
    ],
)
async def test_every_response_names_the_version_that_answers(
    session: ClientSession, path: str, faults: str, headers: Mapping[str, str], version: str
) -> None:
    async with session.get(path, headers={**headers, FAULTS_HEADER: faults}) as response:
        assert response.headers["X-Polytomic-Version"] == version
        await response.read()


async def test_a_version_that_cannot_be_a_header_is_not_echoed(wire: Wire) -> None:
    wire.get("/api/me", X_Polytomic_Version="é")
    assert b"X-Polytomic-Version: 2021-05-23" in (await wire.response()).head


async def test_a_query_is_not_part_of_the_path(session: ClientSession, inventory: Inventory) -> None:
    assert await got(session, f"/api/connections/{inventory.id_at(1)}?a=/b") == {"data": inventory.connection(1)}


async def test_other_methods_are_not_allowed(session: ClientSession) -> None:
    async with session.post("/api/connections", json={"name": "x"}) as response:
        assert response.status == 405


async def test_the_flag_sets_the_faults_of_all_requests_and_the_header_those_of_one() -> None:
    async with serve(Inventory(1), faults=Faults.parse("503=1")) as sandbox, session_to(sandbox) as session:
        async with session.get("/api/me") as response:
            assert response.status == 503
        assert await status_of(session, "/api/me", faults="429=1") == 429
        assert await status_of(session, "/api/me", faults="") == 200


async def test_faults_that_cannot_be_read_are_a_bad_request_that_says_so(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "frob=1"}) as response:
        assert response.status == 400
        assert "no fault is called 'frob'" in (await response.json())["message"]


async def test_faults_are_for_the_api_only() -> None:
    async with serve(Inventory(1), faults=Faults.parse("500=1")) as sandbox, session_to(sandbox) as session:
        async with session.get("/status.txt") as response:
            assert response.status == 404
        await got(session, "/_sandbox/requests")


async def test_the_seed_decides_which_requests_fail() -> None:
    first, again, other = [await _statuses(seed) for seed in (1, 1, 2)]
    assert first == again != other
    assert 30 < Counter(first)[500] < 70


async def _statuses(seed: int) -> list[int]:
    faults = Faults.parse("500=0.5")
    async with serve(Inventory(1), faults=faults, seed=seed) as sandbox, session_to(sandbox) as session:
        statuses = []
        for _ in range(100):
            async with session.get("/api/me") as response:
                statuses.append(response.status)
        return statuses


async def test_refused_requests_are_counted_too(sandbox: Sandbox) -> None:
    async with session_to(sandbox, Authorization="Bearer wrong") as other_connection:
        assert await status_of(other_connection, "/api/connections") == 401
    assert sandbox.log.summary().by_status == {401: 1}


async def test_as_many_requests_are_in_flight_as_clients_wait(sandbox: Sandbox) -> None:
    async with wire_to(sandbox) as one, wire_to(sandbox) as two, wire_to(sandbox) as three:
        for wire in (one, two, three):
            wire.get("/api/me", X_Sandbox_Faults="hang=1")
        await until(lambda: sandbox.log.summary().total == 3)
    await until_idle(sandbox)
    assert sandbox.log.summary().peak_in_flight == 3


async def test_a_hidden_second_attempt_of_the_client_is_counted(sandbox: Sandbox) -> None:
    async with session_to(sandbox) as session:
        with pytest.raises(ServerDisconnectedError):
            await status_of(session, "/api/me", faults="close=1")
    assert sandbox.log.summary().by_status == {0: 2}


async def test_a_thousand_concurrent_requests_are_each_answered_and_counted_once(sandbox: Sandbox) -> None:
    inventory = Inventory(500, seed=7)
    ids = list(inventory.ids()) * 2
    waiting = iter(ids)
    answered = []

    async def work(session: ClientSession) -> None:
        for id in waiting:
            answered.append((await got(session, f"/api/connections/{id}"))["data"]["id"])

    async with (
        ClientSession(
            sandbox.url,
            connector=TCPConnector(limit=16),
            headers={"Authorization": f"Bearer {sandbox.key}"},
        ) as session,
        asyncio.TaskGroup() as workers,
    ):
        for _ in range(16):
            workers.create_task(work(session))
    assert Counter(answered) == Counter(ids)
    summary = sandbox.log.summary()
    assert (summary.total, summary.by_status) == (1_000, {200: 1_000})
    assert (summary.per_id.ids, summary.per_id.max) == (500, 2)
    assert summary.peak_in_flight <= 16


async def test_while_a_list_is_read_slowly_others_are_answered() -> None:
    async with (
        serve(Inventory(40_000)) as sandbox,
        session_to(sandbox) as session,
        wire_to(sandbox) as slow,
    ):
        slow.get("/api/connections")
        await slow.reader.readuntil(b"\r\n\r\n")
        await got(session, "/api/me")
        assert sandbox.log.summary().by_status == {0: 1, 200: 1}


async def test_a_reader_who_leaves_a_list_leaves_no_trace_in_the_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with serve(Inventory(40_000)) as sandbox:
            async with wire_to(sandbox) as leaver:
                leaver.get("/api/connections")
                await leaver.reader.readuntil(b"\r\n\r\n")
            await until_idle(sandbox)
    assert caplog.records == []


async def test_pipelined_requests_are_answered_in_order(wire: Wire, inventory: Inventory) -> None:
    for index in range(3):
        wire.get(f"/api/connections/{inventory.id_at(index)}")
    for index in range(3):
        assert inventory.id_at(index).encode() in (await wire.response()).body
