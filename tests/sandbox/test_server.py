"""The server as a whole: versions, faults by argument and by header, counts, start and stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Mapping

import pytest
from aiohttp import ClientSession, ServerDisconnectedError, TCPConnector

from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import FAULTS_HEADER, Sandbox, serve
from tests.sandbox.client import (
    RawConnection,
    get_json,
    get_status,
    open_raw,
    open_session,
    wait_until,
    wait_until_idle,
)

UNKNOWN_UUID = "248df4b7-aa70-47b8-a036-33ac447e668d"


async def test_it_listens_on_loopback_and_accepts_the_sandbox_key(sandbox: Sandbox) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert sandbox.key == SANDBOX_KEY == "sandbox-key"


async def test_it_can_listen_on_another_address() -> None:
    async with serve(Inventory(1), host="::1") as sandbox, open_session(sandbox) as session:
        assert sandbox.url.startswith("http://[::1]:")
        await get_json(session, "/api/me")


async def test_a_port_in_use_raises_an_os_error_and_the_other_server_keeps_running(
    sandbox: Sandbox, session: ClientSession
) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with serve(Inventory(1), port=port):
            pass
    await get_json(session, "/api/me")


async def test_the_port_is_closed_after_the_block() -> None:
    async with serve(Inventory(1)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_the_server_can_stop_while_clients_connect() -> None:
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
        ("/api/bulk/syncs", ""),
        ("/api/organizations", ""),
        ("/api/organization/users", ""),
        ("/status.txt", ""),
        ("/api/nothing", ""),
        (f"/api/connections/{UNKNOWN_UUID}", ""),
        ("/api/me", "500=1"),
        ("/api/me", "html=1"),
        ("/api/me", "empty=1"),
        ("/api/me", "no such fault"),
    ],
)
async def test_every_response_names_its_api_version(
    session: ClientSession, path: str, faults: str, headers: Mapping[str, str], version: str
) -> None:
    async with session.get(path, headers={**headers, FAULTS_HEADER: faults}) as response:
        assert response.headers["X-Polytomic-Version"] == version
        await response.read()


async def test_a_version_that_is_not_ascii_is_not_echoed(raw: RawConnection) -> None:
    raw.get("/api/me", X_Polytomic_Version="é")
    assert b"X-Polytomic-Version: 2021-05-23" in (await raw.response()).head


async def test_a_query_is_not_part_of_the_path(session: ClientSession, inventory: Inventory) -> None:
    assert await get_json(session, f"/api/connections/{inventory.id_at(1)}?a=/b") == {"data": inventory.connection(1)}


async def test_other_methods_are_not_allowed(session: ClientSession) -> None:
    async with session.post("/api/connections", json={"name": "x"}) as response:
        assert response.status == 405


async def test_the_server_has_faults_for_all_requests_and_a_header_replaces_them_for_one() -> None:
    async with serve(Inventory(1), faults=Faults.parse("503=1")) as sandbox, open_session(sandbox) as session:
        async with session.get("/api/me") as response:
            assert response.status == 503
        assert await get_status(session, "/api/me", faults="429=1") == 429
        assert await get_status(session, "/api/me", faults="") == 200


async def test_invalid_faults_are_a_bad_request_that_names_them(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "frob=1"}) as response:
        assert response.status == 400
        assert "unknown fault 'frob'" in (await response.json())["message"]


async def test_faults_apply_to_the_api_only() -> None:
    async with serve(Inventory(1), faults=Faults.parse("500=1")) as sandbox, open_session(sandbox) as session:
        async with session.get("/elsewhere") as response:
            assert response.status == 404
        async with session.get("/status.txt") as response:
            assert response.status == 200
        await get_json(session, "/_sandbox/requests")


async def test_the_status_of_the_server_is_a_text_that_needs_no_key(sandbox: Sandbox) -> None:
    async with ClientSession(sandbox.url) as session, session.get("/status.txt") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        assert await response.text() == "ok\n"
    assert sandbox.log.summary().by_endpoint == {"/status.txt": 1}


async def test_the_seed_determines_which_requests_fail() -> None:
    first, again, other = [await _statuses(seed) for seed in (1, 1, 2)]
    assert first == again != other
    assert 30 < Counter(first)[500] < 70


async def _statuses(seed: int) -> list[int]:
    faults = Faults.parse("500=0.5")
    async with serve(Inventory(1), faults=faults, seed=seed) as sandbox, open_session(sandbox) as session:
        statuses = []
        for _ in range(100):
            async with session.get("/api/me") as response:
                statuses.append(response.status)
        return statuses


async def test_unauthorized_requests_are_counted(sandbox: Sandbox) -> None:
    async with open_session(sandbox, Authorization="Bearer wrong") as unauthorized:
        assert await get_status(unauthorized, "/api/connections") == 401
    assert sandbox.log.summary().by_status == {401: 1}


async def test_waiting_requests_are_counted_as_in_flight(sandbox: Sandbox) -> None:
    async with open_raw(sandbox) as one, open_raw(sandbox) as two, open_raw(sandbox) as three:
        for raw in (one, two, three):
            raw.get("/api/me", X_Sandbox_Faults="hang=1")
        await wait_until(lambda: sandbox.log.summary().total == 3)
    await wait_until_idle(sandbox)
    assert sandbox.log.summary().peak_in_flight == 3


async def test_a_hidden_retry_of_the_client_is_counted(sandbox: Sandbox) -> None:
    async with open_session(sandbox) as session:
        with pytest.raises(ServerDisconnectedError):
            await get_status(session, "/api/me", faults="close=1")
    assert sandbox.log.summary().by_status == {0: 2}


async def test_a_thousand_concurrent_requests_are_answered_and_counted_once_each(sandbox: Sandbox) -> None:
    inventory = Inventory(500, seed=7)
    ids = list(inventory.ids()) * 2
    waiting = iter(ids)
    answered = []

    async def work(session: ClientSession) -> None:
        for id in waiting:
            answered.append((await get_json(session, f"/api/connections/{id}"))["data"]["id"])

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


async def test_other_requests_are_answered_while_a_client_reads_a_list_slowly() -> None:
    async with (
        serve(Inventory(40_000)) as sandbox,
        open_session(sandbox) as session,
        open_raw(sandbox) as slow,
    ):
        slow.get("/api/connections")
        await slow.reader.readuntil(b"\r\n\r\n")
        await get_json(session, "/api/me")
        assert sandbox.log.summary().by_status == {0: 1, 200: 1}


async def test_a_client_that_disconnects_during_a_list_causes_no_log_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with serve(Inventory(40_000)) as sandbox:
            async with open_raw(sandbox) as client:
                client.get("/api/connections")
                await client.reader.readuntil(b"\r\n\r\n")
            await wait_until_idle(sandbox)
    assert caplog.records == []


async def test_pipelined_requests_are_answered_in_order(raw: RawConnection, inventory: Inventory) -> None:
    for index in range(3):
        raw.get(f"/api/connections/{inventory.id_at(index)}")
    for index in range(3):
        assert inventory.id_at(index).encode() in (await raw.response()).body
