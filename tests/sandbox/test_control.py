"""The sandbox's own endpoints."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import ClientSession

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import Sandbox
from tests.sandbox.talking import got, status_of


async def test_requests_tells_what_was_asked_for(session: ClientSession, inventory: Inventory) -> None:
    for index in (1, 2, 1):
        await got(session, f"/api/connections/{inventory.id_at(index)}")
    await status_of(session, "/api/connections/x")
    await status_of(session, "/api/me", faults="503=1")
    await status_of(session, "/elsewhere")
    summary = await got(session, "/_sandbox/requests")
    assert 1 <= summary.pop("peak_per_second") <= 6
    assert summary == {
        "total": 6,
        "by_status": {"200": 3, "400": 1, "404": 1, "503": 1},
        "by_endpoint": {"other": 1, "/api/connections/{id}": 4, "/api/me": 1},
        "peak_in_flight": 1,
        "per_id": {"ids": 2, "max": 2},
    }


async def test_the_endpoint_and_the_object_tell_the_same(sandbox: Sandbox, session: ClientSession) -> None:
    await got(session, "/api/me")
    summary = json.loads(json.dumps(asdict(sandbox.log.summary())))
    assert await got(session, "/_sandbox/requests") == summary


async def test_asking_the_sandbox_itself_is_not_counted(sandbox: Sandbox, session: ClientSession) -> None:
    await got(session, "/_sandbox/requests")
    await status_of(session, "/_sandbox/log")
    assert await status_of(session, "/_sandbox/nothing") == 404
    assert sandbox.log.summary().total == 0


async def test_the_log_has_a_line_for_each_request_in_order(session: ClientSession, inventory: Inventory) -> None:
    paths = [f"/api/connections/{inventory.id_at(number % 500)}" for number in range(600)]
    for path in paths:
        await got(session, path)
    await status_of(session, "/api/me", faults="500=1")
    async with session.get("/_sandbox/log") as response:
        assert response.content_type == "application/x-ndjson"
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
    assert [line["target"] for line in lines] == [*paths, "/api/me"]
    assert [line["status"] for line in lines] == [200] * 600 + [500]
    times = [line["t"] for line in lines]
    assert times == sorted(times)
    assert times[0] >= 0


async def test_an_empty_log_has_no_lines(session: ClientSession) -> None:
    async with session.get("/_sandbox/log") as response:
        assert await response.read() == b""


async def test_the_log_can_be_reset(session: ClientSession) -> None:
    await got(session, "/api/me")
    async with session.delete("/_sandbox/requests") as response:
        assert response.status == 204
    assert (await got(session, "/_sandbox/requests"))["total"] == 0
    assert (await session.get("/_sandbox/log")).status == 200


async def test_no_key_is_needed(sandbox: Sandbox) -> None:
    async with ClientSession(sandbox.url) as anybody:
        await got(anybody, "/_sandbox/requests")
