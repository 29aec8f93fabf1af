"""Faults as a client observes them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest
from aiohttp import ClientPayloadError, ClientSession
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from collector.sandbox.deployment import Deployment
from collector.sandbox.fault_injection import retry_after_header
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import FAULTS_HEADER, Sandbox, serve
from tests.sandbox.client import (
    TIMEOUT_SECONDS,
    RawConnection,
    get_json,
    get_status,
    open_raw,
    open_session,
    wait_until,
    wait_until_idle,
)

PATHS = pytest.mark.parametrize("path", ["/api/me", "/api/connections", "/api/connection_types/s3"])


@PATHS
async def test_a_reset_fault_resets_the_connection(sandbox: Sandbox, raw: RawConnection, path: str) -> None:
    raw.get(path, X_Sandbox_Faults="reset=1")
    with pytest.raises(ConnectionResetError):
        await raw.reader.read()
    assert sandbox.log.summary().by_status == {0: 1}


@PATHS
async def test_a_close_fault_closes_the_connection_without_a_byte(
    sandbox: Sandbox, raw: RawConnection, path: str
) -> None:
    raw.get(path, X_Sandbox_Faults="close=1")
    assert await raw.reader.read() == b""
    assert sandbox.log.summary().by_status == {0: 1}


@PATHS
async def test_a_garbage_fault_sends_bytes_that_are_not_http(sandbox: Sandbox, raw: RawConnection, path: str) -> None:
    raw.get(path, X_Sandbox_Faults="garbage=1")
    garbage = await raw.reader.read()
    assert garbage
    assert not garbage.startswith(b"HTTP")
    assert sandbox.log.summary().by_status == {0: 1}


async def test_a_truncated_reply_is_shorter_than_its_announced_length(sandbox: Sandbox, raw: RawConnection) -> None:
    raw.get("/api/me")
    full = await raw.response()
    raw.get("/api/me", X_Sandbox_Faults="truncate=1")
    head, _, body = (await raw.reader.read()).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(full.body)}".encode() in head
    assert full.body.startswith(body)
    assert 0 < len(body) < len(full.body)
    assert sandbox.log.summary().by_status == {200: 2}


async def test_a_truncated_list_ends_without_the_final_chunk(raw: RawConnection) -> None:
    raw.get("/api/connections", X_Sandbox_Faults="truncate=1")
    head, _, chunks = (await raw.reader.read()).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b'{"data":[' in chunks
    assert not chunks.endswith(b"0\r\n\r\n")


async def test_a_hung_request_gets_no_reply_and_ends_when_its_client_disconnects(
    sandbox: Sandbox, session: ClientSession
) -> None:
    async with open_raw(sandbox) as raw:
        raw.get("/api/me", X_Sandbox_Faults="hang=1")
        reply = asyncio.create_task(raw.reader.read())
        await wait_until(lambda: sandbox.log.summary().total == 1)
        for _ in range(3):
            await get_json(session, "/api/me")
        assert not reply.done()
        assert ", 1 in flight" in repr(sandbox.log)
    await reply
    await wait_until_idle(sandbox)
    assert sandbox.log.summary().by_status == {0: 1, 200: 3}


async def test_the_server_can_stop_while_requests_hang() -> None:
    async with serve(Inventory(1), faults=Faults.parse("hang=1")) as sandbox, open_raw(sandbox) as raw:
        raw.get("/api/me")
        await wait_until(lambda: sandbox.log.summary().total == 1)
    assert sandbox.log.summary().by_status == {0: 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 499, 500, 502, 503, 504, 529, 599])
async def test_a_status_fault_is_an_api_error_of_that_status(session: ClientSession, status: int) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: f"{status}=1"}) as response:
        assert response.status == status
        assert (await response.json())["status"] == status
        assert ("Retry-After" in response.headers) == (status == 429)
        assert "Location" not in response.headers


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_fault_has_a_location(session: ClientSession, status: int) -> None:
    faults = {FAULTS_HEADER: f"{status}=1"}
    async with session.get("/api/me", headers=faults, allow_redirects=False) as response:
        assert response.status == status
        assert response.headers["Location"] == "/login?next=/api/me"


@pytest.mark.parametrize("value", ["1", "0", "1.5", "-3", "soon: be patient", ""])
async def test_retry_after_is_sent_as_written(session: ClientSession, value: str) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: f"503=1:retry-after={value}"}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == value


async def test_retry_after_can_be_omitted_from_a_429(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "429=1:retry-after=none"}) as response:
        assert response.status == 429
        assert "Retry-After" not in response.headers


@given(st.integers(-1_000, 1_000), st.datetimes(datetime(2001, 1, 1), datetime(2200, 1, 1)))
def test_a_relative_date_becomes_an_http_date_at_that_offset(seconds: int, now: datetime) -> None:
    now = now.replace(microsecond=0, tzinfo=UTC)
    header = retry_after_header(f"date{seconds:+}", now)
    assert header.endswith(" GMT")
    assert (parsedate_to_datetime(header) - now).total_seconds() == seconds


async def test_an_html_fault_replies_200_with_a_web_page(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "html=1"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "<h1>" in await response.text()


async def test_an_empty_fault_replies_200_with_an_empty_body(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "empty=1"}) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_a_wrong_id_fault_replies_with_another_complete_connection_of_the_same_organization(
    session: ClientSession, inventory: Inventory
) -> None:
    id = inventory.id_at(9)
    body = await get_json(session, f"/api/connections/{id}", {FAULTS_HEADER: "wrong-id=1"})
    assert body["data"]["id"] != id
    assert body["data"]["organization_id"] == inventory.organization_id


async def test_an_oversize_reply_is_the_requested_connection_in_more_than_nine_mebibytes(
    session: ClientSession, inventory: Inventory
) -> None:
    path = f"/api/connections/{inventory.id_at(9)}"
    async with session.get(path, headers={FAULTS_HEADER: "oversize=1"}) as response:
        body = await response.read()
    assert len(body) > 9 << 20
    assert json.loads(body) == {"data": inventory.connection(9)}


async def test_a_delayed_reply_is_the_requested_connection(session: ClientSession, inventory: Inventory) -> None:
    path = f"/api/connections/{inventory.id_at(9)}"
    assert await get_json(session, path, {FAULTS_HEADER: "latency=1ms"}) == {"data": inventory.connection(9)}


async def test_faults_apply_before_the_key_is_checked(sandbox: Sandbox) -> None:
    async with open_session(sandbox, Authorization="Bearer wrong") as unauthorized:
        assert await get_status(unauthorized, "/api/me") == 401
        assert await get_status(unauthorized, "/api/me", "503=1") == 503
        assert await get_status(unauthorized, "/api/me", "wrong-id=1") == 401


async def test_close_after_closes_the_connection_after_every_kth_reply_without_announcing_it(sandbox: Sandbox) -> None:
    for _ in range(2):
        async with open_raw(sandbox) as raw:
            for _ in range(3):
                raw.get("/api/me", X_Sandbox_Faults="close-after=3")
                head = (await raw.response()).head
                assert b"connection: close" not in head.lower()
            assert await raw.reader.read() == b""
    assert sandbox.log.summary().by_status == {200: 6}


async def test_close_after_also_applies_to_a_list(raw: RawConnection) -> None:
    raw.get("/api/connections", X_Sandbox_Faults="close-after=1")
    assert (await raw.reader.read()).endswith(b"0\r\n\r\n")


SHARED_FAULTS = (
    "401@organization-2=1,429@bulk_syncs@page-2=1:times=2,truncate@models@page-1=1,403@policies=1,404@usage=1,"
    "rate-limit@organization-3=5"
)


async def test_faults_can_be_limited_to_an_organization_an_endpoint_and_a_page() -> None:
    deployment = Deployment.of_size(3, 250)
    async with serve(deployment, faults=Faults.parse(SHARED_FAULTS)) as sandbox, open_session(sandbox) as session:
        other = {"Authorization": f"Bearer {sandbox.user_keys[1]}"}
        async with session.get("/api/connections", headers=other) as response:
            assert response.status == 401
        assert await _status(session, "/api/connections") == 200
        first = await get_json(session, "/api/bulk/syncs")
        second = f"/api/bulk/syncs?page_token={quote(first['pagination']['next_page_token'], safe='')}"
        assert [await _status(session, second) for _ in range(3)] == [429, 429, 200]
        with pytest.raises(ClientPayloadError):
            await get_json(session, "/api/models")
        assert await _status(session, "/api/permissions/policies") == 403
        assert await _status(session, f"/api/connections/{deployment.inventories[0].id_at(1)}/usage") == 404


async def test_a_rate_limit_throttles_one_organization_only() -> None:
    faults = Faults.parse("rate-limit@organization-3=5")
    async with serve(Deployment.of_size(3, 1), faults=faults) as sandbox, open_session(sandbox) as session:
        last = {"Authorization": f"Bearer {sandbox.user_keys[2]}"}
        statuses = []
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while 429 not in statuses:
                async with session.get("/api/me", headers=last) as response:
                    statuses.append(response.status)
                    retry_after = response.headers.get("Retry-After")
        assert len(statuses) > 5
        assert retry_after == "1"
        assert [await _status(session, "/api/me") for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("faults", ["rate-limit=5", "500=1:times=1"])
async def test_faults_that_depend_on_earlier_requests_are_not_accepted_for_one(
    session: ClientSession, faults: str
) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: faults}) as response:
        assert response.status == 400
        assert "--faults" in (await response.json())["message"]


async def _status(session: ClientSession, path: str) -> int:
    async with session.get(URL(path, encoded=True)) as response:
        await response.read()
        return response.status
