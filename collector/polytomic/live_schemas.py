"""Which fields the API itself marks as sensitive today, asked once for each type of connection that comes along.

The packaged marks are of the day the collector was made; a deployment may know types, or mark fields, that these do
not. Where that is allowed (`[redact] live_schemas`), a record waits until the schema of its type was asked for. Without
an answer the packaged marks stand. Knows how to ask and what a schema is; knows nothing of records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import anyio

from collector.client.client import Client
from collector.client.failures import GaveUp
from collector.client.messages import Reply, Request
from collector.model.strict_json import NotJson, parse_tolerantly
from collector.redaction.detect.schemas import fields_of_schema

AddSchema: TypeAlias = Callable[[str, Mapping[str, bool]], None]
"""Takes what a schema says into account: the type, and path of a field → is it marked as sensitive?"""

_PATH: Final = "/api/connection_types/"
_TYPE_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # it comes from outside and becomes a part of a path
_MOST_TYPES: Final = 1000
_PATIENCE: Final = 30.0  # seconds, and attempts: records wait meanwhile, and there is the packaged schema
_ATTEMPTS: Final = 2


class LiveSchemas:
    """Asks for each type once; safe to use from many tasks."""

    def __init__(self, client: Client, add_schema: AddSchema, *, warn: Callable[[str], None]) -> None:
        self._client = client
        self._add_schema = add_schema
        self._warn = warn
        self._asked: dict[str, anyio.Event] = {}
        patience = min(_PATIENCE, client.policy.within)
        self._policy = replace(client.policy, max_attempts=min(_ATTEMPTS, client.policy.max_attempts), within=patience)

    async def ensure_loaded(self, type_id: object) -> None:
        """Return when the schema of this type is known, or known not to be had.

        Raises what ends the run: a `CollectorError`.
        """
        if not isinstance(type_id, str) or not _TYPE_ID.fullmatch(type_id):
            return
        if (asked := self._asked.get(type_id)) is not None:
            await asked.wait()
        elif len(self._asked) < _MOST_TYPES:
            asked = self._asked[type_id] = anyio.Event()
            try:
                await self._ask(type_id)
            finally:
                asked.set()

    async def _ask(self, type_id: str) -> None:
        try:
            request = Request(_PATH + type_id, within=self._policy.within)
            reply = await self._client.get(request, _as_it_is, self._policy, is_probe_candidate=False)
            if reply.status == 200:
                self._add_schema(type_id, fields_of_schema(parse_tolerantly(reply.body)[0]))
                return
            reason = reply.summary
        except GaveUp as end:
            reason = end.failure.reason
        except NotJson as error:
            reason = str(error)
        self._warn(
            f"the schema of connections of type {type_id} is not to be had ({reason}); what is secret in them is "
            "judged by the packaged one"
        )


async def _as_it_is(reply: Reply, _number: int) -> Reply:
    return reply
