"""Discovery: the ids in the list `GET /api/connections`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.client.failures import BadPayload, TimedOut, Transient
from collector.client.messages import Reply, Request
from collector.client.pacer import Pacer
from collector.governor.events import Event, Paused
from collector.model.errors import InputError, KeyRefused, RunStopped
from collector.polytomic.discovery import ListedConnection, first_id, read_list
from tests.support.clock import StoppedClock
from tests.support.governor_harness import client_from_pacer, make_governor, make_pacer

T = TypeVar("T")
JSON = {"Content-Type": "application/json; charset=utf-8"}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)
items = st.fixed_dictionaries({"id": st.uuids().map(str)}, optional={"name": st.text(), "configuration": values})


async def read_ids(listed: AsyncIterator[ListedConnection]) -> list[str | None]:
    return [connection.id async for connection in listed]


async def beside(wanted: Awaitable[T], watch: Awaitable[None], clock: StoppedClock) -> T:
    """The result of `wanted`, or the exception that `watch` raises earlier, while the clock advances."""
    tasks = asyncio.ensure_future(wanted), asyncio.ensure_future(watch)
    try:
        while not any(task.done() for task in tasks):
            await clock.advance(0.25)
        found, watched = tasks
        if watched.done():
            watched.result()
        return await found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Api:
    """Streams a list in the given chunks. Each attempt gets the next reply; the last one repeats."""

    def __init__(self, *answers: Iterable[bytes], status: int = 200, headers: dict[str, str] = JSON) -> None:
        self._answers = [list(answer) for answer in answers]
        self._status = status
        self._headers = headers
        self.attempts = 0
        self.clock = StoppedClock()
        self.summary: list[Event] = []
        self.pacer: Pacer

    @asynccontextmanager
    async def stream(self, request: Request, *, cap: int) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        assert request.target == "/api/connections"
        self.attempts += 1
        assert self.pacer.in_flight == 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

        async def chunks() -> AsyncIterator[bytes]:
            for chunk in answer:
                if chunk == b"BREAK":
                    raise Transient("the body is truncated or corrupt")
                if chunk == b"WAIT":
                    await self.clock.sleep(20.0)
                    continue
                yield chunk if chunk != b"BUG" else bytes([1 // 0])

        if answer == [b"SILENCE"]:
            await self.clock.sleep(30.0)
            raise TimedOut("no reply in time")
        yield Reply(self._status, self._headers, b""), chunks()

    async def ids(self, outage_limit: float = 3600.0) -> list[str | None]:
        clock, governor = self.clock, make_governor()

        async def confirm(_request: Request) -> Reply:
            return Reply(self._status, self._headers, b"")

        self.pacer = make_pacer(confirm, governor, clock, on_event=self.summary.append)
        try:
            return await beside(
                read_list(
                    client_from_pacer(self.pacer, governor, clock, stream=self.stream), read_ids, purpose="--all"
                ),
                self.pacer.watch(outage_limit),
                clock,
            )
        finally:
            assert self.pacer.in_flight == 0


def chopped(body: bytes, sizes: Iterable[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(body[at : at + size])
        at += size
    return [*chunks, body[at:]]


def ids_of(*chunks: bytes) -> list[str | None]:
    return asyncio.run(Api(chunks).ids())


@settings(max_examples=50)
@given(st.lists(items, max_size=3), st.booleans(), st.sampled_from([None, 0, 2]), st.data())
def test_a_list_gives_the_same_ids_in_any_chunks(
    listed: list[dict[str, Any]], is_ascii: bool, indent: int | None, data: st.DataObject
) -> None:
    body = json.dumps({"data": listed}, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "replace")
    sizes = data.draw(st.lists(st.integers(0, len(body)), max_size=8))
    expected = [item["id"] for item in listed]
    assert ids_of(body) == expected
    assert ids_of(*chopped(body, [1] * len(body))) == expected
    assert ids_of(*chopped(body, sizes)) == expected


@settings(max_examples=50)
@given(st.lists(values, max_size=4))
def test_each_item_is_yielded_once_in_any_chunks(listed: list[Any]) -> None:
    body = json.dumps({"data": listed}).encode()
    expected = [item.get("id") or None if isinstance(item, dict) else None for item in listed]
    expected = [found if isinstance(found, str) else None for found in expected]
    assert ids_of(body) == expected
    assert ids_of(*chopped(body, [1] * len(body))) == expected


def test_a_small_list_in_two_segments_is_complete() -> None:
    body = json.dumps({"data": [{"id": "a", "name": "n" * 100}]}).encode()
    for at in range(len(body)):
        assert ids_of(body[:at], body[at:]) == ["a"], at


def test_an_item_larger_than_many_chunks_is_found() -> None:
    body = json.dumps({"data": [{"id": "a"}, {"note": "x" * 300_000, "id": "b"}, {"id": "c"}]}).encode()
    assert ids_of(*chopped(body, [1000] * 300)) == ["a", "b", "c"]


def test_a_character_split_between_chunks_is_decoded() -> None:
    body = '{"data":[{"id":"ä€😀"}]}'.encode()
    for at in range(len(body)):
        assert ids_of(body[:at], body[at:]) == ["ä€😀"]


def test_a_byte_order_mark_is_accepted() -> None:
    body = b'\xef\xbb\xbf{"data":[{"id":"a"}]}'
    assert ids_of(body) == ids_of(*chopped(body, [1] * len(body))) == ["a"]


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":[]}', b' { "data" : [ ] } \n', b'{"data":null,"x":1}'])
def test_an_empty_list_may_be_null(body: bytes) -> None:
    assert ids_of(body) == []
    assert ids_of(*chopped(body, [1] * len(body))) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"<html></html>",
        b'{"data":{}}',
        b'{"data":[{"id":"a"}',
        b'{"data":[{"id":"a"}]',
        b'{"data":[{"id":"a"},',
        b'{"data":[{"id":"a"',
        b'{"data":nul',
        b'{"data":[nonsense]}',
        b'{"data":[{"id":"\xff"}]}',
        b"x" * 5000,
    ],
)
def test_an_incomplete_list_stops_the_run_after_all_attempts(body: bytes) -> None:
    for chunks in ([body], chopped(body, [1] * min(len(body), 100))):
        api = Api(chunks)
        with pytest.raises(RunStopped, match="the list of connections is unavailable after 3 attempts"):
            asyncio.run(api.ids())
        assert api.attempts == 3


@pytest.mark.parametrize(
    "odd",
    [
        b'"cut \\ud83d"',
        b'"cut \xf0\x9f"',
        b'"\xed\xa0\x80"',
        b"1e400",
        b"-1e999",
        b"7" * 5000,
        b'"\\u0000"',
        b'"two\nlines"',
        b'{"\\ud800":[1e400]}',
    ],
    ids=range(9),
)
def test_an_invalid_value_costs_no_id_of_the_list(odd: bytes) -> None:
    body = b'{"before":%s,"data":[{"id":"a"},{"id":"b","name":%s},{"id":"c"}],"after":%s}' % (odd, odd, odd)
    for chunks in ([body], chopped(body, [1] * 100)):
        assert ids_of(*chunks) == ["a", "b", "c"]


def test_a_list_without_a_media_type_is_accepted() -> None:
    assert asyncio.run(Api([b'{"data":[{"id":"a"}]}'], headers={}).ids()) == ["a"]


def test_a_truncated_list_is_requested_again_from_its_start() -> None:
    api = Api([b'{"data":[{"id":"a"},', b"BREAK"], [b'{"data":[{"id":"a"},{"id":"b"}]}'])
    assert asyncio.run(api.ids()) == ["a", "b"]
    assert api.attempts == 2


def test_a_list_that_is_not_json_is_rejected() -> None:
    api = Api([b'{"data":[]}'], headers={"Content-Type": "text/html"})
    with pytest.raises(RunStopped, match="text/html"):
        asyncio.run(api.ids())


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_key_without_access_to_the_list_gets_the_advice_to_name_the_ids(status: int) -> None:
    api = Api([b""], status=status)
    with pytest.raises(InputError, match=f"HTTP {status}; name the ids instead"):
        asyncio.run(api.ids())
    assert api.attempts == 1


@pytest.mark.parametrize("outage_limit", [1.0, 60.0, 600.0])
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("asked", [0.0, 1.0, 7.0])
def test_an_outage_of_the_list_is_waited_out_up_to_the_outage_limit(
    status: int, asked: float, outage_limit: float
) -> None:
    api = Api([b""], status=status, headers={"Retry-After": f"{asked:g}"} if asked else {})
    text = f"all requests failed for .*, longer than --outage-limit {outage_limit:g}: HTTP {status}"
    with pytest.raises(RunStopped, match=text):
        asyncio.run(api.ids(outage_limit))
    pauses = api.attempts * asked  # requested by the server, so not part of the outage
    assert outage_limit < api.clock.now() <= outage_limit + pauses + 1.0
    assert 2 <= api.attempts <= 15 + outage_limit / 20


@pytest.mark.parametrize("status", [429, 503])
def test_a_repeated_throttle_of_the_list_is_reported_once(status: int) -> None:
    api = Api([b""], status=status, headers={"Retry-After": "1"})
    with pytest.raises(RunStopped):
        asyncio.run(api.ids(600.0))
    pauses = [event for event in api.summary if isinstance(event, Paused)]
    assert [event.should_warn for event in pauses] == [False, True, *[False] * (len(pauses) - 2)]


def test_an_outage_counts_from_the_first_failure_and_ends_a_stuck_attempt() -> None:
    api = Api([b"SILENCE"])
    with pytest.raises(RunStopped, match=r"all requests failed for .*, longer than --outage-limit 1: no reply in time"):
        asyncio.run(api.ids(1.0))
    assert 30.0 <= api.clock.now() < 31.0


def test_a_list_may_arrive_slowly_after_an_outage() -> None:
    slow = [b'{"data":[{"id":"a"},', b"WAIT", b"WAIT", b"WAIT", b'{"id":"b"}]}']
    api = Api([b"BREAK"], slow)
    assert asyncio.run(api.ids(30.0)) == ["a", "b"]
    assert api.clock.now() >= 60.0


def test_a_list_truncated_after_a_long_time_is_requested_again() -> None:
    api = Api([b'{"data":[', b"WAIT", b"WAIT", b"WAIT", b"BREAK"], [b'{"data":[{"id":"a"}]}'])
    assert asyncio.run(api.ids(30.0)) == ["a"]


def test_a_list_truncated_twice_counts_as_one_outage() -> None:
    api = Api([b"BREAK"], [b'{"data":[', b"WAIT", b"WAIT", b"BREAK"])
    with pytest.raises(
        RunStopped, match="all requests failed for 40 s, longer than --outage-limit 30: the body is truncated"
    ):
        asyncio.run(api.ids(30.0))
    assert api.attempts == 2


def test_a_server_that_recovers_in_time_gives_its_list_after_any_number_of_failures() -> None:
    broken = [[b'{"data":[', b"BREAK"]] * 12
    api = Api(*broken, [b'{"data":[{"id":"a"}]}'])
    assert asyncio.run(api.ids(600.0)) == ["a"]
    assert api.attempts == 13


def test_a_failure_by_a_bug_is_not_waited_out() -> None:
    api = Api([b"BUG"])
    with pytest.raises(RunStopped, match="after 5 attempts: internal error: ZeroDivisionError"):
        asyncio.run(api.ids(600.0))


def test_a_rejected_key_ends_the_run() -> None:
    with pytest.raises(KeyRefused):
        asyncio.run(Api([b""], status=401).ids())


def test_other_members_may_precede_and_follow_the_list() -> None:
    body = b'{"meta": {"data": [1]}, "more": null, "data": [{"id": "a"}, {"id": "b"}], "n": 1}'
    assert ids_of(body) == ids_of(*chopped(body, [1] * len(body))) == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"id":"a"},]}',
        b'{"data":[{"id":"a"}]garbage}',
        b'{"data":[{"id":"a"}]}}}',
        b'{"data":null,"x":[}',
        b'{"data":[NaN]}',
    ],
)
def test_a_list_that_is_corrupt_after_its_last_item_is_rejected(body: bytes) -> None:
    with pytest.raises(RunStopped):
        ids_of(body)


# The first id of a list.


async def pieces(*texts: bytes) -> AsyncIterator[bytes]:
    for text in texts:
        yield text


async def test_the_first_id_is_known_before_the_list_has_arrived() -> None:
    reply = Reply(200, JSON, b"")
    assert await first_id(reply, pieces(b'{"data":[{"id":"a"},', b"garbage")) == "a"
    assert await first_id(reply, pieces(b'{"data":[]}')) is None
    assert await first_id(reply, pieces(b'{"data":null}')) is None


async def test_a_list_that_is_a_page_or_garbage_has_no_first_id() -> None:
    with pytest.raises(BadPayload):
        await first_id(Reply(200, {"Content-Type": "text/html"}, b""), pieces(b"<p>"))
    with pytest.raises(BadPayload):
        await first_id(Reply(200, JSON, b""), pieces(b"<p>"))
