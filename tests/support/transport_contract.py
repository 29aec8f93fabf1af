"""The contract of `async (Request) -> Reply`, tested with real sockets and independent of the transport.

    from tests.support.transport_contract import *  # with a fixture `opening` that returns an `Opening`

Tests the result of every row of `http_pathologies`, and that the counts match the requests that the server received.
`test_pathologies` tests the meaning of a reply or a failure for an id.
"""

from __future__ import annotations

import asyncio
import socket
import traceback
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

import pytest
import trustme
from hypothesis import HealthCheck, given, settings

from collector.client.classify import final_outcome, raise_if_not_final
from collector.client.failures import AttemptFailed, BadPayload, Throttled, TimedOut, TooLarge, Transient, Unauthorized
from collector.client.messages import Reply, Request, Send
from collector.client.transport.body import MAX_BODY_BYTES, MAX_WIRE_BYTES
from collector.model.errors import CollectorError, ConfigError
from collector.model.ledger import RequestCount
from collector.model.outcome import OutcomeKind
from collector.polytomic.envelope import read_data, require_json
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.redaction.scrubber import Scrubber
from tests.support.http_pathologies import (
    BROKEN_ANSWERS,
    CHUNKED,
    ENDLESS_ANSWERS,
    GOOD_REPLIES,
    NETWORK_PATHS,
    ODD_REPLIES,
    REDIRECTS,
    NetworkPath,
    Redirect,
    Row,
    context_of,
    new_authority,
    redirecting,
)
from tests.support.malformed_http import MalformedReply, malformed_reply
from tests.support.scripted_server import (
    PATIENCE,
    Exchange,
    Scenario,
    Server,
    answer,
    chunked,
    close,
    ending_after,
    forever,
    gzip_of_zeros,
    gzipped,
    hang,
    in_turn,
    raw,
    reset,
    response,
    serving,
)
from tests.support.unreadable_bodies import ENDLESS, UNREADABLE, ErrorReply

CANARY = "canary-key-0451"
REQUEST = Request("/api/connections/00000001-0000-4000-8000-00000000c0de")
GOOD = b'{"data":{"id":"00000001-0000-4000-8000-00000000c0de"}}'
SHORT_TIMEOUT = 0.3  # seconds; for tests of timeouts


class Subject(NamedTuple):
    """An open transport and its counts."""

    send: Send
    counted: RequestCount


