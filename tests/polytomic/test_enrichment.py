"""A side table is read in all its pages, or for all its connections; its failures are values."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.client.transport.aiohttp_transport import Timeouts, Transport
from collector.model.errors import KeyRefused, OutputError
from collector.model.ledger import RequestCount
from collector.model.side_tables import SIDE_TABLES, Row, TableEnd, TableStatus
from collector.polytomic.enrichment import TableReader
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber
from collector.run.assembly import SYSTEM_CLOCK
from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.faults import Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import READER_KEY
from collector.sandbox.members import policies, roles, users
from collector.sandbox.pagination import Page
from collector.sandbox.server import serve
from collector.sandbox.syncs import Syncs
from tests.conftest import KEY
from tests.support.clock import Clock
from tests.support.governor_harness import make_client, make_governor
from tests.support.scripted_server import (
    Exchange,
    Scenario,
    Server,
    answer,
    error,
    hang,
    ids,
    in_turn,
    response,
    serving,
)

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
PAGED = {"bulk_syncs": Endpoint.BULK_SYNCS, "model_syncs": Endpoint.MODEL_SYNCS, "models": Endpoint.MODELS}
COMPLETE, UNAVAILABLE, PARTIAL = TableStatus.COMPLETE, TableStatus.UNAVAILABLE, TableStatus.PARTIAL


@dataclass
class Reading:
    """A reader in front of a server, and the rows that it has put."""

    reader: TableReader
    rows: list[Row] = field(default_factory=list)

    async def put(self, row: Row) -> None:
        await asyncio.sleep(0)
        self.rows.append(row)

    async def read(self, name: str, connection_ids: Iterable[str] = (), *, workers: int = 4) -> TableEnd:
        self.rows.clear()
        return await self.reader.read(
            SIDE_TABLES[name], self.put, connection_ids, workers=workers, organization_id=ORGANIZATION
        )

    @property
    def ids(self) -> list[str]:
        return [row.get("id") or row["connection_id"] for row in self.rows]


@asynccontextmanager
async def reading(url: str, key: str = KEY) -> AsyncIterator[Reading]:
    """A reader of this server, whose waits take no time."""
    headers = {"Authorization": f"Bearer {key}", "X-Polytomic-Version": "2025-09-18"}
    count = RequestCount()
    transport = Transport(url, headers, connections=8, timeouts=Timeouts(), count=count, clock=SYSTEM_CLOCK)
    async with transport.opened():
        client = make_client(transport.send, make_governor(), Clock(), count)
        yield Reading(TableReader(client, Scrubber([key]), Redactor(), "run-1", clock=SYSTEM_CLOCK))


@asynccontextmanager
async def scripted(scenario: Scenario) -> AsyncIterator[tuple[Reading, Server]]:
    async with serving(scenario) as server, reading(server.url) as found:
        yield found, server


def page(*items: Any, token: Any = None, **more: Any) -> Scenario:
    """Answer with one page."""
    pagination = {} if token is None else {"next_page_token": token}
    return answer(json.dumps({"data": list(items), "pagination": pagination, **more}).encode())


def model(number: int, **more: Any) -> dict[str, Any]:
    return {"id": ids(1, number)[0], "name": f"Model {number}", **more}


def by_connection(special: dict[str, Scenario], otherwise: Scenario) -> Scenario:
    """A scenario for some connections, by the id in the middle of the path."""

    async def scenario(exchange: Exchange) -> None:
        await special.get(exchange.target.split("/")[3], otherwise)(exchange)

    return scenario


async def usage_of(exchange: Exchange) -> None:
    """Answer with the usage of the requested connection."""
    data = {"connectionId": exchange.target.split("/")[3], "callsLast24h": 7, "bySync": []}
    await exchange.write(response(json.dumps({"data": data}).encode()))


# The sandbox.


async def test_every_table_of_the_sandbox_is_read_completely_without_unknown_fields() -> None:
    inventory = Inventory(420, seed=3)
    organization, connection_ids = inventory.organization, [inventory.id_at(index) for index in range(420)]
    expected = {
        "policies": [each["id"] for each in policies(organization)],
        "users": [each["id"] for each in users(organization)],
        "roles": [each["id"] for each in roles(organization)],
        **{name: _ids_of(inventory, endpoint) for name, endpoint in PAGED.items()},
        "schema_status": connection_ids,
        "usage": connection_ids,
    }
    async with serve(inventory) as sandbox, reading(sandbox.url, sandbox.key) as found:
        for name, expected_ids in expected.items():
            table = SIDE_TABLES[name]
            end = await found.read(name, connection_ids if table.is_per_connection else ())
            assert (end.status, end.reason, end.rows, end.skipped) == (COMPLETE, "", len(expected_ids), 0)
            assert sorted(found.ids) == sorted(expected_ids)
            assert {json.dumps(row["extra"]) for row in found.rows} == {"{}"}
            assert {row["organization_id"] for row in found.rows} <= {organization.id, ORGANIZATION}
            assert not table.is_paged or end.pages == -(-end.rows // 50) > 1


def _ids_of(inventory: Inventory, endpoint: Endpoint) -> list[str]:
    items, _ = Syncs(inventory).page(endpoint, Page(limit=1000))
    return [item["id"] for item in items]


async def test_the_copies_of_each_parent_are_read_from_a_deployment() -> None:
    deployment = Deployment.of_size(3, 120, seed=1)
    owner = deployment.inventories[0]
    parents = {
        owner.id_at(index): list(deployment.copies_of(index)) for index in range(120) if not owner.is_copy(index)
    }
    async with serve(deployment) as sandbox, reading(sandbox.url, sandbox.key) as found:
        end = await found.read("shared", parents)
    expected = {(parent, copy["id"], copy["organization_id"]) for parent, copies in parents.items() for copy in copies}
    assert (end.status, end.rows, end.pages, end.skipped) == (COMPLETE, len(expected), len(parents), 0)
    assert {(row["parent_connection_id"], row["id"], row["organization_id"]) for row in found.rows} == expected
    assert len({organization for _, _, organization in expected}) > 1
    assert {json.dumps(row["extra"]) for row in found.rows} == {"{}"}


async def test_a_key_without_the_permission_makes_a_table_unavailable() -> None:
    async with serve(Inventory(5)) as sandbox, reading(sandbox.url, READER_KEY) as found:
        end = await found.read("roles")
    assert (end.status, end.rows, end.pages, found.rows) == (UNAVAILABLE, 0, 0, [])
    assert end.reason.startswith("GET /api/permissions/roles returned HTTP 403: permission denied")
    assert end.reason.endswith("; the table is empty; use a key with this permission, or omit the table")


async def test_faults_of_the_server_do_not_cost_a_row() -> None:
    inventory = Inventory(500, seed=5)
    faults = Faults.parse("503=0.2,429=0.1,truncate=0.1")
    async with serve(inventory, faults=faults, seed=2) as sandbox, reading(sandbox.url, sandbox.key) as found:
        end = await found.read("bulk_syncs")
    async with serve(inventory) as sandbox, reading(sandbox.url, sandbox.key) as calm:
        await calm.read("bulk_syncs")
    assert (end.status, found.ids) == (COMPLETE, calm.ids)


# Lists.


async def test_a_server_that_ignores_pages_and_sends_all_rows_at_once_is_read() -> None:
    async with scripted(page(*map(model, range(1, 181)))) as (found, server):
        end = await found.read("models")
    assert (end.status, end.rows, end.pages, server.targets) == (COMPLETE, 180, 1, ["/api/models?limit=50"])


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":[]}', b'{"data":null,"pagination":null}'])
async def test_a_list_of_null_is_an_empty_table(body: bytes) -> None:
    async with scripted(answer(body)) as (found, _):
        end = await found.read("models")
    assert (end.status, end.rows, end.pages) == (COMPLETE, 0, 1)


async def test_a_page_token_is_sent_percent_encoded() -> None:
    async with scripted(in_turn(page(model(1), token="a+/=&x ?#"), page(model(2)))) as (found, server):
        end = await found.read("models")
    assert (end.status, end.pages, found.ids) == (COMPLETE, 2, ids(2))
    assert parse_qs(urlsplit(server.targets[1]).query) == {"limit": ["50"], "page_token": ["a+/=&x ?#"]}


async def test_a_row_that_comes_on_two_pages_is_written_once_and_counted() -> None:
    pages = in_turn(page(model(1), model(2), token="b"), page(model(2, name="changed"), model(3)))
    async with scripted(pages) as (found, _):
        end = await found.read("models")
    assert (end.status, end.rows, end.duplicates, found.ids) == (COMPLETE, 3, 1, ids(3))


async def test_a_token_that_comes_twice_ends_the_table_as_partial() -> None:
    async with scripted(page(model(1), token="again")) as (found, server):
        end = await found.read("models")
    assert (end.status, end.rows, end.pages, server.requests) == (PARTIAL, 1, 2, 2)
    assert end.reason == (
        "GET /api/models: page 2 repeats the token of an earlier page, so rows may be missing; "
        "report it to the server's operator"
    )


async def test_a_server_with_new_tokens_and_no_new_rows_ends_the_table_as_partial() -> None:
    async def endless(exchange: Exchange) -> None:
        await page(model(1), token=f"t{exchange.number}")(exchange)

    async with scripted(endless) as (found, server):
        end = await found.read("models")
    assert (end.status, end.rows, server.requests) == (PARTIAL, 1, 11)
    assert "pages 2 to 11 have no new rows" in end.reason


async def test_a_page_that_fails_for_a_moment_is_requested_again() -> None:
    pages = in_turn(page(model(1), token="b"), error(500), answer(b"<html>", media_type="text/html"), page(model(2)))
    async with scripted(pages) as (found, server):
        end = await found.read("models")
    assert (end.status, end.pages, found.ids, server.requests) == (COMPLETE, 2, ids(2), 4)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (error(500), "HTTP 500 (attempts: 5)"),
        (error(403), "HTTP 403: no"),
        (error(404), "HTTP 404: no"),
        (answer(b"<html>", media_type="text/html"), "the body is 'text/html', not JSON (attempts: 3)"),
        (answer(b"{"), "the body is not JSON"),
        (answer(b"[]"), "the body is a JSON list, not an object (attempts: 3)"),
        (answer(b'{"data":{"id":"x"}}'), "the body has no array under 'data' (attempts: 3)"),
        (answer(b'{"error":"x"}'), "the body has no array under 'data'"),
        (answer(b'{"data":[],"pagination":{"next_page_token":5}}'), "a page token that is not text"),
        (answer(b'{"data":[],"pagination":"next"}'), "a page token that is not text"),
        (page(token="x" * 5000), "page 2 has a token of more than 4096 characters"),
    ],
)
async def test_a_page_that_fails_in_the_middle_makes_the_table_partial_and_keeps_its_rows(
    broken: Scenario, told: str
) -> None:
    async def scenario(exchange: Exchange) -> None:
        await (broken if "page_token" in exchange.target else page(model(1), token="b"))(exchange)

    async with scripted(scenario) as (found, _):
        end = await found.read("models")
    assert (end.status, end.rows, found.ids) == (PARTIAL, 1, ids(1))
    assert told in end.reason
    assert "GET /api/models" in end.reason


@pytest.mark.parametrize("status", [403, 404, 405, 410, 501])
async def test_a_list_that_the_server_does_not_serve_is_unavailable(status: int) -> None:
    async with scripted(error(status, "unknown path")) as (found, server):
        end = await found.read("models")
    assert (end.status, end.rows, server.requests) == (UNAVAILABLE, 0, 1)
    assert f"GET /api/models returned HTTP {status}: unknown path; the table is empty; " in end.reason


async def test_a_list_whose_first_page_is_rejected_is_partial() -> None:
    async with scripted(error(400, "invalid limit")) as (found, _):
        end = await found.read("models")
    assert (end.status, end.rows) == (PARTIAL, 0)
    assert "page 1 of GET /api/models failed: HTTP 400: invalid limit; rows are missing" in end.reason


async def test_items_without_an_id_are_counted_and_make_the_table_partial() -> None:
    async with scripted(page(model(1), {"name": "no id"}, 5)) as (found, _):
        end = await found.read("models")
    assert (end.status, end.rows) == (PARTIAL, 1)
    assert "items without an id: 2;" in end.reason


async def test_a_page_that_is_too_large_is_requested_in_smaller_pages() -> None:
    async def scenario(exchange: Exchange) -> None:
        limit = int(parse_qs(urlsplit(exchange.target).query)["limit"][0])
        await page(*(model(number, fields=[{"description": "x" * 300_000}]) for number in range(1, limit + 1)))(
            exchange
        )

    async with scripted(scenario) as (found, server):
        end = await found.read("models")
    assert (end.status, end.rows) == (COMPLETE, 2)
    assert server.targets == [f"/api/models?limit={limit}" for limit in (50, 10, 2)]


async def test_the_known_secrets_are_masked_in_rows_and_reasons() -> None:
    async with scripted(in_turn(page(model(1, name=f"key {KEY}"), token="b"), error(403, f"no {KEY}"))) as (found, _):
        end = await found.read("models")
    assert KEY not in json.dumps(found.rows) + end.reason
    assert "[REDACTED]" in found.rows[0]["name"]


async def test_odd_values_are_counted_below_the_name_of_the_table() -> None:
    body = (
        b'{"data":[{"id":"a","name":"x\\u0000","created_at":"soon","configuration":{"password":"p","n":1e999}},'
        b'{"id":"b","labels":["\\ud800"]}]}'
    )
    async with scripted(answer(body)) as (found, _):
        end = await found.read("models")
    assert (end.status, found.ids) == (COMPLETE, ["a", "b"])
    assert end.tally.redactions == Counter({"models.configuration.password": 1})
    assert end.tally.repairs == Counter({"models.configuration.n": 1, "models.labels[]": 1})
    assert end.tally.nuls == Counter({"models.name": 1})
    assert (end.tally.unparsed_timestamps, end.tally.total) == (1, 0)


async def test_a_rejected_key_ends_the_run() -> None:
    async with scripted(error(401)) as (found, _):
        with pytest.raises(KeyRefused):
            await found.read("models")


# One request per connection.


async def test_one_row_per_connection_is_read_with_its_organization() -> None:
    async with scripted(usage_of) as (found, server):
        end = await found.read("usage", ids(50))
    assert (end.status, end.rows, end.pages, server.requests) == (COMPLETE, 50, 50, 50)
    assert sorted(found.ids) == ids(50)
    assert server.targets[0] == f"/api/connections/{ids(1)[0]}/usage"
    assert {(row["calls_last_24_hours"], row["organization_id"]) for row in found.rows} == {(7, ORGANIZATION)}


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_connection_that_the_server_rejects_is_skipped_and_counted(status: int) -> None:
    async with scripted(by_connection(dict.fromkeys(ids(3, 2), error(status)), usage_of)) as (found, _):
        end = await found.read("usage", ids(10), workers=1)
    assert (end.status, end.rows, end.skipped, end.reason) == (COMPLETE, 7, 3, "")


async def test_thirty_rejected_connections_after_one_success_do_not_end_the_table() -> None:
    special = dict.fromkeys(ids(30, 2), error(404))
    async with scripted(by_connection(special, usage_of)) as (found, _):
        end = await found.read("usage", ids(32), workers=1)
    assert (end.status, end.rows, end.skipped) == (COMPLETE, 2, 30)


@pytest.mark.parametrize("status", [403, 404, 405, 501])
async def test_a_table_whose_first_twenty_connections_are_rejected_is_unavailable(status: int) -> None:
    async with scripted(error(status, "unknown path")) as (found, server):
        end = await found.read("usage", ids(500), workers=1)
    assert (end.status, end.rows, server.requests) == (UNAVAILABLE, 0, 20)
    assert f"GET /api/connections/{{id}}/usage returned HTTP {status}: unknown path; " in end.reason


async def test_a_table_whose_few_connections_are_all_rejected_is_unavailable() -> None:
    async with scripted(error(404)) as (found, server):
        end = await found.read("usage", ids(3))
    assert (end.status, end.skipped, server.requests) == (UNAVAILABLE, 3, 3)


async def test_a_table_of_no_connections_is_complete() -> None:
    async with scripted(error(404)) as (found, server):
        end = await found.read("usage", [])
    assert (end.status, end.rows, server.requests) == (COMPLETE, 0, 0)


async def test_a_connection_without_a_reply_makes_the_table_partial() -> None:
    special = {ids(1, 5)[0]: error(500), ids(1, 6)[0]: error(404)}
    async with scripted(by_connection(special, usage_of)) as (found, _):
        end = await found.read("usage", ids(10), workers=2)
    assert (end.status, end.rows, end.skipped) == (PARTIAL, 8, 1)
    assert end.reason.startswith(
        "connections without a complete reply from GET /api/connections/{id}/usage: 1, "
        "the first with HTTP 500 (attempts: 5); their rows are missing"
    )


async def test_a_table_whose_first_twenty_connections_fail_is_partial_and_not_read_further() -> None:
    async with scripted(answer(b"{}")) as (found, server):
        end = await found.read("usage", ids(500), workers=1)
    assert (end.status, end.rows, server.requests) == (PARTIAL, 0, 60)
    assert "the body has no object under 'data' (attempts: 3)" in end.reason
    assert "; no further connection was requested; " in end.reason


async def test_the_usage_of_another_connection_is_not_written() -> None:
    wrong = answer(json.dumps({"data": {"connectionId": ids(1, 99)[0]}}).encode())
    async with scripted(by_connection({ids(1)[0]: wrong}, usage_of)) as (found, _):
        end = await found.read("usage", ids(3))
    assert (end.status, sorted(found.ids)) == (PARTIAL, ids(2, 2))
    assert "another connection" in end.reason


async def test_a_connection_without_data_has_no_row() -> None:
    async with scripted(by_connection({ids(1)[0]: answer(b'{"data":null}')}, usage_of)) as (found, _):
        end = await found.read("usage", ids(2))
    assert (end.status, end.pages, found.ids) == (COMPLETE, 2, ids(1, 2))


async def test_all_copies_of_a_parent_are_rows() -> None:
    copies = page(model(7, organization_id=ids(1, 70)[0]), model(8), model(8))
    async with scripted(by_connection({ids(1)[0]: copies}, page())) as (found, _):
        end = await found.read("shared", ids(2))
    assert (end.status, end.rows, end.pages, end.duplicates) == (COMPLETE, 2, 2, 1)
    assert [(row["parent_connection_id"], row["id"]) for row in found.rows] == [(ids(1)[0], each) for each in ids(2, 7)]
    assert [row["organization_id"] for row in found.rows] == [ids(1, 70)[0], None]


async def test_copies_with_a_further_page_make_the_table_partial() -> None:
    async with scripted(by_connection({ids(1)[0]: page(model(7), token="next")}, page())) as (found, server):
        end = await found.read("shared", ids(2))
    assert (end.status, end.rows, server.requests) == (PARTIAL, 1, 2)
    assert "the first with a page token" in end.reason


async def test_an_error_that_ends_the_run_ends_all_workers() -> None:
    async def put(_row: Row) -> None:
        raise OutputError("disk full")

    scenario = by_connection({ids(1)[0]: usage_of}, hang)
    async with scripted(scenario) as (found, _):
        with pytest.raises(ExceptionGroup) as raised:
            await found.reader.read(SIDE_TABLES["usage"], put, ids(9), workers=3)
    assert raised.group_contains(OutputError)
