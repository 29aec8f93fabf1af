"""The transport by aiohttp keeps the contract; another one joins by a module like this, with its own `opening`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector.account import RequestCount
from collector.secret import Secret
from collector.transport import Timeouts, Transport

from .serving import PATIENCE
from .transport_contract import *  # noqa: F403  # every test in there
from .transport_contract import CANARY, Opening, Subject


@asynccontextmanager
async def by_aiohttp(
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
        ca_file=ca_file,
        proxy=proxy,
    )
    async with transport.opened():
        yield Subject(transport.send, count)


@pytest.fixture
def opening() -> Opening:
    return by_aiohttp