class Opening(Protocol):
    """Opens a transport with an address, timeouts in seconds, and a maximum number of connections."""

    def __call__(
        self,
        url: str,
        *,
        connect: float = PATIENCE,
        read: float = PATIENCE,
        total: float = PATIENCE,
        connections: int = 8,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> AbstractAsyncContextManager[Subject]: ...


@pytest.fixture
def opened(opening: Opening) -> Opening:
    """The transport under test, with a timeout for the whole test."""

    @asynccontextmanager
    async def with_timeout(url: str, **options: Any) -> AsyncIterator[Subject]:
        async with asyncio.timeout(PATIENCE), opening(url, **options) as subject:
            yield subject

    return with_timeout


async def failure_of(send: Send, request: Request = REQUEST) -> AttemptFailed | CollectorError:
    """Return the exception of an attempt, after a check that it does not contain the key."""
    try:
        reply = await send(request)
    except (AttemptFailed, CollectorError) as error:
        assert_keyless(error)
        return error
    pytest.fail(f"no failure, but {reply.status} {reply.body[:80]!r}")


def assert_keyless(error: BaseException) -> None:
    """Check that no text form of the exception contains the key."""
    for one in exception_chain(error):
        for text in (repr(one), str(one), repr(one.args), repr(vars(one))):
            assert CANARY not in text
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert CANARY not in "".join(report.format())


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all exceptions linked to it."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from exception_chain(one)
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            yield from exception_chain(linked)


def assert_counts_agree(count: RequestCount, server: Server, *, answered: bool) -> None:
    """Check that the counts match the server's; exactly, if the server sent a byte."""
    assert count.sent - count.unanswered <= server.requests <= count.sent
    if answered:
        assert (count.sent, count.unanswered) == (server.requests, 0)


# Good replies.


@pytest.mark.parametrize("row", GOOD_REPLIES.values(), ids=GOOD_REPLIES.keys())
async def test_a_complete_reply_is_returned_in_any_framing(opened: Opening, row: Row) -> None:
    async with serving(row.serve(GOOD)) as server, opened(server.url) as (send, count):
        reply = await send(REQUEST)
    assert (reply.status, reply.body) == (200, GOOD)
    assert_counts_agree(count, server, answered=True)
    assert count.by_status == {200: 1}


@pytest.mark.parametrize(
    "status", [201, 204, 206, 304, 400, 401, 403, 404, 407, 410, 418, 429, 451, 500, 503, 511, 999]
)
async def test_any_status_is_a_reply_and_never_an_exception(opened: Opening, status: int) -> None:
    body = b"" if status in (204, 304) else b"{}"
    async with serving(answer(body, f"{status} Whatever")) as server, opened(server.url) as (send, count):
        reply = await send(REQUEST)
    assert (reply.status, reply.body) == (status, body)
    assert_counts_agree(count, server, answered=True)
    assert count.by_status == {status: 1}


async def test_header_names_compare_case_insensitively(opened: Opening) -> None:
    async with serving(answer(GOOD, rEtRy_AfTeR="7")) as server, opened(server.url) as (send, _):
        assert (await send(REQUEST)).headers["Retry-After"] == "7"


@pytest.mark.parametrize("row", ODD_REPLIES.values(), ids=ODD_REPLIES.keys())
async def test_the_transport_does_not_interpret_replies(opened: Opening, row: Row) -> None:
    async with serving(row.serve(GOOD)) as server, opened(server.url) as (send, count):
        reply = await send(REQUEST)
    assert reply.status == row.attempt
    assert_counts_agree(count, server, answered=True)


async def test_a_body_is_returned_byte_for_byte(opened: Opening) -> None:
    body = bytes(range(256)) * 9
    async with serving(answer(body)) as server, opened(server.url) as (send, _):
        assert (await send(REQUEST)).body == body


async def test_the_request_has_the_unchanged_target_and_the_given_headers(opened: Opening) -> None:
    async with serving(answer(GOOD)) as server, opened(f"{server.url}/proxied") as (send, _):
        await send(REQUEST)
    [head] = server.heads
    assert head.startswith(b"GET /proxied/api/connections/00000001-0000-4000-8000-00000000c0de HTTP/1.1\r\n")
    assert f"Authorization: Bearer {CANARY}\r\n".encode() in head
    assert b"X-Polytomic-Version: 2025-09-18\r\n" in head
    assert b"Accept-Encoding: gzip, identity\r\n" in head or b"Accept-Encoding: identity\r\n" in head


async def test_cookies_are_not_stored(opened: Opening) -> None:
    async with serving(answer(GOOD, Set_Cookie="session=1")) as server, opened(server.url) as (send, _):
        await send(REQUEST)
        await send(REQUEST)
    assert server.requests == 2
    assert not [head for head in server.heads if b"cookie" in head.lower()]


async def test_a_connection_is_reused(opened: Opening) -> None:
    async with serving(answer(GOOD)) as server, opened(server.url) as (send, count):
        for _ in range(5):
            await send(REQUEST)
    assert (server.requests, server.opened) == (5, 1)
    assert_counts_agree(count, server, answered=True)


async def test_the_number_of_connections_is_limited(opened: Opening) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.01)
        await exchange.write(response(GOOD))

    async with serving(slow) as server, opened(server.url, connections=3) as (send, count):
        await asyncio.gather(*(send(REQUEST) for _ in range(20)))
    assert server.most_open <= 3
    assert count.sent == server.requests == 20


# Implicit behaviour of aiohttp.


