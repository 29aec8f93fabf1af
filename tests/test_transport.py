"""The contract of `async (Request) -> Reply`, held to real sockets; another transport joins by one line in `OPENINGS`.

Every row of reliability.md §3.3 that is the transport's: what comes of it, and that what is counted is what the
server saw. What a reply then means for an id is in test_pathologies.
"""

from __future__ import annotations

import asyncio
import ssl
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

import pytest
import trustme

from collector.account import RequestCount
from collector.errors import AttemptFailed, BadPayload, CollectorError, ConfigError, TooLarge, Transient
from collector.key import Secret
from collector.model import Reply, Request, Send
from collector.transport import MAX_BODY_BYTES, MAX_WIRE_BYTES, Timeouts, Transport

from .serving import (
    PATIENCE,
    Exchange,
    Scenario,
    Server,
    answer,
    chunked,
    close,
    forever,
    free_port,
    gzip_of_zeros,
    gzipped,
    hang,
    in_turn,
    raw,
    reset,
    response,
    serving,
)

CANARY = "canary-key-0451"
ASKED = Request("/api/connections/00000001-0000-4000-8000-00000000c0de")
GOOD = b'{"data":{"id":"00000001-0000-4000-8000-00000000c0de"}}'
SOON = 0.3  # seconds, the time-outs where one is what the test is about


class Subject(NamedTuple):
    """A transport that is open, and what it counts."""

    send: Send
    counted: RequestCount


class Opening(Protocol):
    """Opens a transport."""

    def __call__(
        self,
        url: str,
        *,
        read: float = PATIENCE,
        total: float = PATIENCE,
        connections: int = 8,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> AbstractAsyncContextManager[Subject]: ...


@asynccontextmanager
async def by_aiohttp(
    url: str,
    *,
    read: float = PATIENCE,
    total: float = PATIENCE,
    connections: int = 8,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> AsyncIterator[Subject]:
    count = RequestCount()
    headers = {"Authorization": Secret(f"Bearer {CANARY}"), "X-Polytomic-Version": "2025-09-18"}
    transport = Transport(
        url,
        headers,
        connections=connections,
        timeouts=Timeouts(connect=PATIENCE, read=read, total=total),
        count=count,
        ca_file=ca_file,
        proxy=proxy,
    )
    async with asyncio.timeout(PATIENCE), transport.opened():
        yield Subject(transport.send, count)


OPENINGS = [by_aiohttp]


@pytest.fixture(params=OPENINGS)
def opened(request: pytest.FixtureRequest) -> Opening:
    opening: Opening = request.param
    return opening


async def failure_of(send: Send, request: Request = ASKED) -> AttemptFailed | CollectorError:
    """What an attempt raises, after a look whether the key is anywhere in it."""
    try:
        reply = await send(request)
    except (AttemptFailed, CollectorError) as error:
        assert_keyless(error)
        return error
    pytest.fail(f"no failure, but {reply.status} {reply.body[:80]!r}")


def assert_keyless(error: BaseException) -> None:
    """The key stands in no text that anybody could make of the exception."""
    for one in chain_of(error):
        for text in (repr(one), str(one), repr(one.args), repr(vars(one))):
            assert CANARY not in text
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert CANARY not in "".join(told.format())


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The exception, and all that Python keeps behind it."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from chain_of(one)
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            yield from chain_of(behind)


def assert_counts_agree(count: RequestCount, server: Server, *, answered: bool) -> None:
    """What was counted is what the server saw; exactly, where a byte came back."""
    assert count.sent - count.unanswered <= server.requests <= count.sent
    if answered:
        assert (count.sent, count.unanswered) == (server.requests, 0)


# Good replies.


GOOD_REPLIES: dict[str, Scenario] = {
    "length": answer(GOOD),
    "chunks": raw(response(GOOD)[:15] + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD[:9], GOOD[9:])),
    "no length, closed": raw(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD, then=Exchange.close),
    "HTTP/1.0": raw(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD, then=Exchange.close),
    "in small segments": raw(*(response(GOOD)[at : at + 9] for at in range(0, len(response(GOOD)), 9))),
    "gzip": answer(gzipped(GOOD), Content_Encoding="gzip"),
    "GZIP": answer(gzipped(GOOD), Content_Encoding="GZIP"),
    "gzip in chunks": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunked(gzipped(GOOD)[:7], gzipped(GOOD)[7:]),
    ),
    "identity by name": answer(GOOD, Content_Encoding="identity"),
    "early hints": raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(GOOD)),
    "fifty times 100": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + response(GOOD)),
}


