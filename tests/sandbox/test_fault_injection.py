"""Faults, as they look from the other end of the connection."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.fault_injection import retry_after
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import FAULTS_HEADER, Sandbox, serve
from tests.sandbox.talking import Wire, got, session_to, status_of, until, until_idle, wire_to

PATHS = pytest.mark.parametrize("path", ["/api/me", "/api/connections", "/api/connection_types/s3"])


@PATHS
async def test_a_reset_is_a_reset(sandbox: Sandbox, wire: Wire, path: str) -> None:
    wire.get(path, X_Sandbox_Faults="reset=1")
    with pytest.raises(ConnectionResetError):
        await wire.reader.read()
    assert sandbox.log.summary().by_status == {0: 1}


@PATHS
async def test_a_close_leaves_not_a_byte(sandbox: Sandbox, wire: Wire, path: str) -> None:
    wire.get(path, X_Sandbox_Faults="close=1")
    assert await wire.reader.read() == b""
    assert sandbox.log.summary().by_status == {0: 1}


@PATHS
async def test_garbage_is_not_http(sandbox: Sandbox, wire: Wire, path: str) -> None:
    wire.get(path, X_Sandbox_Faults="garbage=1")
    garbage = await wire.reader.read()
    assert garbage
    assert not garbage.startswith(b"HTTP")
    assert sandbox.log.summary().by_status == {0: 1}


async def test_a_truncated_answer_announces_more_than_it_gives(sandbox: Sandbox, wire: Wire) -> None:
    wire.get("/api/me")
    full = await wire.response()
    wire.get("/api/me", X_Sandbox_Faults="truncate=1")
    head, _, body = (await wire.reader.read()).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(full.body)}".encode() in head
    assert full.body.startswith(body)
    assert 0 < len(body) < len(full.body)
    assert sandbox.log.summary().by_status == {200: 2}


async def test_a_truncated_list_ends_without_the_last_chunk(wire: Wire) -> None:
    wire.get("/api/connections", X_Sandbox_Faults="truncate=1")
    head, _, chunks = (await wire.reader.read()).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b'{"data":[' in chunks
    assert not chunks.endswith(b"0\r\n\r\n")


async def test_a_hung_request_is_not_answered_and_ends_with_its_client(
    sandbox: Sandbox, session: ClientSession
) -> None:
    async with wire_to(sandbox) as wire:
        wire.get("/api/me", X_Sandbox_Faults="hang=1")
        answer = asyncio.create_task(wire.reader.read())
        await until(lambda: sandbox.log.summary().total == 1)
        for _ in range(3):
            await got(session, "/api/me")
        assert not answer.done()
        assert ", 1 in flight" in repr(sandbox.log)
    await answer
    await until_idle(sandbox)
    assert sandbox.log.summary().by_status == {0: 1, 200: 3}


async def test_a_server_with_hung_requests_can_stop() -> None:
    async with serve(Inventory(1), faults=Faults.parse("hang=1")) as sandbox, wire_to(sandbox) as wire:
        wire.get("/api/me")
        await until(lambda: sandbox.log.summary().total == 1)
    assert sandbox.log.summary().by_status == {0: 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 499, 500, 502, 503, 504, 529, 599])
async def test_a_status_fault_is_an_api_error_of_that_status(session: ClientSession, status: int) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: f"{status}=1"}) as response:
        assert response.status == status
        assert (await response.json())["status"] == status
        assert ("Retry-After" in response.headers) == (status == 429)
        assert "Location" not in response.headers


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_says_where_to(session: ClientSession, status: int) -> None:
    faults = {FAULTS_HEADER: f"{status}=1"}
    async with session.get("/api/me", headers=faults, allow_redirects=False) as response:
        assert response.status == status
        assert response.headers["Location"] == "/login?next=/api/me"


@pytest.mark.parametrize("value", ["1", "0", "1.5", "-3", "soon: be patient", ""])
async def test_retry_after_goes_out_as_it_was_written(session: ClientSession, value: str) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: f"503=1:retry-after={value}"}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == value


async def test_retry_after_can_be_left_out_of_a_429(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "429=1:retry-after=none"}) as response:
        assert response.status == 429
        assert "Retry-After" not in response.headers


@given(st.integers(-1_000, 1_000), st.datetimes(datetime(2001, 1, 1), datetime(2200, 1, 1)))
def test_a_relative_date_is_an_http_date_that_far_from_now(seconds: int, now: datetime) -> None:
    now = now.replace(microsecond=0, tzinfo=UTC)
    header = retry_after(f"date{seconds:+}", now)
    assert header.endswith(" GMT")
    assert (parsedate_to_datetime(header) - now).total_seconds() == seconds


async def test_html_comes_with_a_200(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "html=1"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "<h1>" in await response.text()


async def test_an_empty_answer_has_no_body(session: ClientSession) -> None:
    async with session.get("/api/me", headers={FAULTS_HEADER: "empty=1"}) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_the_wrong_connection_is_whole_and_of_the_same_organization(
    session: ClientSession, inventory: Inventory
) -> None:
    id = inventory.id_at(9)
    body = await got(session, f"/api/connections/{id}", {FAULTS_HEADER: "wrong-id=1"})
    assert body["data"]["id"] != id
    assert body["data"]["organization_id"] == inventory.organization_id


async def test_an_oversize_answer_is_the_right_one_and_more_than_nine_mebibytes(
    session: ClientSession, inventory: Inventory
) -> None:
    path = f"/api/connections/{inventory.id_at(9)}"
    async with session.get(path, headers={FAULTS_HEADER: "oversize=1"}) as response:
        body = await response.read()
    assert len(body) > 9 << 20
    assert json.loads(body) == {"data": inventory.connection(9)}


async def test_a_late_answer_is_the_right_one(session: ClientSession, inventory: Inventory) -> None:
    path = f"/api/connections/{inventory.id_at(9)}"
    assert await got(session, path, {FAULTS_HEADER: "latency=1ms"}) == {"data": inventory.connection(9)}


async def test_faults_strike_before_the_key_is_looked_at(sandbox: Sandbox) -> None:
    async with session_to(sandbox, Authorization="Bearer wrong") as other_connection:
        assert await status_of(other_connection, "/api/me") == 401
        assert await status_of(other_connection, "/api/me", "503=1") == 503
        assert await status_of(other_connection, "/api/me", "wrong-id=1") == 401


async def test_every_kth_answer_on_a_connection_is_its_last_without_warning(sandbox: Sandbox) -> None:
    for _ in range(2):
        async with wire_to(sandbox) as wire:
            for _ in range(3):
                wire.get("/api/me", X_Sandbox_Faults="close-after=3")
                head = (await wire.response()).head
                assert b"connection: close" not in head.lower()
            assert await wire.reader.read() == b""
    assert sandbox.log.summary().by_status == {200: 6}


async def test_a_list_can_be_the_last_answer_too(wire: Wire) -> None:
    wire.get("/api/connections", X_Sandbox_Faults="close-after=1")
    assert (await wire.reader.read()).endswith(b"0\r\n\r\n")