@pytest.mark.parametrize("scenario", [close, reset], ids=["close", "reset"])
async def test_a_lost_connection_is_not_retried_implicitly(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, count):
        assert type(await failure_of(send)) is Transient
    assert server.requests == count.sent == count.unanswered == 1
    assert not count.by_status


@pytest.mark.parametrize("scenario", [close, reset], ids=["close", "reset"])
async def test_a_lost_keep_alive_connection_is_not_retried_implicitly(opened: Opening, scenario: Scenario) -> None:
    """A request on a reused connection that ends is counted once and received once."""
    async with serving(in_turn(answer(GOOD), scenario, answer(GOOD))) as server, opened(server.url) as (send, count):
        await send(REQUEST)
        assert type(await failure_of(send)) is Transient
        assert (server.requests, count.sent, count.unanswered, server.opened) == (2, 2, 1, 1)
        assert (await send(REQUEST)).status == 200
    assert (server.requests, count.sent, count.unanswered) == (3, 3, 1)


@pytest.mark.parametrize("every", [1, 2, 3, 7])
@pytest.mark.parametrize("end", [Exchange.close, Exchange.reset], ids=["close", "reset"])
async def test_every_request_is_counted_when_the_server_closes_connections_after_replies(
    opened: Opening, every: int, end: Callable[[Exchange], None]
) -> None:
    """The keep-alive race: the bounds hold whether the client sees the end before or after it sends."""
    async with (
        serving(ending_after(every, answer(GOOD), end)) as server,
        opened(server.url, connections=4) as (send, count),
    ):
        results = await asyncio.gather(*(_send_several(send, 25) for _ in range(4)))
    assert count.sent == 100
    assert sum(results) == count.by_status[200]
    assert_counts_agree(count, server, answered=False)


async def _send_several(send: Send, times: int) -> int:
    good = 0
    for _ in range(times):
        try:
            await send(REQUEST)
            good += 1
        except Transient:
            continue
    return good


async def test_counts_agree_for_a_mixture_of_faults(opened: Opening) -> None:
    rng = Random(7)
    kinds = [answer(GOOD), answer(GOOD), answer(b"{}", "500 No"), close, reset, raw(b"\xff\xfe\r\n\r\n")]
    kinds.append(raw(response(GOOD, length=999), then=Exchange.close))

    async def scenario(exchange: Exchange) -> None:
        await rng.choice(kinds)(exchange)
        if exchange.number % 3 == 0:
            exchange.close()

    async with serving(scenario) as server, opened(server.url, connections=6) as (send, count):
        await asyncio.gather(*(_send_several(send, 50) for _ in range(6)))
    assert count.sent == 300  # no connection was rejected, so every attempt is one request
    assert_counts_agree(count, server, answered=False)
    assert count.by_status.total() + count.unanswered <= count.sent


# Failures.


@pytest.mark.parametrize("row", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS.keys())
async def test_every_pathology_is_one_counted_attempt_with_the_expected_failure(opened: Opening, row: Row) -> None:
    async with serving(row.serve(GOOD)) as server, opened(server.url) as (send, count):
        failure = await failure_of(send)
    assert type(failure) is row.attempt
    assert server.requests == count.sent == 1
    assert_counts_agree(count, server, answered=row.answered)


@pytest.mark.parametrize("row", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS.keys())
async def test_after_every_pathology_the_next_request_is_answered(opened: Opening, row: Row) -> None:
    """A reused connection contains no remains of a broken reply."""
    scenario = in_turn(row.serve(GOOD), answer(GOOD))
    async with serving(scenario) as server, opened(server.url, connections=1) as (send, count):
        await failure_of(send)
        assert (await send(REQUEST)).body == GOOD
    assert server.requests == count.sent == 2


@pytest.mark.parametrize("name", ["random bytes", "two Content-Lengths", "20 kB header", "extra bytes after the body"])
async def test_a_parse_error_is_never_taken_for_an_http_status(opened: Opening, name: str) -> None:
    async with serving(BROKEN_ANSWERS[name].serve(GOOD)) as server, opened(server.url) as (send, count):
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
async def test_a_body_of_exactly_the_cap_is_accepted(opened: Opening, scenario: Scenario) -> None:
    async with serving(scenario) as server, opened(server.url) as (send, _):
        assert len((await send(REQUEST)).body) in (MAX_WIRE_BYTES, MAX_BODY_BYTES)


