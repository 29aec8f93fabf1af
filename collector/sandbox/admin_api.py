"""Endpoints beside the API that report and reset the request log, and that advance the connections."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson
from aiohttp import web

from collector.sandbox.api import Api
from collector.sandbox.replies import Reply, error_reply
from collector.sandbox.request_log import RequestLog
from collector.sandbox.responses import JSON_LINES, full_response, send, stream

ADMIN_PREFIX: Final = "/_sandbox/"

_LINES_PER_BATCH: Final = 500
"""Log lines written before the event loop runs again."""


class AdminApi:
    """GET and DELETE `/_sandbox/requests`, GET `/_sandbox/log`, POST `/_sandbox/advance`."""

    def __init__(self, log: RequestLog, api: Api) -> None:
        self._log = log
        self._api = api

    async def respond(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Respond to a request below `ADMIN_PREFIX`, which the log does not count."""
        match request.method, path.removeprefix(ADMIN_PREFIX):
            case "GET", "requests":
                summary = orjson.dumps(self._log.summary(), option=orjson.OPT_NON_STR_KEYS)
                return full_response(200, summary, {})
            case "DELETE", "requests":
                self._log.clear()
                return web.Response(status=204)
            case "GET", "log":
                return await stream(request, self._lines(), {}, JSON_LINES)
            case "POST", "advance":
                return await send(request, self._advance(), {})
        message = "unknown path; use GET /_sandbox/requests, GET /_sandbox/log or POST /_sandbox/advance"
        return await send(request, error_reply(404, message), {})

    def _advance(self) -> Reply:
        try:
            return Reply(200, orjson.dumps({"generation": self._api.advance()}))
        except ValueError as error:
            return error_reply(409, str(error))

    def _lines(self) -> Iterator[bytes]:
        entries = self._log.entries()
        while lines := [
            orjson.dumps(
                {
                    "t": entry.arrival,
                    "target": self._api.path(entry.target),
                    "organization": entry.target.organization + 1,
                    "status": entry.status,
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for entry in islice(entries, _LINES_PER_BATCH)
        ]:
            yield b"".join(lines)
