"""The official SDK reads the same side tables, page by page: its objects agree with the rows, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from polytomic import Polytomic

from collector.model.record import Kind
from collector.model.side_tables import SIDE_TABLES, Row, SideTable
from collector.sandbox.deployment import Deployment
from collector.sandbox.inventory import Inventory
from collector.sandbox.server import serve
from tests.polytomic.test_enrichment import ORGANIZATION, reading
from tests.polytomic.test_official_sdk import MASK, check_record, disagreements, expected, instant, with_sdk

CONNECTIONS = 420

LISTS: dict[str, Callable[[Polytomic], Callable[..., Any]]] = {
    "policies": lambda sdk: sdk.permissions.policies.list,
    "users": lambda sdk: sdk.users.list_current_org_users,
    "roles": lambda sdk: sdk.permissions.roles.list,
    "bulk_syncs": lambda sdk: sdk.bulk_sync.list,
    "model_syncs": lambda sdk: sdk.model_sync.list,
    "models": lambda sdk: sdk.models.list,
}
"""The method of the SDK that reads the list of each table."""

ITEMS: dict[str, Callable[[Polytomic], Callable[..., Any]]] = {
    "schema_status": lambda sdk: sdk.schemas.get_status,
    "usage": lambda sdk: sdk.connections.get_usage,
}
"""The method of the SDK that reads the item of one connection."""


def pages_of(read: Callable[..., Any]) -> Iterator[list[Any]]:
    """The pages of a list. Most methods have no parameter for the page, so the query is set by hand."""
    query: dict[str, str] = {}
    while True:
        envelope = read(request_options={"additional_query_parameters": query})
        yield envelope.data or []
        token = (envelope.dict().get("pagination") or {}).get("next_page_token")
        if not token:
            return
        query = {"page_token": token}


def copies_of(sdk: Polytomic, parent: str) -> list[Any]:
    return sdk.connections.shared_connections.list_shared_connections(id=parent).data or []


def check_row(table: SideTable, parsed: Any, row: Row) -> None:
    item = parsed.dict()  # by the API's names
    enricher = item.get("enricher") or {}
    sent = {field.name: expected(item, field.source) for field in table.fields if field.source}
    enricher.pop("connection_id", None)  # it has a column of its own
    for field in table.fields:
        if field.source is None or (field.name in {"organization_id", *table.key} and sent[field.name] is None):
            continue
        seen, kept = sent[field.name], row[field.name]
        if field.kind is Kind.TIME:
            assert instant(kept) == seen, field.name
        elif field.kind in {Kind.IDS, Kind.TEXTS, Kind.ARRAY, Kind.OBJECT}:
            empty: Any = {} if field.kind is Kind.OBJECT else []
            assert list(disagreements(as_sent(seen or empty), kept or empty, field.name)) == []
        elif MASK not in str(kept):
            assert kept == seen, field.name


def as_sent(value: Any) -> Any:
    """A value of the SDK with its times as the sandbox sends them."""
    if isinstance(value, dict):
        return {key: as_sent(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(as_sent, value))
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", LISTS)
async def test_every_page_of_a_list_agrees_with_the_official_sdk(name: str) -> None:
    table = SIDE_TABLES[name]
    async with serve(Inventory(CONNECTIONS, seed=11)) as sandbox, reading(sandbox.url, sandbox.key) as found:
        end = await found.read(name)
        pages = await with_sdk(sandbox.url, lambda sdk: list(pages_of(LISTS[name](sdk))))
    items = [item for page in pages for item in page]
    assert (end.rows, end.pages) == (len(items), len(pages))
    for item, row in zip(items, found.rows, strict=True):
        check_row(table, item, row)
    assert (len(pages) > 1) is table.is_paged
    assert {row["organization_id"] for row in found.rows} <= {items[-1].organization_id, ORGANIZATION}


@pytest.mark.parametrize("name", ITEMS)
async def test_the_item_of_every_connection_agrees_with_the_official_sdk(name: str) -> None:
    inventory = Inventory(CONNECTIONS, seed=11)
    ids = [inventory.id_at(index) for index in range(100)]
    async with serve(inventory) as sandbox, reading(sandbox.url, sandbox.key) as found:
        await found.read(name, ids)
        items = await with_sdk(sandbox.url, lambda sdk: {one: ITEMS[name](sdk)(id=one).data for one in ids})
    rows = {row["connection_id"]: row for row in found.rows}
    assert rows.keys() == items.keys()
    for one, item in items.items():
        check_row(SIDE_TABLES[name], item, rows[one])


async def test_the_copies_of_every_parent_agree_with_the_official_sdk() -> None:
    deployment = Deployment.of_size(3, 120, seed=1)
    owner = deployment.inventories[0]
    parents = [owner.id_at(index) for index in range(120) if not owner.is_copy(index)]
    async with serve(deployment) as sandbox, reading(sandbox.url, sandbox.key) as found:
        await found.read("shared", parents)
        copies = await with_sdk(sandbox.url, lambda sdk: [copy for one in parents for copy in copies_of(sdk, one)])
    rows = {row["id"]: row for row in found.rows}
    assert {str(copy.id) for copy in copies} == rows.keys()
    for copy in copies:
        check_record(copy, rows[str(copy.id)])
