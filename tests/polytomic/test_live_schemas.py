"""The live schema of a type is fetched once; without it the packaged schema applies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from collector.client.messages import Reply, Request
from collector.model.errors import KeyRefused
from collector.polytomic.live_schemas import LiveSchemas
from tests.support.clock import Clock
from tests.support.governor_harness import make_client, make_governor

SCHEMA = b'{"type":"object","properties":{"a":{"type":"string","sensitive":true},"b":{"type":"string"}}}'
JSON = {"Content-Type": "application/json"}


class Api:
    """Answers each request with its next reply, then repeats the last; records the requests."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.asked: list[str] = []
        self.learnt: dict[str, Mapping[str, bool]] = {}
        self.warned: list[str] = []
        clock = Clock()
        governor = make_governor()
        asking = make_client(self._send, governor, clock)
        self.schemas = LiveSchemas(asking, self.learnt.__setitem__, warn=self.warned.append)

    async def _send(self, request: Request) -> Reply:
        self.asked.append(request.target)
        await asyncio.sleep(0)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def reply(status: int, body: bytes = b"") -> Reply:
    return Reply(status, JSON, body)


async def test_the_schema_of_a_type_is_fetched_once_for_all_waiting_tasks() -> None:
    api = Api(reply(200, SCHEMA))
    await asyncio.gather(*(api.schemas.ensure_loaded(type_id) for type_id in ("s3", "s3", "api", "s3")))
    assert api.asked == ["/api/connection_types/s3", "/api/connection_types/api"]
    assert api.learnt == {"s3": {"a": True, "b": False}, "api": {"a": True, "b": False}}
    assert api.warned == []


async def test_a_failed_fetch_of_a_schema_is_retried() -> None:
    api = Api(reply(500), reply(200, SCHEMA))
    await api.schemas.ensure_loaded("s3")
    assert (len(api.asked), list(api.learnt)) == (2, ["s3"])


@pytest.mark.parametrize(
    ("answer", "told"), [(reply(404), "HTTP 404"), (reply(403), "HTTP 403"), (reply(200, b"<html>"), "not JSON")]
)
async def test_without_a_live_schema_the_packaged_one_applies_with_one_warning(answer: Reply, told: str) -> None:
    api = Api(answer)
    await api.schemas.ensure_loaded("s3")
    await api.schemas.ensure_loaded("s3")
    [warning] = api.warned
    assert "cannot fetch the schema for type s3" in warning
    assert told in warning
    assert api.learnt == {}


async def test_a_rejected_key_ends_the_run() -> None:
    with pytest.raises(KeyRefused):
        await Api(reply(401)).schemas.ensure_loaded("s3")


@pytest.mark.parametrize("type_id", ["../me", "a/b", "", "A", "a?b", "a%2fb", "a" * 65, None, 5, "a\r\nb", ".."])
async def test_an_invalid_type_id_is_not_requested(type_id: object) -> None:
    api = Api(reply(200, SCHEMA))
    await api.schemas.ensure_loaded(type_id)
    assert api.asked == []


async def test_a_cancelled_fetch_releases_the_waiting_tasks() -> None:
    api = Api(reply(200, SCHEMA))
    first = asyncio.create_task(api.schemas.ensure_loaded("s3"))
    second = asyncio.create_task(api.schemas.ensure_loaded("s3"))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.done() or await asyncio.wait([first])


async def test_the_number_of_fetched_types_is_bounded() -> None:
    api = Api(reply(200, SCHEMA))
    for number in range(1200):
        await api.schemas.ensure_loaded(f"type{number}")
    assert len(api.asked) == 1000