@pytest.mark.parametrize("scenario", GOOD_REPLIES.values(), ids=GOOD_REPLIES.keys())
async def test_a_whole_reply_is_returned_however_it_is_framed(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, count):
        reply = await send(ASKED)
    assert (reply.status, reply.body) == (200, GOOD)
    assert_counts_agree(count, server, answered=True)
    assert count.by_status == {200: 1}


@pytest.mark.parametrize(
    "status", [201, 204, 206, 304, 400, 401, 403, 404, 407, 410, 418, 429, 451, 500, 503, 511, 999]
)
async def test_any_status_is_a_reply_and_never_an_exception(opened: Opening, status: int) -> None:
    body = b"" if status in (204, 304) else b"{}"
    async with serving(answer(body, f"{status} Whatever")) as server, opened(server.url) as (send, count):
        reply = await send(ASKED)
    assert (reply.status, reply.body) == (status, body)
    assert_counts_agree(count, server, answered=True)
    assert count.by_status == {status: 1}


async def test_header_names_compare_case_insensitively(opened: Opening) -> None:
    async with serving(answer(GOOD, rEtRy_AfTeR="7")) as server, opened(server.url) as (send, _):
        assert (await send(ASKED)).headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("name", "scenario", "body"),
    [
        ("html", answer(b"<html>", media_type="text/html"), b"<html>"),
        ("empty", answer(b""), b""),
        ("no type", answer(GOOD, media_type=""), GOOD),
        ("bogus charset", answer(GOOD, media_type="application/json; charset=klingon"), GOOD),
        ("utf-16", answer('{"data":{}}'.encode("utf-16")), '{"data":{}}'.encode("utf-16")),
        ("cut, without a length", raw(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD[:20], then=Exchange.close), GOOD[:20]),
    ],
)
async def test_what_a_200_says_is_not_the_transports_business(
    opened: Opening, name: str, scenario: Scenario, body: bytes
) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, count):
        reply = await send(ASKED)
    assert (reply.status, reply.body) == (200, body)
    assert_counts_agree(count, server, answered=True)


async def test_the_request_is_the_target_as_it_is_with_our_headers(opened: Opening) -> None:
    async with serving(answer(GOOD)) as server, opened(f"{server.url}/proxied") as (send, _):
        await send(ASKED)
    [head] = server.heads
    assert head.startswith(b"GET /proxied/api/connections/00000001-0000-4000-8000-00000000c0de HTTP/1.1\r\n")
    assert f"Authorization: Bearer {CANARY}\r\n".encode() in head
    assert b"X-Polytomic-Version: 2025-09-18\r\n" in head
    assert b"Accept-Encoding: gzip, identity\r\n" in head or b"Accept-Encoding: identity\r\n" in head


async def test_cookies_are_not_kept(opened: Opening) -> None:
    async with serving(answer(GOOD, Set_Cookie="session=1")) as server, opened(server.url) as (send, _):
        await send(ASKED)
        await send(ASKED)
    assert server.requests == 2
    assert not [head for head in server.heads if b"cookie" in head.lower()]


async def test_a_connection_is_used_again(opened: Opening) -> None:
    async with serving(answer(GOOD)) as server, opened(server.url) as (send, count):
        for _ in range(5):
            await send(ASKED)
    assert (server.requests, server.opened) == (5, 1)
    assert_counts_agree(count, server, answered=True)


