"""The official SDK as an independent reader of the same API: its objects agree with the records, field by field.

Configurations are compared with what the SDK sees, except where the record holds a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import pytest
from anyio import to_thread
from polytomic import Polytomic

import collector
from collector.model.record import RECORD, Kind
from collector.run.settings import Api, Limits, Settings
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import SANDBOX_KEY
from collector.sandbox.server import serve

TYPES = 247
VERSION = "2025-09-18"
MASK = "[REDACTED"


T = TypeVar("T")


async def with_sdk(url: str, read: Callable[[Polytomic], T]) -> T:
    """The result of `read`, in a thread: the server runs in this one."""

    def call() -> T:
        with httpx.Client() as http:
            return read(Polytomic(base_url=url, token=SANDBOX_KEY, version=VERSION, httpx_client=http))

    return await to_thread.run_sync(call)


def settings_for(url: str) -> Settings:
    return Settings(api=Api(base_url=url), limits=Limits(rate=0, share_quota=False))


async def records_of(url: str, ids: list[str]) -> dict[str, dict[str, Any]]:
    outcomes = collector.collect(ids, settings_for(url), environ={"POLYTOMIC_API_KEY": SANDBOX_KEY})
    return {outcome.id: outcome.record async for outcome in outcomes if outcome.record is not None}


def expected(connection: dict[str, Any], field_source: str) -> Any:
    """The value that the SDK has for a field of a record."""
    value: Any = connection
    for name in field_source.split("."):
        value = None if value is None else value.get(name)
    return value


def instant(value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def disagreements(seen: Any, kept: Any, path: str = "") -> Iterator[str]:
    """The paths at which a configuration differs from that of the SDK, except for masks."""
    if isinstance(kept, str) and MASK in kept:
        return
    if isinstance(seen, dict) and isinstance(kept, dict):
        for key in seen.keys() | kept.keys():
            yield from disagreements(seen.get(key), kept.get(key), f"{path}.{key}")
    elif isinstance(seen, list) and isinstance(kept, list) and len(seen) == len(kept):
        for index, (one, other) in enumerate(zip(seen, kept, strict=True)):
            yield from disagreements(one, other, f"{path}[{index}]")
    elif (type(seen), seen) != (type(kept), kept):
        yield path


def check_record(parsed: Any, record: dict[str, Any]) -> None:
    connection = parsed.dict()  # by the API's names
    for field in RECORD:
        if field.source is None:
            continue
        seen, kept = expected(connection, field.source), record[field.name]
        if field.kind is Kind.TIME:
            assert instant(kept) == seen, field.name
        elif field.kind in {Kind.IDS, Kind.TEXTS}:
            assert kept == (seen or []), field.name
        elif field.name == "rate_limit" and seen is not None:
            assert {key: instant(value) for key, value in kept.items()} == seen
        elif field.kind is Kind.OBJECT:
            assert list(disagreements(seen, kept, field.name)) == []
        elif not (isinstance(kept, str) and MASK in kept):
            assert kept == seen, field.name


async def test_every_field_of_every_type_agrees_with_the_official_sdk() -> None:
    inventory = Inventory(TYPES, seed=11)
    ids = list(inventory.ids())
    async with serve(inventory) as sandbox:
        records = await records_of(sandbox.url, ids)
        connections = await with_sdk(sandbox.url, lambda sdk: [sdk.connections.get(id=one).data for one in ids])
    assert len({record["type_id"] for record in records.values()}) == TYPES
    masked = 0
    for connection in connections:
        assert connection is not None
        check_record(connection, records[str(connection.id)])
        masked += MASK in str(records[str(connection.id)]["configuration"])
    assert TYPES > masked > TYPES // 2


async def test_the_list_of_the_official_sdk_has_the_same_connections() -> None:
    inventory = Inventory(60, seed=11)
    async with serve(inventory) as sandbox:
        listed = await with_sdk(sandbox.url, lambda sdk: sdk.connections.list().data or [])
        records = await records_of(sandbox.url, list(inventory.ids()))
    assert {str(connection.id) for connection in listed} == records.keys()
    for connection in listed:
        check_record(connection, records[str(connection.id)])


@pytest.mark.parametrize("kept", ["x", {"a": 1}, None])
def test_a_disagreement_is_found(kept: Any) -> None:
    assert list(disagreements({"configuration": {"a": 2}}, {"configuration": kept}))