async def peak_memory_of_too_large(send: Send) -> int:
    """Return the peak memory, in bytes, of an attempt that failed as too large."""
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await send(REQUEST)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_the_memory_for_a_gzip_bomb_is_bounded(opened: Opening) -> None:
    bomb = gzip_of_zeros(300 << 20)
    assert len(bomb) < MAX_WIRE_BYTES
    async with serving(answer(bomb, Content_Encoding="gzip")) as server, opened(server.url) as (send, _):
        assert await peak_memory_of_too_large(send) < 4 * MAX_BODY_BYTES


async def test_the_memory_for_an_endless_body_is_bounded(opened: Opening) -> None:
    async with serving(forever(CHUNKED, chunked(b" " * 65536, end=False))) as server, opened(server.url) as (send, _):
        assert await peak_memory_of_too_large(send) < 4 * MAX_WIRE_BYTES


# Errors: the status counts, even with an unreadable body.


@pytest.mark.parametrize("refuse", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("status", [201, 206, 302, 401, 403, 404, 407, 429, 500, 503])
async def test_an_error_with_an_unreadable_body_is_a_reply_and_the_next_request_is_answered(
    opened: Opening, refuse: ErrorReply, status: int
) -> None:
    scenario = in_turn(refuse(f"{status} Whatever", Retry_After="7", X_RateLimit_Remaining="0"), answer(GOOD))
    async with serving(scenario) as server, opened(server.url, connections=1) as (send, count):
        reply = await send(REQUEST)
        assert (await send(REQUEST)).body == GOOD
    assert (reply.status, reply.headers["Retry-After"], reply.headers["X-RateLimit-Remaining"]) == (status, "7", "0")
    assert reply.unread
    assert count.by_status == {status: 1, 200: 1}
    assert_counts_agree(count, server, answered=True)


@pytest.mark.parametrize("refuse", ENDLESS.values(), ids=ENDLESS.keys())
async def test_an_error_is_returned_without_waiting_for_its_body(opened: Opening, refuse: ErrorReply) -> None:
    """A wait as long as for the body of a 200 would let other requests continue without knowing the status."""
    scenario = in_turn(refuse("401 Whatever"), answer(GOOD))
    async with serving(scenario) as server, opened(server.url, connections=1) as (send, count):
        async with asyncio.timeout(PATIENCE / 4):
            reply = await send(REQUEST)
        assert (await send(REQUEST)).body == GOOD
    assert (reply.status, count.by_status) == (401, {401: 1, 200: 1})
    assert "longer than" in reply.unread
    assert_counts_agree(count, server, answered=True)


async def test_an_error_with_an_endless_body_can_be_cancelled(opened: Opening) -> None:
    async with serving(ENDLESS["hang"]("401 Whatever")) as server, opened(server.url) as (send, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_TIMEOUT):
                await send(REQUEST)


async def test_the_body_of_an_error_is_decompressed(opened: Opening) -> None:
    scenario = answer(gzipped(b'{"message":') + gzipped(b'"no"}'), "404 No", Content_Encoding="x-gzip")
    async with serving(scenario) as server, opened(server.url) as (send, _):
        reply = await send(REQUEST)
    assert (reply.status, reply.body, reply.unread) == (404, b'{"message":"no"}', "")


async def test_a_body_that_breaks_in_a_later_segment_fails_immediately(opened: Opening) -> None:
    """A parse error in a segment after the head ends the body immediately, without a timeout."""
    scenario = raw(CHUNKED + chunked(b"{", end=False), b"zz\r\n")
    async with serving(scenario) as server, opened(server.url) as (send, count):
        assert type(await failure_of(send)) is Transient
    assert_counts_agree(count, server, answered=True)


# Time.


@pytest.mark.parametrize("row", ENDLESS_ANSWERS.values(), ids=ENDLESS_ANSWERS.keys())
async def test_an_endless_reply_is_ended_by_a_timeout(opened: Opening, row: Row) -> None:
    async with (
        serving(row.serve(GOOD)) as server,
        opened(server.url, read=SHORT_TIMEOUT, total=2 * SHORT_TIMEOUT) as (send, count),
    ):
        assert type(await failure_of(send)) is row.attempt
    assert server.requests == count.sent == 1
    assert count.unanswered == (not row.answered)


async def test_a_hanging_request_is_counted_as_unanswered(opened: Opening) -> None:
    async with serving(hang) as server, opened(server.url, read=SHORT_TIMEOUT) as (send, count):
        await failure_of(send)
    assert (server.requests, count.sent, count.unanswered) == (1, 1, 1)


async def test_a_timeout_ends_only_its_own_request(opened: Opening) -> None:
    async with (
        serving(in_turn(hang, answer(GOOD))) as server,
        opened(server.url, read=SHORT_TIMEOUT, total=SHORT_TIMEOUT) as (send, count),
    ):
        failing = asyncio.create_task(failure_of(send))
        await server.saw(1)
        good = 0
        while not failing.done():
            good += (await send(REQUEST)).status == 200
        assert type(await failing) is TimedOut
    assert good
    assert (count.sent, count.unanswered) == (server.requests, 1)


async def test_a_cancellation_is_not_swallowed_and_affects_only_its_request(opened: Opening) -> None:
    async with serving(in_turn(hang, answer(GOOD))) as server, opened(server.url, connections=1) as (send, count):
        task = asyncio.create_task(_send_requested(send))
        await server.saw(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await send(REQUEST)).body == GOOD
    assert (server.requests, count.sent, count.unanswered) == (2, 2, 1)


async def _send_requested(send: Send) -> Reply:
    return await send(REQUEST)


async def test_an_outer_timeout_is_not_translated(opened: Opening) -> None:
    async with serving(hang) as server, opened(server.url) as (send, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_TIMEOUT):
                await send(REQUEST)


# Connections.


async def test_a_stalling_server_causes_no_connect_timeout(opened: Opening) -> None:
    """With as many requests as connections, the connect timeout passes long before the server replies."""
    workers = 100
    connect_timeout = 4 * SHORT_TIMEOUT  # enough for all connections on a busy machine

    async def stall(exchange: Exchange) -> None:
        await exchange.server.saw(workers)
        await asyncio.sleep(2 * connect_timeout)
        await exchange.write(response(GOOD))

    async with (
        serving(stall) as server,
        opened(server.url, connect=connect_timeout, connections=workers) as (send, count),
    ):
        results = await asyncio.gather(*(_send_several(send, 2) for _ in range(workers)))
    assert sum(results) == server.requests == count.sent == 2 * workers
    assert server.most_open == workers


@asynccontextmanager
async def black_hole(port: int) -> AsyncIterator[None]:
    """Make [::1]:port neither answer nor reject: fill the queue of a listener that never accepts."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET6) as listener,
        socket.socket(socket.AF_INET6) as first,
        socket.socket(socket.AF_INET6) as second,
    ):
        listener.bind(("::1", port))
        listener.listen(0)
        for filling in (first, second):
            filling.setblocking(False)
        await loop.sock_connect(first, ("::1", port))
        connecting = asyncio.create_task(loop.sock_connect(second, ("::1", port)))
        await asyncio.wait([connecting], timeout=SHORT_TIMEOUT)
        assert not connecting.done(), "the queue has room for one more"
        connecting.cancel()
        await asyncio.wait([connecting])
        yield


async def test_ipv4_connects_where_ipv6_is_a_black_hole(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name has both addresses, IPv6 first; the connect timeout exceeds the timeout of the test."""
    resolve = socket.getaddrinfo

    def both(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        hosts = ["::1", "127.0.0.1"] if host == "both.localhost" else [host]
        return [found for one in hosts for found in resolve(one, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    async with serving(answer(GOOD)) as server:
        port = int(server.url.rpartition(":")[2])
        async with black_hole(port), opened(f"http://both.localhost:{port}", connect=2 * PATIENCE) as (send, count):
            assert (await send(REQUEST)).body == GOOD
        assert_counts_agree(count, server, answered=True)


async def test_unrequested_data_is_never_taken_for_the_next_reply(opened: Opening) -> None:
    """It arrives while the connection is idle, like the 408 of a server that is about to close it."""

    async def reply_twice(exchange: Exchange) -> None:
        await exchange.write(response(GOOD))
        await asyncio.sleep(0.02)
        await exchange.write(response(b"{}", "404 Not Found"))
        unrequested.set()

    unrequested = asyncio.Event()
    async with (
        serving(in_turn(reply_twice, answer(GOOD))) as server,
        opened(server.url, connections=1) as (send, count),
    ):
        await send(REQUEST)
        await unrequested.wait()
        await asyncio.sleep(0.02)
        assert await _send_several(send, 2)
    assert 404 not in count.by_status
    assert_counts_agree(count, server, answered=False)


# Failed connections.


@pytest.mark.parametrize("network_path", NETWORK_PATHS.values(), ids=NETWORK_PATHS.keys())
async def test_failures_to_connect_are_distinguished_and_counted_as_unanswered(
    opened: Opening, network_path: NetworkPath, tmp_path: Path
) -> None:
    read = SHORT_TIMEOUT if network_path.times_out else PATIENCE
    async with (
        network_path.open_target(tmp_path) as target,
        opened(target.url, read=read, ca_file=target.ca_file, proxy=target.proxy) as (send, count),
    ):
        failure = await failure_of(send)
    assert type(failure) is network_path.failure
    assert [name for name in network_path.names if name not in str(failure)] == []
    assert (count.sent, count.by_status) == (network_path.sent, {})
    assert count.unanswered == network_path.sent
    heads = [head for server in target.servers for head in server.heads]
    assert not [head for head in heads if CANARY.encode() in head]


@pytest.mark.parametrize("name", [name for name in NETWORK_PATHS if "certificate" in name or "authority" in name])
async def test_a_certificate_that_does_not_verify_is_not_retried(opened: Opening, name: str, tmp_path: Path) -> None:
    async with (
        NETWORK_PATHS[name].open_target(tmp_path) as target,
        opened(target.url, ca_file=target.ca_file) as (send, _),
    ):
        await failure_of(send)
    assert [server.opened for server in target.servers] == [1]


# Redirects.


@pytest.mark.parametrize("redirect", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_a_redirect_is_a_reply_and_is_never_followed(opened: Opening, redirect: Redirect) -> None:
    async with serving(answer(GOOD)) as target:

        async def redirect_reply(exchange: Exchange) -> None:
            await redirecting(redirect, server.url, target.url)(exchange)

        async with serving(redirect_reply) as server, opened(server.url) as (send, count):
            reply = await send(REQUEST)
        assert (reply.status, reply.headers.get("Location")) == (
            redirect.status,
            redirect.location(server.url, target.url),
        )
        assert_counts_agree(count, server, answered=True)
        assert (server.requests, target.opened) == (1, 0)


# Certificates.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return new_authority()


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
        assert (await send(REQUEST)).body == GOOD
    assert_counts_agree(count, server, answered=True)


@pytest.mark.parametrize("content", [None, "", "not a certificate"], ids=["missing", "empty", "garbage"])
async def test_an_invalid_ca_file_is_rejected_before_any_request(
    opened: Opening, content: str | None, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigError, match="ca_file"):
        async with opened("https://127.0.0.1", ca_file=str(bundle)):
            pass


# Proxies.


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxies_of_the_environment_are_not_used(
    opened: Opening, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer(b"stolen")) as proxy_server, serving(answer(GOOD)) as server:
        monkeypatch.setenv(name, proxy_server.url)
        async with opened(server.url) as (send, _):
            assert (await send(REQUEST)).body == GOOD
        assert proxy_server.opened == 0


async def test_the_netrc_file_is_not_used(opened: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(answer(GOOD)) as server, opened(server.url) as (send, _):
        await send(REQUEST)
    assert f"Authorization: Bearer {CANARY}\r\n".encode() in server.heads[0]
    assert server.heads[0].lower().count(b"authorization:") == 1


async def test_session_keys_are_not_written(
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
        await send(REQUEST)
    assert not (tmp_path / "keys").exists()


# Random replies.


class RandomReplies:
    """One server and one transport for thousands of replies, in a separate event loop."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._next = MalformedReply([], "close")
        self.results: Counter[str] = Counter()

    def __enter__(self) -> RandomReplies:
        self._runner = asyncio.Runner()
        self._runner.run(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._end())
        self._runner.close()

    def attempt(self, garbled: MalformedReply) -> None:
        """Make one attempt: its result is a known class, arrives in time, and the counts agree."""
        self._next = garbled
        self._runner.run(self._attempt())

    async def _begin(self) -> None:
        self._is_ready, self._is_done = asyncio.Event(), asyncio.Event()
        self._seen = asyncio.Event()
        self._context_task = asyncio.create_task(self._keep_open())  # a context must end in the task in which it began
        await self._is_ready.wait()

    async def _end(self) -> None:
        self._is_done.set()
        await self._context_task

    async def _keep_open(self) -> None:
        async with serving(self._answer) as self._server, self._opening(self._server.url, read=0.2, total=0.2) as both:
            self._subject = both
            self._is_ready.set()
            await self._is_done.wait()

    async def _answer(self, exchange: Exchange) -> None:
        for segment in self._next.segments:
            await exchange.write(segment)
            await asyncio.sleep(0)
        if self._next.end == "reset":
            exchange.reset()
        else:
            if self._next.end == "keep":
                await self._seen.wait()
            exchange.close()

    async def _attempt(self) -> None:
        self._seen.clear()
        async with asyncio.timeout(PATIENCE):
            self.results[await classify(self._subject.send)] += 1
            self._seen.set()
            while self._server.open_now:  # noqa: ASYNC110  # so that the next attempt opens a new connection
                await asyncio.sleep(0)
        assert_counts_agree(self._subject.counted, self._server, answered=False)


async def classify(send: Send) -> str:
    """Return the result of an attempt for the layers above; unknown exceptions pass through."""
    try:
        reply = await send(REQUEST)
        raise_if_not_final(reply, 1_700_000_000.0)
        kind = final_outcome(reply.status)
        if kind is OutcomeKind.OK:
            require_json(reply)
            body = Scrubber([CANARY]).scrub_body(reply.body)
            normalize(read_data(body), REQUEST.target.rpartition("/")[2], Redactor(), collected_at="", run_id="")
    except (Transient, Throttled, Unauthorized, BadPayload, ConfigError) as failure:
        assert_keyless(failure)
        return type(failure).__name__
    return kind


def run_random_replies(opening: Opening, count: int) -> Counter[str]:
    with RandomReplies(opening) as random_replies:

        @settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
        @given(malformed_reply(GOOD))
        def every_reply_is_classified(one: MalformedReply) -> None:
            random_replies.attempt(one)

        every_reply_is_classified()
    return random_replies.results


def test_any_bytes_from_a_server_are_a_reply_or_a_known_failure_in_time(opening: Opening) -> None:
    results = run_random_replies(opening, 500)
    assert {"ok", "Transient", "BadPayload"} <= results.keys()  # a mixture of good and bad replies


@pytest.mark.soak
def test_ten_thousand_random_replies_are_replies_or_known_failures(opening: Opening) -> None:
    results = run_random_replies(opening, 10_000)
    print(results)
    assert {"ok", "rejected", "Transient", "BadPayload", "ConfigError"} <= results.keys()
