"""The endpoints that report and reset the request log."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import ClientSession

from collector.sandbox.deployment import Deployment
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import Sandbox, serve
from tests.sandbox.client import get_json, get_status, open_session


async def test_requests_summarizes_the_requests_received(session: ClientSession, inventory: Inventory) -> None:
    for index in (1, 2, 1):
        await get_json(session, f"/api/connections/{inventory.id_at(index)}")
    await get_status(session, "/api/connections/x")
    await get_status(session, "/api/me", faults="503=1")
    await get_status(session, "/elsewhere")
    summary = await get_json(session, "/_sandbox/requests")
    assert 1 <= summary.pop("peak_per_second") <= 6
    assert summary == {
        "total": 6,
        "by_status": {"200": 3, "400": 1, "404": 1, "503": 1},
        "by_endpoint": {"other": 1, "/api/connections/{id}": 4, "/api/me": 1},
        "by_organization": {"1": 6},
        "peak_in_flight": 1,
        "per_id": {"ids": 2, "max": 2},
    }


async def test_the_endpoint_returns_the_same_summary_as_the_log_object(
    sandbox: Sandbox, session: ClientSession
) -> None:
    await get_json(session, "/api/me")
    summary = json.loads(json.dumps(asdict(sandbox.log.summary())))
    assert await get_json(session, "/_sandbox/requests") == summary


async def test_requests_to_the_admin_api_are_not_counted(sandbox: Sandbox, session: ClientSession) -> None:
    await get_json(session, "/_sandbox/requests")
    await get_status(session, "/_sandbox/log")
    assert await get_status(session, "/_sandbox/nothing") == 404
    assert sandbox.log.summary().total == 0


async def test_the_log_has_a_line_for_each_request_in_order(session: ClientSession, inventory: Inventory) -> None:
    paths = [f"/api/connections/{inventory.id_at(number % 500)}" for number in range(600)]
    for path in paths:
        await get_json(session, path)
    await get_status(session, "/api/me", faults="500=1")
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
    await get_json(session, "/api/me")
    async with session.delete("/_sandbox/requests") as response:
        assert response.status == 204
    assert (await get_json(session, "/_sandbox/requests"))["total"] == 0
    assert (await session.get("/_sandbox/log")).status == 200


async def test_no_key_is_needed(sandbox: Sandbox) -> None:
    async with ClientSession(sandbox.url) as session:
        await get_json(session, "/_sandbox/requests")


async def test_advance_starts_the_next_generation_of_every_organization() -> None:
    before = Deployment.of_size(2, 300, seed=7, churn=0.1)
    async with serve(before) as sandbox, open_session(sandbox) as session:
        for generation in (1, 2):
            async with session.post("/_sandbox/advance") as response:
                assert (response.status, await response.json()) == (200, {"generation": generation})
        after = Deployment.of_size(2, 300, seed=7, churn=0.1, generation=2)
        for inventory, key in zip(after.inventories, sandbox.user_keys, strict=True):
            served = await get_json(session, "/api/connections", {"Authorization": f"Bearer {key}"})
            assert served["data"] == [inventory.connection(index) for index in inventory.indexes()]
        vanished = next(id for id in before.inventories[0].ids() if after.inventories[0].index_of(id) is None)
        assert await get_status(session, f"/api/connections/{vanished}") == 404
        async with session.get("/_sandbox/log") as response:
            assert "{unknown}" in (await response.text()).splitlines()[-1]


async def test_a_request_from_before_an_advance_keeps_its_path_in_the_log() -> None:
    deployment = Deployment.of_size(1, 300, churn=0.1)
    inventory, advanced = deployment.inventories[0], deployment.advanced().inventories[0]
    vanished = next(id for id in inventory.ids() if advanced.index_of(id) is None)
    async with serve(deployment) as sandbox, open_session(sandbox) as session:
        await get_json(session, f"/api/connections/{vanished}")
        assert sandbox.advance() == 1
        async with session.get("/_sandbox/log") as response:
            assert json.loads(await response.text())["target"] == f"/api/connections/{vanished}"


async def test_advance_is_a_conflict_without_churn(session: ClientSession) -> None:
    async with session.post("/_sandbox/advance") as response:
        assert response.status == 409
        assert "--churn" in (await response.json())["message"]
