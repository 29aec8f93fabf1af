"""Ask the API: what is read of a reply, and what becomes of a reply that cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector.client.client import Client
from collector.client.failures import BadPayload, GaveUp, Transient, UnexpectedFailure
from collector.client.messages import Reply, Request
from collector.model.errors import ConfigError
from tests.support.clock import Clock
from tests.support.governor_harness import client, governor

REQUEST = Request("/x")


def scrubbed(text: str) -> str:
    return text.replace("secret", "[REDACTED]")


async def answering(_request: Request) -> Reply:
    return Reply(200, {}, b"body")


def client_here() -> Client:
    return client(answering, governor(), Clock(), scrub=scrubbed)


async def test_what_is_read_of_a_reply_is_returned() -> None:
    async def read(reply: Reply, number: int) -> tuple[bytes, int]:
        return reply.body, number

    assert await client_here().get(REQUEST, read) == (b"body", 1)


async def test_a_reply_that_cannot_be_read_is_asked_for_again_and_its_failure_holds_no_secret() -> None:
    numbers: list[int] = []

    async def read(_reply: Reply, number: int) -> None:
        numbers.append(number)
        raise BadPayload("the body is secret", 200)

    with pytest.raises(GaveUp) as caught:
        await client_here().get(REQUEST, read)
    assert numbers == [1, 2, 3]
    assert caught.value.failure.args == ("the body is [REDACTED]", 200)
    assert (caught.value.failure.__context__, caught.value.failure.__traceback__) == (None, None)


async def test_a_bug_in_reading_is_told_by_its_kind_alone() -> None:
    async def read(_reply: Reply, _number: int) -> None:
        raise ValueError("secret")

    with pytest.raises(GaveUp) as caught:
        await client_here().get(REQUEST, read)
    assert isinstance(caught.value.failure, UnexpectedFailure)
    assert "secret" not in repr(caught.value)


async def test_what_ends_the_run_passes() -> None:
    async def read(_reply: Reply, _number: int) -> None:
        raise ConfigError("a certificate")

    with pytest.raises(ConfigError):
        await client_here().get(REQUEST, read)


async def test_a_stream_is_read_from_its_start_in_each_attempt_and_its_failure_holds_no_secret() -> None:
    read: list[bytes] = []

    @asynccontextmanager
    async def stream(_request: Request, *, cap: int) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        assert cap == 7

        async def chunks() -> AsyncIterator[bytes]:
            yield b"begins"
            raise Transient("it broke off: secret")

        yield Reply(200, {}, b""), chunks()

    async def take(_reply: Reply, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            read.append(chunk)

    streaming = client(answering, governor(), Clock(), stream=stream, scrub=scrubbed)
    with pytest.raises(GaveUp) as caught:
        await streaming.stream(REQUEST, take, cap=7)
    assert read == [b"begins"] * 5
    assert caught.value.failure.reason == "it broke off: [REDACTED]"
