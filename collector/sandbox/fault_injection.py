"""Applies a `fault_items.Decision` to one request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from random import Random
from typing import Final

from aiohttp import web

from collector.sandbox import responses
from collector.sandbox.api import Api
from collector.sandbox.fault_items import Decision, FaultKind
from collector.sandbox.replies import Reply, error_reply
from collector.sandbox.routes import Route

_HTML_PAGE: Final = b"<!doctype html><title>Sandbox</title><h1>Please sign in</h1>\n"
_GARBAGE_SIZE: Final = 256
"""Bytes."""


class FaultInjector:
    """Replies to each request as its `Decision` requires, or breaks its connection. `rng` generates the garbage."""

    def __init__(self, api: Api, rng: Random) -> None:
        self._api = api
        self._rng = rng
        self._shutdown = asyncio.Event()

    def stop(self) -> None:
        """End all hung requests."""
        self._shutdown.set()

    async def respond(
        self, request: web.BaseRequest, route: Route, decision: Decision, headers: Mapping[str, str]
    ) -> web.StreamResponse | None:
        """Respond after the decision's delay. Returns None when no HTTP reply is sent."""
        if decision.delay:
            await asyncio.sleep(decision.delay)
        match decision.kind:
            case FaultKind.HANG | FaultKind.RESET | FaultKind.CLOSE | FaultKind.GARBAGE:
                await self._break_connection(request, decision.kind)
                return None
            case FaultKind.STATUS:
                return await _send_error(request, decision, headers)
            case FaultKind.HTML:
                return responses.full_response(200, _HTML_PAGE, headers, "text/html; charset=utf-8")
            case FaultKind.EMPTY:
                return responses.full_response(200, b"", headers)
        reply = self._api.reply_to(route, request.method)
        return await self._send_altered(request, route, reply, decision.kind, headers)

    async def _break_connection(self, request: web.BaseRequest, kind: FaultKind) -> None:
        if kind is FaultKind.HANG:
            await self._shutdown.wait()
        if kind is FaultKind.GARBAGE:
            # A status line never begins with this byte, so the random bytes cannot form one.
            responses.send_garbage(request, b"\xff" + self._rng.randbytes(_GARBAGE_SIZE))
        elif kind is FaultKind.CLOSE:
            responses.close(request)
        else:
            responses.reset(request)

    async def _send_altered(
        self, request: web.BaseRequest, route: Route, reply: Reply, kind: FaultKind, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        if kind is FaultKind.TRUNCATE:
            return await responses.send_truncated(request, reply, headers)
        if kind is FaultKind.WRONG_ID:
            reply = self._api.other_connection(route, reply)
        if kind is FaultKind.OVERSIZE:
            reply = reply.padded()
        return await responses.send(request, reply, headers)


async def _send_error(request: web.BaseRequest, decision: Decision, headers: Mapping[str, str]) -> web.StreamResponse:
    extra = {}
    if decision.retry_after is not None:
        extra["Retry-After"] = retry_after_header(decision.retry_after, datetime.now(UTC))
    if decision.status < HTTPStatus.BAD_REQUEST:
        extra["Location"] = f"/login?next={request.raw_path}"
    reply = error_reply(decision.status, "fault injected by the sandbox")
    return await responses.send(request, reply, {**headers, **extra})


def retry_after_header(text: str, now: datetime) -> str:
    """The header's value: `date+2` becomes the HTTP-date 2 s after `now`; any other text is unchanged."""
    relative = re.fullmatch(r"date([+-][0-9]{1,6})", text)
    return format_datetime(now + timedelta(seconds=int(relative[1])), usegmt=True) if relative else text
