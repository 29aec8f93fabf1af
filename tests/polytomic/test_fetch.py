"""One id → one outcome, from the wire up, in the simple cases.

aioresponses replaces the session of aiohttp, so no middleware runs and no request is counted. `test_aiohttp_transport`
covers time, resets, bytes and counts with a real server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.abc import AbstractStreamWriter
from aioresponses import aioresponses
from yarl import URL

from collector.client.failures import BadPayload
from collector.client.messages import Reply
from collector.client.transport.aiohttp_transport import Timeouts, Transport
from collector.model.errors import ConfigError, KeyRefused
from collector.model.ledger import RequestCount
from collector.model.outcome import Outcome, OutcomeKind, Redaction
from collector.model.record import FIELDS
from collector.model.secret import REDACTED
from collector.polytomic.envelope import require_json
from collector.polytomic.fetch import Fetcher
from collector.polytomic.record_reader import RecordReader
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber
from collector.run.assembly import SYSTEM_CLOCK
from tests.support.clock import Clock
from tests.support.governor_harness import make_client, make_governor

BASE = "https://polytomic.example"
ID = "248df4b7-aa70-47b8-a036-33ac447e668d"
KEY = "key-4f1d9a"
AT = "2023-11-14T22:13:20.000000Z"
WALL = 1_700_000_000.0


class _NothingWritten(AbstractStreamWriter):
    """Stands for the absent request body."""

    async def write(self, chunk: object) -> None:
        raise AssertionError

    async def write_eof(self, chunk: bytes = b"") -> None:
        raise AssertionError

    async def drain(self) -> None:
        raise AssertionError

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        raise AssertionError

    def enable_chunking(self) -> None:
        raise AssertionError

    async def write_headers(self, status_line: str, headers: object) -> None:
        raise AssertionError


class Answer(ClientResponse):
    """A response as aiohttp 3.14 creates it: aioresponses 0.7.9 does not pass `stream_writer` yet."""

    def __init__(self, method: str, url: URL, **given: Any) -> None:
        super().__init__(method, url, stream_writer=_NothingWritten(), **given)


class Api:
    """The API simulated by aioresponses, and a fetcher of its connections."""

    def __init__(self, mock: aioresponses) -> None:
        self.clock = Clock()
        self.count = RequestCount()
        self.mock = mock
        self.key = KEY

    def answers(self, status: int = 200, payload: object = None, **how: Any) -> None:
        """The next reply."""
        self.mock.get(f"{BASE}/api/connections/{ID}", status=status, payload=payload, response_class=Answer, **how)

    @property
    def headers_seen(self) -> list[dict[str, str]]:
        return [dict(call.kwargs["headers"]) for calls in self.mock.requests.values() for call in calls]

    @asynccontextmanager
    async def fetcher(self) -> AsyncIterator[Fetcher]:
        headers = {"Authorization": f"Bearer {self.key}", "X-Polytomic-Version": "2025-09-18"}
        transport = Transport(BASE, headers, connections=1, timeouts=Timeouts(), count=self.count, clock=SYSTEM_CLOCK)
        async with transport.opened():
            governor = make_governor()
            asking = make_client(transport.send, governor, self.clock, self.count)
            clock = SYSTEM_CLOCK._replace(wall_time=lambda: WALL)
            scrubber = Scrubber([self.key])
            yield Fetcher(asking, RecordReader(scrubber, Redactor(), clock=clock), scrubber, "run-1", clock=clock)

    async def fetch(self) -> Outcome:
        async with self.fetcher() as fetcher:
            return await fetcher.fetch(ID)


@pytest.fixture
def api() -> Iterator[Api]:
    with aioresponses() as mock:
        yield Api(mock)


def connection(**fields: object) -> dict[str, object]:
    return {"data": {"id": ID, "name": "Warehouse", **fields}}


async def test_a_connection_is_fetched_normalized_and_redacted(api: Api) -> None:
    api.answers(payload=connection(type={"id": "postgresql"}, configuration={"hostname": "db", "password": "p"}))
    outcome = await api.fetch()
    assert outcome[:4] == (ID, OutcomeKind.OK, 1, AT)
    assert (outcome.http_status, outcome.error, outcome.redactions) == (
        200,
        None,
        (Redaction("configuration.password", "name"),),
    )
    assert outcome.record is not None
    assert tuple(outcome.record) == FIELDS
    assert outcome.record["configuration"] == {"hostname": "db", "password": REDACTED}
    assert (outcome.record["_collected_at"], outcome.record["_run_id"]) == (AT, "run-1")


async def test_a_request_carries_the_key_and_the_version(api: Api) -> None:
    api.answers(payload=connection())
    await api.fetch()
    (headers,) = api.headers_seen
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["X-Polytomic-Version"] == "2025-09-18"
    assert headers["Accept"] == "application/json"


async def test_a_failed_request_is_retried_until_it_is_answered(api: Api) -> None:
    for status in (500, 502, 429):
        api.answers(status)
    api.answers(payload=connection())
    outcome = await api.fetch()
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.OK, 4)
    assert api.count.by_status == {500: 1, 502: 1, 429: 1, 200: 1}
    assert (api.count.retried, api.count.throttled) == (3, 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, "not_found"), (410, "not_found"), (403, "forbidden"), (400, "rejected"), (422, "rejected")],
)
@pytest.mark.parametrize("payload", [{"message": "told"}, {"error": {"message": "told"}}])
async def test_a_final_reply_is_an_outcome_with_the_message_of_the_api(
    status: int, kind: str, payload: object, api: Api
) -> None:
    api.answers(status, payload)
    outcome = await api.fetch()
    assert outcome == Outcome(ID, OutcomeKind(kind), 1, AT, None, status, f"HTTP {status}: told")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"message":5}', b'{"error":"text"}', b"\xff"])
async def test_a_final_reply_may_have_no_known_message(body: bytes, api: Api) -> None:
    api.answers(404, body=body)
    assert (await api.fetch()).error == "HTTP 404"


async def test_the_message_of_the_api_is_scrubbed_and_truncated(api: Api) -> None:
    api.answers(400, {"message": f"bad key {KEY} " + "x" * 1000})
    error = (await api.fetch()).error
    assert error is not None
    assert error.startswith(f"HTTP 400: bad key {REDACTED} xxx")
    assert len(error) <= 300


async def test_no_part_of_a_key_longer_than_the_message_is_reported(api: Api) -> None:
    api.key = "".join(map(str, range(2000)))
    api.answers(400, {"message": f"bad key {api.key}"})
    assert (await api.fetch()).error == f"HTTP 400: bad key {REDACTED}"


@pytest.mark.parametrize(
    ("answer", "kind", "attempts"),
    [
        ({"status": 500}, "exhausted", 5),
        ({"status": 429}, "exhausted", 10),
        ({"body": b"<html>", "content_type": "text/html"}, "bad_payload", 3),
        ({"body": b"{"}, "bad_payload", 3),
        ({"body": b""}, "bad_payload", 3),
        ({"status": 204}, "bad_payload", 3),
        ({"payload": {"data": {"id": ID[:-1] + "0"}}}, "bad_payload", 3),
    ],
)
async def test_spent_attempts_are_an_outcome(answer: dict[str, Any], kind: str, attempts: int, api: Api) -> None:
    api.answers(**answer, repeat=True)
    outcome = await api.fetch()
    assert (outcome.kind, outcome.attempts, outcome.record) == (kind, attempts, None)
    assert outcome.http_status == answer.get("status", 200)
    assert outcome.error


async def test_the_second_pass_makes_one_attempt_and_counts_all(api: Api) -> None:
    api.answers(500, repeat=True)
    async with api.fetcher() as fetcher:
        earlier = await fetcher.fetch(ID)
        outcome = await fetcher.fetch_again(earlier)
    assert (earlier.attempts, outcome.kind, outcome.attempts) == (5, "exhausted", 6)
    assert api.count.by_status == {500: 6}


async def test_the_second_pass_may_succeed(api: Api) -> None:
    earlier = Outcome(ID, OutcomeKind.EXHAUSTED, 5, AT, None, 500, "HTTP 500", retried_s=40.0)
    api.answers(payload=connection())
    async with api.fetcher() as fetcher:
        outcome = await fetcher.fetch_again(earlier)
    assert (outcome.id, outcome.kind, outcome.attempts, outcome.http_status) == (ID, OutcomeKind.OK, 6, 200)
    assert outcome.record is not None


async def test_an_exhausted_outcome_has_the_time_of_its_attempts_and_waits(api: Api) -> None:
    api.answers(500, repeat=True)
    outcome = await api.fetch()
    assert outcome.retried_s == pytest.approx(sum(api.clock.slept))
    assert outcome.retried_s > 0


async def test_a_redirect_ends_the_run(api: Api) -> None:
    api.answers(302, headers={"Location": "https://elsewhere.example"})
    with pytest.RaisesGroup(ConfigError, allow_unwrapped=True, flatten_subgroups=True):
        await api.fetch()
    assert len(api.headers_seen) == 1


async def test_a_key_rejected_twice_ends_the_run(api: Api) -> None:
    api.answers(401, repeat=True)
    with pytest.RaisesGroup(KeyRefused, allow_unwrapped=True, flatten_subgroups=True):
        await api.fetch()
    assert len(api.headers_seen) == 2


async def test_ids_are_fetched_concurrently(api: Api) -> None:
    for _ in range(5):
        api.answers(payload=connection())
    async with api.fetcher() as fetcher:
        outcomes = await asyncio.gather(*(fetcher.fetch(ID) for _ in range(5)))
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.OK] * 5


ODD = (
    b'{"data":{"id":"%s","name":"cut \\ud83d","type":{"id":"postgresql","name":"\\ud800"},"saved":1e400,'
    b'"configuration":{"hostname":"h","password":"p\\udc00","limit":-1e999,"hosts":["a","b\\u0000"]},'
    b'"new\\ud800":1,"note":"x\\u0000","logo_url":"\\\\u0000"}}' % ID.encode()
)


async def test_repaired_values_are_counted_by_their_path_in_the_record_even_if_masked(api: Api) -> None:
    api.answers(body=ODD, content_type="application/json")
    outcome = await api.fetch()
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.OK, 1)
    assert sorted(outcome.repairs) == [
        *("configuration.limit", "configuration.password", "extra.new\ufffd", "extra.saved", "name", "type_name")
    ]
    assert sorted(outcome.nuls) == ["configuration.hosts[]", "extra.note"]
    assert tuple(each.path for each in outcome.redactions) == ("configuration.password",)
    assert outcome.record is not None
    assert outcome.record["name"] == "cut \ufffd"
    assert outcome.record["configuration"]["limit"] == "-1e999"
    assert outcome.record["configuration"]["hosts"] == ["a", "b\0"]


async def test_a_repaired_value_that_is_a_secret_is_masked(api: Api) -> None:
    odd = {"token": "hunter2\ud800", "settings": '{"password": "hunter2", "limit": 1e400}'}
    api.answers(body=json.dumps(connection(type={"id": "api"}, configuration=odd)).encode(), content_type="text/plain")
    outcome = await api.fetch()
    assert outcome.kind is OutcomeKind.OK
    assert outcome.repairs == ("configuration.token",)
    assert "hunter2" not in str(outcome)


async def test_an_error_message_in_repaired_json_is_reported(api: Api) -> None:
    api.answers(404, body=b'{"message":"gone \\ud83d","limit":1e400}', content_type="application/json")
    outcome = await api.fetch()
    assert (outcome.kind, outcome.error) == (OutcomeKind.NOT_FOUND, "HTTP 404: gone \ufffd")


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/octet-stream", "binary/octet-stream", "text/json"]
)
async def test_json_of_the_requested_id_is_accepted_with_any_media_type(api: Api, media_type: str) -> None:
    api.answers(payload=connection(), content_type=media_type)
    outcome = await api.fetch()
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.OK, 1)


@pytest.mark.parametrize("media_type", ["", "text/plain"])
@pytest.mark.parametrize(
    "body", [b"<html>", b'{"data":{"id":"348df4b7-aa70-47b8-a036-33ac447e668d"}}', b'{"data":{"id":', b"", b"OK"]
)
async def test_a_body_that_is_not_json_of_the_requested_id_is_rejected_with_any_media_type(
    api: Api, media_type: str, body: bytes
) -> None:
    for _ in range(3):
        api.answers(body=body, content_type=media_type)
    outcome = await api.fetch()
    assert (outcome.kind, outcome.record) == (OutcomeKind.BAD_PAYLOAD, None)


@pytest.mark.parametrize(
    "media_type", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "application/xml"]
)
def test_a_page_is_rejected_even_if_it_contains_json(media_type: str) -> None:
    with pytest.raises(BadPayload, match="not JSON"):
        require_json(Reply(200, {"Content-Type": media_type}, b"{}"))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/problem+json",
        "text/x+json",
    ],
)
def test_every_json_media_type_is_accepted(media_type: str) -> None:
    require_json(Reply(200, {"Content-Type": media_type}, b""))
