"""The aiohttp transport keeps the transport contract; another transport needs a module like this one."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector.client.transport.aiohttp_transport import Timeouts, Transport
from collector.model.errors import ConfigError
from collector.model.ledger import RequestCount
from collector.model.secret import Secret
from collector.run.assembly import SYSTEM_CLOCK
from tests.support.scripted_server import PATIENCE, answer, serving
from tests.support.transport_contract import *  # noqa: F403  # all its tests
from tests.support.transport_contract import CANARY, REQUEST, Opening, Subject


@asynccontextmanager
async def open_aiohttp(
    url: str,
    *,
    connect: float = PATIENCE,
    read: float = PATIENCE,
    total: float = PATIENCE,
    connections: int = 8,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> AsyncIterator[Subject]:
    count = RequestCount()
    headers = {"Authorization": Secret(f"Bearer {CANARY}").reveal(), "X-Polytomic-Version": "2025-09-18"}
    transport = Transport(
        url,
        headers,
        connections=connections,
        timeouts=Timeouts(connect, read, total),
        count=count,
        clock=SYSTEM_CLOCK,
        ca_file=ca_file,
        proxy=proxy,
    )
    async with transport.opened():
        yield Subject(transport.send, count)


@pytest.mark.parametrize("found", [["203.0.113.9"], ["127.0.0.1", "203.0.113.9"], ["::1", "2001:db8::9"]])
async def test_a_localhost_name_that_resolves_elsewhere_is_not_connected_to(
    found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """glibc looks up `localhost` and `x.localhost` in /etc/hosts and then in DNS, which may name another host."""
    resolve = socket.getaddrinfo

    def resolve_elsewhere(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        hosts = found if host == "api.localhost" else [host]
        return [each for one in hosts for each in resolve(one, port)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_elsewhere)
    async with serving(answer(b"{}")) as server:
        port = server.url.rpartition(":")[2]
        count = RequestCount()
        transport = Transport(
            f"http://api.localhost:{port}",
            {"Authorization": Secret(f"Bearer {CANARY}").reveal()},
            connections=1,
            timeouts=Timeouts(),
            clock=SYSTEM_CLOCK,
            count=count,
            require_loopback=True,
        )
        async with transport.opened():
            for _ in range(2):  # the second resolution may come from the cache
                with pytest.raises(ConfigError, match=r"api\.localhost does not resolve to this host"):
                    await transport.send(REQUEST)
    assert (server.opened, count.sent, count.unanswered) == (0, 0, 0)


@pytest.fixture
def opening() -> Opening:
    return open_aiohttp