async def test_there_are_never_more_connections_than_allowed(opened: Opening) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.01)
        await exchange.write(response(GOOD))

    async with serving(slow) as server, opened(server.url, connections=3) as (send, count):
        await asyncio.gather(*(send(ASKED) for _ in range(20)))
    assert server.most_open <= 3
    assert count.sent == server.requests == 20


# What aiohttp does behind one's back.


@pytest.mark.parametrize("scenario", [close, reset], ids=["close", "reset"])
async def test_a_lost_connection_is_not_tried_again_behind_our_back(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, count):
        assert type(await failure_of(send)) is Transient
    assert server.requests == count.sent == count.unanswered == 1
    assert not count.by_status


@pytest.mark.parametrize("scenario", [close, reset], ids=["close", "reset"])
async def test_a_lost_keep_alive_connection_is_not_tried_again_either(opened: Opening, scenario: Scenario) -> None:
    """The request that meets the end of a connection that was used before is counted once, and seen once."""
    async with serving(in_turn(answer(GOOD), scenario, answer(GOOD))) as server, opened(server.url) as (send, count):
        await send(ASKED)
        assert type(await failure_of(send)) is Transient
        assert (server.requests, count.sent, count.unanswered, server.opened) == (2, 2, 1, 1)
        assert (await send(ASKED)).status == 200
    assert (server.requests, count.sent, count.unanswered) == (3, 3, 1)


async def test_a_server_that_closes_after_each_answer_costs_no_uncounted_request(opened: Opening) -> None:
    """The keep-alive race: whether the client notices the end before or after it has sent, the bounds hold."""
    async with (
        serving(raw(response(GOOD), then=Exchange.close)) as server,
        opened(server.url, connections=4) as (send, count),
    ):
        results = await asyncio.gather(*(_several(send, 25) for _ in range(4)))
    assert sum(results) == count.by_status[200]
    assert_counts_agree(count, server, answered=False)


async def _several(send: Send, times: int) -> int:
    good = 0
    for _ in range(times):
        try:
            await send(ASKED)
            good += 1
        except Transient:
            continue
    return good


async def test_counts_agree_whatever_mixture_of_faults_the_server_has(opened: Opening) -> None:
    dice = Random(7)
    kinds = [answer(GOOD), answer(GOOD), answer(b"{}", "500 No"), close, reset, raw(b"\xff\xfe\r\n\r\n")]
    kinds.append(raw(response(GOOD, length=999), then=Exchange.close))

    async def scenario(exchange: Exchange) -> None:
        await dice.choice(kinds)(exchange)
        if exchange.number % 3 == 0:
            exchange.close()

    async with serving(scenario) as server, opened(server.url, connections=6) as (send, count):
        await asyncio.gather(*(_several(send, 50) for _ in range(6)))
    assert count.sent == 300  # nothing was refused a connection, so every attempt is one request
    assert_counts_agree(count, server, answered=False)
    assert count.by_status.total() + count.unanswered <= count.sent


# Every way to fail.


class Row(NamedTuple):
    """What a server does, what the attempt is then, and did a byte of the answer come?"""

    scenario: Scenario
    kind: type[AttemptFailed]
    answered: bool = True


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
LENGTH_AND_CHUNKS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD)
MANY_HEADERS = "".join(f"X-{number}: 1\r\n" for number in range(500)).encode()

