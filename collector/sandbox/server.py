"""The sandbox on a socket: arrival is stamped, a fault may happen, the API answers.

The way of a request: `_Front → Mischief.answer → Api.answer → wire`. A bare `web.Server` is used, not a
`web.Application`: for six paths routing is a dictionary, and a quarter more requests a second are answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web

from collector.sandbox import responses
from collector.sandbox.api import SANDBOX_KEY, Api, Call, refusal
from collector.sandbox.control import PREFIX, Control
from collector.sandbox.fault_injection import FaultInjector
from collector.sandbox.faults import Decision, FaultError, Faults
from collector.sandbox.inventory import Inventory
from collector.sandbox.request_log import UNANSWERED, RequestLog

VERSION_HEADER: Final = "X-Polytomic-Version"
FAULTS_HEADER: Final = "X-Sandbox-Faults"
OLDEST_VERSION: Final = "2021-05-23"
"""The version that answers a request which names none (API guide "Versioning")."""

_KEEP_ALIVE: Final = 3_600.0
_SHUTDOWN: Final = 0.1
"""Seconds an idle connection is kept, and seconds an answer under way may take when the server stops."""

_NO_FAULTS: Final = Faults()
_UNTROUBLED: Final = Decision()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running server: its base URL, the key it accepts, and what it has seen."""

    url: str
    key: str
    log: RequestLog


@asynccontextmanager
async def serve(
    inventory: Inventory,
    *,
    faults: Faults = _NO_FAULTS,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
) -> AsyncIterator[Sandbox]:
    """Serve an inventory until the block ends. Port 0 takes a free one; `seed` decides which requests fail.

    Raises `OSError` when the address cannot be had.
    """
    log = RequestLog(time.monotonic)
    front = _Front(Api(inventory), log, faults, Random(seed))
    server = web.Server(front, access_log=None, keepalive_timeout=_KEEP_ALIVE, handler_cancellation=True)
    listener = await asyncio.get_running_loop().create_server(server, host, port, backlog=1_024)
    try:
        yield Sandbox(_url(listener), SANDBOX_KEY, log)
    finally:
        await _close(listener)
        front.stop()
        server.pre_shutdown()
        await server.shutdown(_SHUTDOWN)


async def _close(listener: asyncio.Server) -> None:
    """Stop accepting; asyncio fails when a server closes between a connection's arrival and its first turn."""
    for listening in listener.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await asyncio.sleep(0)
    listener.close()


class _Front:
    def __init__(self, api: Api, log: RequestLog, faults: Faults, chance: Random) -> None:
        self._api = api
        self._log = log
        self._faults = faults
        self._chance = chance
        self._control = Control(log, api)
        self._mischief = FaultInjector(api, chance)
        self._answered: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()

    def stop(self) -> None:
        self._mischief.stop()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if path.startswith(PREFIX):
            return await self._control.answer(request, path)
        call = self._api.call(path)
        visit = self._log.arrive(call.target)
        status = UNANSWERED
        try:
            response = await self._answer(request, call, self._faults_for(request, path))
            if response is None:
                return web.Response()  # never written: the connection is gone
            status = response.status
            return response
        finally:
            self._log.leave(visit, status)

    def _faults_for(self, request: web.BaseRequest, path: str) -> Faults | FaultError:
        if not path.startswith("/api/"):
            return _NO_FAULTS
        text = request.headers.get(FAULTS_HEADER)
        try:
            return self._faults if text is None else Faults.parse(text)
        except FaultError as error:
            return error

    async def _answer(
        self, request: web.BaseRequest, call: Call, faults: Faults | FaultError
    ) -> web.StreamResponse | None:
        headers = {VERSION_HEADER: _version(request)}
        if isinstance(faults, FaultError):
            return await responses.send(request, refusal(400, f"{FAULTS_HEADER}: {faults}"), headers)
        decision = faults.draw(self._chance) or _UNTROUBLED
        response = await self._mischief.answer(request, call, decision, headers)
        if response is not None and faults.close_after and self._is_due(request, faults.close_after):
            await responses.finish(request, response)
        return response

    def _is_due(self, request: web.BaseRequest, close_after: int) -> bool:
        if request.transport is None:  # the client was faster
            return False
        count = self._answered.get(request.transport, 0) + 1
        self._answered[request.transport] = count
        return count % close_after == 0


def _version(request: web.BaseRequest) -> str:
    named = request.headers.get(VERSION_HEADER, "")
    return named if named and named.isascii() else OLDEST_VERSION


def _url(listener: asyncio.Server) -> str:
    host, port = listener.sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
