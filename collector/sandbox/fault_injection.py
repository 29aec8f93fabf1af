"""Does to a request what `faults` decided."""

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
from collector.sandbox.api import Answer, Api, Call, refusal
from collector.sandbox.faults import Decision, Kind

_PAGE: Final = b"<!doctype html><title>Sandbox</title><h1>Please sign in</h1>\n"
_NOISE: Final = 256
"""Bytes."""


class FaultInjector:
    """Answers requests as decided, or leaves them without an answer. `chance` makes the random bytes."""

    def __init__(self, api: Api, chance: Random) -> None:
        self._api = api
        self._chance = chance
        self._shutdown = asyncio.Event()

    def stop(self) -> None:
        """Let go of the requests that hang."""
        self._shutdown.set()

    async def answer(
        self, request: web.BaseRequest, call: Call, decision: Decision, headers: Mapping[str, str]
    ) -> web.StreamResponse | None:
        """Answer after the decision's delay; None when nothing that is HTTP was or will be written."""
        if decision.delay:
            await asyncio.sleep(decision.delay)
        match decision.kind:
            case Kind.HANG | Kind.RESET | Kind.CLOSE | Kind.GARBAGE:
                await self._silence(request, decision.kind)
                return None
            case Kind.STATUS:
                return await _failure(request, decision, headers)
            case Kind.HTML:
                return responses.whole(200, _PAGE, headers, "text/html; charset=utf-8")
            case Kind.EMPTY:
                return responses.whole(200, b"", headers)
        answer = self._api.answer(call, request.method, request.headers.get("Authorization"))
        return await self._altered(request, call, answer, decision.kind, headers)

    async def _silence(self, request: web.BaseRequest, kind: Kind) -> None:
        if kind is Kind.HANG:
            await self._shutdown.wait()
        if kind is Kind.GARBAGE:
            # No status line begins with this byte, so chance cannot write one.
            responses.send_garbage(request, b"\xff" + self._chance.randbytes(_NOISE))
        elif kind is Kind.CLOSE:
            responses.close(request)
        else:
            responses.reset(request)

    async def _altered(
        self, request: web.BaseRequest, call: Call, answer: Answer, kind: Kind, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        if kind is Kind.TRUNCATE:
            return await responses.cut(request, answer, headers)
        if kind is Kind.WRONG_ID:
            answer = self._api.other_connection(call, answer)
        if kind is Kind.OVERSIZE:
            answer = answer.padded()
        return await responses.send(request, answer, headers)


async def _failure(request: web.BaseRequest, decision: Decision, headers: Mapping[str, str]) -> web.StreamResponse:
    extra = {}
    if decision.retry_after is not None:
        extra["Retry-After"] = retry_after(decision.retry_after, datetime.now(UTC))
    if decision.status < HTTPStatus.BAD_REQUEST:
        extra["Location"] = f"/login?next={request.raw_path}"
    answer = refusal(decision.status, "a fault of the sandbox, as asked for")
    return await responses.send(request, answer, {**headers, **extra})


def retry_after(text: str, now: datetime) -> str:
    """The header's value: `date+2` becomes the HTTP-date two seconds from now, anything else stays as it is."""
    relative = re.fullmatch(r"date([+-][0-9]{1,6})", text)
    return format_datetime(now + timedelta(seconds=int(relative[1])), usegmt=True) if relative else text