PATHOLOGIES: dict[str, Row] = {
    "Content-Length cut": Row(raw(response(GOOD, length=len(GOOD) + 10), then=Exchange.close), Transient),
    "Content-Length and nothing of it": Row(raw(response(b"", length=10), then=Exchange.close), Transient),
    "reset in the body": Row(raw(response(GOOD, length=999), b"x", then=Exchange.reset), Transient),
    "chunk cut": Row(raw(CHUNKED + b"40\r\n" + GOOD, then=Exchange.close), Transient),
    "last chunk missing": Row(raw(CHUNKED + chunked(GOOD, end=False), then=Exchange.close), Transient),
    "chunk size garbled": Row(raw(CHUNKED + b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n", then=Exchange.close), Transient),
    "gzip cut by 8": Row(answer(gzipped(GOOD)[:-8], Content_Encoding="gzip"), BadPayload),
    "gzip cut by 20": Row(answer(gzipped(GOOD)[:-20], Content_Encoding="gzip"), BadPayload),
    "gzip of nothing": Row(answer(b"", Content_Encoding="gzip"), BadPayload),
    "gzip with a wrong checksum": Row(answer(gzipped(GOOD)[:-8] + b"\0" * 8, Content_Encoding="gzip"), BadPayload),
    "gzip that is none": Row(answer(GOOD, Content_Encoding="gzip"), BadPayload),
    "br": Row(answer(GOOD, Content_Encoding="br"), BadPayload),
    "an encoding nobody knows": Row(answer(GOOD, Content_Encoding="klingon"), BadPayload),
    "gzip twice": Row(answer(gzipped(gzipped(GOOD)), Content_Encoding="gzip, gzip"), BadPayload),
    "too long by its length": Row(answer(b" " * (MAX_WIRE_BYTES + 1)), TooLarge),
    "a length that is never sent": Row(raw(response(b"", length=10**15), GOOD, then=Exchange.close), Transient),
    "endless chunks": Row(forever(CHUNKED, chunked(b" " * 65536, end=False)), TooLarge),
    "endless, until closed": Row(forever(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536), TooLarge),
    "gzip bomb": Row(answer(gzip_of_zeros(300 << 20), Content_Encoding="gzip"), TooLarge),
    "unpacks to one byte too many": Row(answer(gzip_of_zeros(MAX_BODY_BYTES + 1), Content_Encoding="gzip"), TooLarge),
    "random bytes": Row(raw(b"\xff\xfe\x00garbage\r\n\r\n", then=Exchange.close), Transient),
    "SSH banner": Row(raw(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", then=Exchange.close), Transient),
    "TLS alert": Row(raw(b"\x15\x03\x01\x00\x02\x02\x46", then=Exchange.close), Transient),
    "status of two digits": Row(raw(b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}", then=Exchange.close), Transient),
    "two Content-Lengths": Row(raw(TWO_LENGTHS, then=Exchange.close), Transient),
    "Content-Length and chunks": Row(raw(LENGTH_AND_CHUNKS, then=Exchange.close), Transient),
    "20 kB header": Row(answer(GOOD, X_Long="x" * 20_000), Transient),
    "500 headers": Row(raw(b"HTTP/1.1 200 OK\r\n" + MANY_HEADERS + b"\r\n", then=Exchange.close), Transient),
    "NUL in a header": Row(raw(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}"), Transient),
    "extra bytes after the body": Row(raw(response(GOOD) + b"HTTP/9 extra", then=Exchange.close), Transient),
    "closed inside of the head": Row(raw(b"HTTP/1.1 200 OK\r\nContent-", then=Exchange.close), Transient, False),
    "closed": Row(close, Transient, False),
    "reset": Row(reset, Transient, False),
}


@pytest.mark.parametrize("row", PATHOLOGIES.values(), ids=PATHOLOGIES.keys())
async def test_every_pathology_is_one_counted_attempt_that_failed_in_its_class(opened: Opening, row: Row) -> None:
    async with serving(row.scenario) as server, opened(server.url) as (send, count):
        failure = await failure_of(send)
    assert type(failure) is row.kind
    assert server.requests == count.sent == 1
    assert_counts_agree(count, server, answered=row.answered)


@pytest.mark.parametrize("row", PATHOLOGIES.values(), ids=PATHOLOGIES.keys())
async def test_after_every_pathology_the_next_request_is_answered(opened: Opening, row: Row) -> None:
    """Nothing of a broken answer is left on a connection that is used again."""
    scenario = in_turn(row.scenario, answer(GOOD))
    async with serving(scenario) as server, opened(server.url, connections=1) as (send, count):
        await failure_of(send)
        assert (await send(ASKED)).body == GOOD
    assert server.requests == count.sent == 2


@pytest.mark.parametrize("name", ["random bytes", "two Content-Lengths", "20 kB header", "extra bytes after the body"])
async def test_a_parse_error_is_never_taken_for_an_http_status(opened: Opening, name: str) -> None:
    async with serving(PATHOLOGIES[name].scenario) as server, opened(server.url) as (send, count):
        failure = await failure_of(send)
    assert isinstance(failure, AttemptFailed)
    assert failure.status != 400
    assert 400 not in count.by_status


@pytest.mark.parametrize(
    "scenario",
    [
        answer(b" " * MAX_WIRE_BYTES),
        raw(CHUNKED + chunked(*[b" " * 65536] * (MAX_WIRE_BYTES // 65536))),
        answer(gzip_of_zeros(MAX_BODY_BYTES), Content_Encoding="gzip"),
    ],
    ids=["by length", "in chunks", "unpacked"],
)
async def test_a_body_of_exactly_the_cap_is_let_through(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, _):
        assert len((await send(ASKED)).body) in (MAX_WIRE_BYTES, MAX_BODY_BYTES)


async def test_a_gzip_bomb_takes_no_memory_beyond_the_cap(opened: Opening) -> None:
    bomb = gzip_of_zeros(300 << 20)
    assert len(bomb) < MAX_WIRE_BYTES
    async with serving(answer(bomb, Content_Encoding="gzip")) as server, opened(server.url) as (send, _):
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                await send(ASKED)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 4 * MAX_BODY_BYTES


async def test_an_endless_body_takes_no_memory_beyond_the_cap(opened: Opening) -> None:
    async with serving(forever(CHUNKED, chunked(b" " * 65536, end=False))) as server, opened(server.url) as (send, _):
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                await send(ASKED)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 4 * MAX_WIRE_BYTES


# Time.


async def early_hints_forever(exchange: Exchange) -> None:
    while True:
        await exchange.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.02)


async def half_an_answer(exchange: Exchange) -> None:
    await exchange.write(response(GOOD, length=999))
    await hang(exchange)


@pytest.mark.parametrize(
    "scenario",
    [hang, half_an_answer, forever(b"HT", b"T", every=0.02), early_hints_forever],
    ids=["hang", "hang in the body", "head by drops", "endless 1xx"],
)
async def test_an_answer_that_never_ends_is_ended_by_a_time_out(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url, read=SOON, total=2 * SOON) as (send, count):
        assert type(await failure_of(send)) is Transient
    assert server.requests == count.sent == 1
    assert_counts_agree(count, server, answered=False)


@pytest.mark.parametrize("head", [response(b"", length=999), CHUNKED], ids=["length", "chunks"])
async def test_an_answer_that_comes_by_drops_is_ended_by_the_total(opened: Opening, head: bytes) -> None:
    """The time-out of a silence never strikes here; only that of the whole does."""
    piece = b" " if head != CHUNKED else chunked(b" ", end=False)
    async with serving(forever(head, piece, every=0.02)) as server, opened(server.url, total=SOON) as (send, count):
        assert type(await failure_of(send)) is Transient
    assert (server.requests, count.sent, count.unanswered) == (1, 1, 0)


async def test_a_hanging_request_is_counted_as_unanswered(opened: Opening) -> None:
    async with serving(hang) as server, opened(server.url, read=SOON) as (send, count):
        await failure_of(send)
    assert (server.requests, count.sent, count.unanswered) == (1, 1, 1)


async def test_a_time_out_ends_one_request_and_no_other(opened: Opening) -> None:
    async with (
        serving(in_turn(hang, answer(GOOD))) as server,
        opened(server.url, read=SOON, total=SOON) as (send, count),
    ):
        failing = asyncio.create_task(failure_of(send))
        await server.saw(1)
        good = 0
        while not failing.done():
            good += (await send(ASKED)).status == 200
        assert type(await failing) is Transient
    assert good
    assert (count.sent, count.unanswered) == (server.requests, 1)


async def test_cancelling_is_not_swallowed_and_harms_nobody_else(opened: Opening) -> None:
    async with serving(in_turn(hang, answer(GOOD))) as server, opened(server.url, connections=1) as (send, count):
        task = asyncio.create_task(_plain(send))
        await server.saw(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await send(ASKED)).body == GOOD
    assert (server.requests, count.sent, count.unanswered) == (2, 2, 1)


async def _plain(send: Send) -> Reply:
    return await send(ASKED)


async def test_an_outer_time_out_stays_the_outer_ones(opened: Opening) -> None:
    async with serving(hang) as server, opened(server.url) as (send, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await send(ASKED)


# No connection at all.


async def test_a_refused_connection_is_transient_and_nothing_was_sent(opened: Opening) -> None:
    async with opened(f"http://127.0.0.1:{free_port()}") as (send, count):
        assert type(await failure_of(send)) is Transient
    assert (count.sent, count.unanswered) == (0, 0)


async def test_a_name_that_does_not_resolve_is_transient_and_nothing_was_sent(opened: Opening) -> None:
    async with opened("http://no-such-host.invalid") as (send, count):
        assert type(await failure_of(send)) is Transient
    assert (count.sent, count.unanswered) == (0, 0)


async def test_https_to_a_plain_port_is_transient(opened: Opening) -> None:
    """A plain server waits for the end of what it takes for a request, so only a time-out ends the handshake."""
    async with (
        serving(answer(GOOD)) as server,
        opened(server.url.replace("http:", "https:"), read=SOON) as (send, count),
    ):
        assert type(await failure_of(send)) is Transient
    assert server.requests == 0
    assert_counts_agree(count, server, answered=False)


async def test_a_plain_answer_to_a_tls_handshake_is_transient_and_nothing_was_sent(opened: Opening) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read(64)
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, opened(f"https://127.0.0.1:{port}") as (send, count):
        assert type(await failure_of(send)) is Transient
    assert (count.sent, count.unanswered) == (0, 0)


# Redirects.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_a_reply_and_its_target_is_never_asked(opened: Opening, status: int) -> None:
    async with serving(answer(GOOD)) as target:
        moved = answer(b"", f"{status} Elsewhere", Location=f"{target.url}/api/connections")
        async with serving(moved) as server, opened(server.url) as (send, count):
            reply = await send(ASKED)
        assert (reply.status, reply.headers["Location"]) == (status, f"{target.url}/api/connections")
        assert_counts_agree(count, server, answered=True)
        assert (server.requests, target.requests, target.opened) == (1, 0, 0)


@pytest.mark.parametrize(
    "location", ["", "/api/elsewhere", "//other.example/", "file:///etc/passwd", "http://[", "\x7f"]
)
async def test_a_redirect_to_nonsense_is_a_reply_too(opened: Opening, location: str) -> None:
    async with serving(answer(b"", "302 Found", Location=location)) as server, opened(server.url) as (send, _):
        assert (await send(ASKED)).status == 302
    assert server.requests == 1


# Certificates.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def expired(authority: trustme.CA) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))


def of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.example")


def of_another_authority(authority: trustme.CA) -> trustme.LeafCert:
    return trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("127.0.0.1")


@pytest.mark.parametrize("make", [expired, of_another_host, of_another_authority])
async def test_a_certificate_that_does_not_verify_is_a_matter_of_the_configuration(
    opened: Opening, make: Callable[[trustme.CA], trustme.LeafCert], authority: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    async with (
        serving(answer(GOOD), tls=context_of(make(authority))) as server,
        opened(server.url, ca_file=str(bundle)) as (send, count),
    ):
        failure = await failure_of(send)
    assert type(failure) is ConfigError
    assert "certificate" in str(failure)
    assert "ca_file" in str(failure)
    assert (server.opened, server.requests, count.sent, count.unanswered) == (1, 0, 0, 0)


async def test_without_a_ca_file_an_authority_of_ones_own_is_unknown(opened: Opening, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    async with serving(answer(GOOD), tls=context_of(certificate)) as server, opened(server.url) as (send, count):
        assert type(await failure_of(send)) is ConfigError
    assert (server.opened, server.requests, count.sent) == (1, 0, 0)


async def test_with_the_right_ca_file_the_certificate_verifies(
    opened: Opening, authority: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    certificate = authority.issue_cert("127.0.0.1")
    async with (
        serving(answer(GOOD), tls=context_of(certificate)) as server,
        opened(server.url, ca_file=str(bundle)) as (send, count),
    ):
        assert (await send(ASKED)).body == GOOD
    assert_counts_agree(count, server, answered=True)


@pytest.mark.parametrize("content", [None, "", "not a certificate"], ids=["missing", "empty", "garbage"])
async def test_a_ca_file_that_is_none_is_refused_before_anything_is_sent(
    opened: Opening, content: str | None, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigError, match="ca_file"):
        async with opened("https://127.0.0.1", ca_file=str(bundle)):
            pass


async def test_http_to_a_tls_port_is_transient(opened: Opening, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    async with (
        serving(answer(GOOD), tls=context_of(certificate)) as server,
        opened(server.url.replace("https:", "http:")) as (send, count),
    ):
        assert type(await failure_of(send)) is Transient
    assert (server.requests, count.sent) == (0, 1)


# Proxies.


async def test_a_dead_proxy_is_transient_and_nothing_was_sent(opened: Opening) -> None:
    async with serving(answer(GOOD)) as server:
        proxy = f"http://127.0.0.1:{free_port()}"
        async with opened(server.url, proxy=proxy) as (send, count):
            assert type(await failure_of(send)) is Transient
    assert (server.opened, count.sent, count.unanswered) == (0, 0, 0)


async def test_a_proxy_that_wants_credentials_is_a_matter_of_the_configuration(opened: Opening) -> None:
    async with (
        serving(answer(b"", "407 Proxy Authentication Required")) as proxy,
        opened("https://api.example", proxy=proxy.url) as (send, count),
    ):
        failure = await failure_of(send)
    assert type(failure) is ConfigError
    assert "proxy" in str(failure)
    assert count.sent == 0
    assert not [head for head in proxy.heads if CANARY.encode() in head]


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "200 OK"])
async def test_a_proxy_without_a_way_is_transient(opened: Opening, status: str) -> None:
    async with (
        serving(raw(response(b"", status), then=Exchange.close)) as proxy,
        opened("https://api.example", proxy=proxy.url) as (send, count),
    ):
        assert type(await failure_of(send)) is Transient
    assert count.sent == 0
    assert not [head for head in proxy.heads if CANARY.encode() in head]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxies_of_the_environment_are_not_used(
    opened: Opening, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer(b"stolen")) as thief, serving(answer(GOOD)) as server:
        monkeypatch.setenv(name, thief.url)
        async with opened(server.url) as (send, _):
            assert (await send(ASKED)).body == GOOD
        assert thief.opened == 0


async def test_the_netrc_file_is_not_used(opened: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(answer(GOOD)) as server, opened(server.url) as (send, _):
        await send(ASKED)
    assert f"Authorization: Bearer {CANARY}\r\n".encode() in server.heads[0]
    assert server.heads[0].lower().count(b"authorization:") == 1


async def test_session_keys_are_written_nowhere(
    opened: Opening, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    certificate = authority.issue_cert("127.0.0.1")
    async with (
        serving(answer(GOOD), tls=context_of(certificate)) as server,
        opened(server.url, ca_file=str(bundle)) as (send, _),
    ):
        await send(ASKED)
    assert not (tmp_path / "keys").exists()
