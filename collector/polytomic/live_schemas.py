"""The fields that the API currently marks as sensitive, fetched once per connection type.

The packaged schemas date from the release; a deployment may have newer types or mark more fields. With `[redact]
live_schemas`, a record waits until the schema of its type was fetched. If that fails, the packaged schema applies.
Knows how to fetch a schema; must not know records.
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
"""Adds the schema of a type: its id, and path of a field → is it marked as sensitive?"""

_PATH: Final = "/api/connection_types/"
_ENDPOINT: Final = f"{_PATH}{{id}}"
_TYPE_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # untrusted, and part of a URL path
_MAX_TYPES: Final = 1000
_TIMEOUT: Final = 30.0  # seconds; short, because records wait and the packaged schema can replace it
_MAX_ATTEMPTS: Final = 2


class LiveSchemas:
    """Fetches the schema of each type once. Safe to use from concurrent tasks."""

    def __init__(self, client: Client, add_schema: AddSchema, *, warn: Callable[[str], None]) -> None:
        self._client = client
        self._add_schema = add_schema
        self._warn = warn
        self._fetched: dict[str, anyio.Event] = {}
        timeout = min(_TIMEOUT, client.policy.within)
        self._policy = replace(
            client.policy, max_attempts=min(_MAX_ATTEMPTS, client.policy.max_attempts), within=timeout
        )

    async def ensure_loaded(self, type_id: object) -> None:
        """Return once the schema of this type was fetched, or the fetch failed.

        Raises only a `CollectorError`, which ends the run.
        """
        if not isinstance(type_id, str) or not _TYPE_ID.fullmatch(type_id):
            return
        if (fetched := self._fetched.get(type_id)) is not None:
            await fetched.wait()
        elif len(self._fetched) < _MAX_TYPES:
            fetched = self._fetched[type_id] = anyio.Event()
            try:
                await self._fetch(type_id)
            finally:
                fetched.set()

    async def _fetch(self, type_id: str) -> None:
        try:
            request = Request(_PATH + type_id, within=self._policy.within, endpoint=_ENDPOINT)
            reply = await self._client.get(request, _unchanged, self._policy, is_probe_candidate=False)
            if reply.status == 200:
                self._add_schema(type_id, fields_of_schema(parse_tolerantly(reply.body)[0]))
                return
            reason = reply.summary
        except GaveUp as end:
            reason = end.failure.reason
        except NotJson as error:
            reason = str(error)
        self._warn(f"cannot fetch the schema for type {type_id} ({reason}); using the packaged schema")


async def _unchanged(reply: Reply, _number: int) -> Reply:
    return reply
