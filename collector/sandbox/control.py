"""The sandbox's own endpoints, beside the API: what it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson
from aiohttp import web

from collector.sandbox.api import Api, refusal
from collector.sandbox.request_log import RequestLog
from collector.sandbox.responses import JSON_LINES, send, stream, whole

PREFIX: Final = "/_sandbox/"

_LINES: Final = 500
"""Log lines written between two turns of the event loop."""


class Control:
    """GET and DELETE `/_sandbox/requests`, GET `/_sandbox/log`."""

    def __init__(self, log: RequestLog, api: Api) -> None:
        self._log = log
        self._api = api

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer a request below `PREFIX`; it is not counted."""
        match request.method, path.removeprefix(PREFIX):
            case "GET", "requests":
                summary = orjson.dumps(self._log.summary(), option=orjson.OPT_NON_STR_KEYS)
                return whole(200, summary, {})
            case "DELETE", "requests":
                self._log.clear()
                return web.Response(status=204)
            case "GET", "log":
                return await stream(request, self._lines(), {}, JSON_LINES)
        return await send(request, refusal(404, "try GET /_sandbox/requests or GET /_sandbox/log"), {})

    def _lines(self) -> Iterator[bytes]:
        entries = self._log.entries()
        while lines := [
            orjson.dumps(
                {"t": entry.t, "target": self._api.path(entry.target), "status": entry.status},
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for entry in islice(entries, _LINES)
        ]:
            yield b"".join(lines)
