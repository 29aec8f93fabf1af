"""Fixtures: a running sandbox and its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import Sandbox, serve
from tests.sandbox.client import RawConnection, open_raw, open_session


@pytest.fixture
def inventory() -> Inventory:
    return Inventory(500, seed=7)


@pytest.fixture
async def sandbox(inventory: Inventory) -> AsyncIterator[Sandbox]:
    async with serve(inventory) as running:
        yield running


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[ClientSession]:
    async with open_session(sandbox) as session:
        yield session


@pytest.fixture
async def raw(sandbox: Sandbox) -> AsyncIterator[RawConnection]:
    async with open_raw(sandbox) as raw:
        yield raw
