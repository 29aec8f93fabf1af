"""The client: reading replies, and failures of reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector.client.client import Client
from collector.client.failures import BadPayload, GaveUp, Transient, UnexpectedFailure
from collector.client.messages import Reply, Request
from collector.model.errors import ConfigError
from tests.support.clock import Clock
from tests.support.governor_harness import make_client, make_governor

REQUEST = Request("/x")


def scrub(text: str) -> str:
    return text.replace("secret", "[REDACTED]")


async def answering(_request: Request) -> Reply:
    return Reply(200, {}, b"body")


def answering_client() -> Client:
    return make_client(answering, make_governor(), Clock(), scrub=scrub)


async def test_the_result_of_reading_a_reply_is_returned() -> None:
    async def read(reply: Reply, number: int) -> tuple[bytes, int]:
        return reply.body, number

    assert await answering_client().get(REQUEST, read) == (b"body", 1)


async def test_an_unreadable_reply_is_retried_and_its_failure_contains_no_secret() -> None:
    numbers: list[int] = []

    async def read(_reply: Reply, number: int) -> None:
        numbers.append(number)
        raise BadPayload("the body is secret", 200)

    with pytest.raises(GaveUp) as caught:
        await answering_client().get(REQUEST, read)
    assert numbers == [1, 2, 3]
    assert caught.value.failure.args == ("the body is [REDACTED]", 200)
    assert (caught.value.failure.__context__, caught.value.failure.__traceback__) == (None, None)


async def test_a_bug_in_reading_shows_only_its_type() -> None:
    async def read(_reply: Reply, _number: int) -> None:
        raise ValueError("secret")

    with pytest.raises(GaveUp) as caught:
        await answering_client().get(REQUEST, read)
    assert isinstance(caught.value.failure, UnexpectedFailure)
    assert "secret" not in repr(caught.value)


async def test_an_exception_that_ends_the_run_passes_through() -> None:
    async def read(_reply: Reply, _number: int) -> None:
        raise ConfigError("a certificate")

    with pytest.raises(ConfigError):
        await answering_client().get(REQUEST, read)


async def test_a_stream_restarts_in_each_attempt_and_its_failure_contains_no_secret() -> None:
    read: list[bytes] = []

    @asynccontextmanager
    async def stream(_request: Request, *, cap: int) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        assert cap == 7

        async def chunks() -> AsyncIterator[bytes]:
            yield b"begins"
            raise Transient("truncated: secret")

        yield Reply(200, {}, b""), chunks()

    async def read_chunks(_reply: Reply, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            read.append(chunk)

    streaming = make_client(answering, make_governor(), Clock(), stream=stream, scrub=scrub)
    with pytest.raises(GaveUp) as caught:
        await streaming.stream(REQUEST, read_chunks, cap=7)
    assert read == [b"begins"] * 5
    assert caught.value.failure.reason == "truncated: [REDACTED]"
