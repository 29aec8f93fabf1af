"""A running sandbox, and ways to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from collector.sandbox.inventory import Inventory
from collector.sandbox.server import Sandbox, serve
from tests.sandbox.talking import Wire, session_to, wire_to


@pytest.fixture
def inventory() -> Inventory:
    return Inventory(500, seed=7)


@pytest.fixture
async def sandbox(inventory: Inventory) -> AsyncIterator[Sandbox]:
    async with serve(inventory) as running:
        yield running


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[ClientSession]:
    async with session_to(sandbox) as session:
        yield session


@pytest.fixture
async def wire(sandbox: Sandbox) -> AsyncIterator[Wire]:
    async with wire_to(sandbox) as wire:
        yield wire
