"""Discovery: the ids in the list `GET /api/connections`.

The list is one unpaginated body of any size, so it is parsed while it arrives: the id of each item is kept, and the
item discarded. Knows the list's envelope; must not know how the ids are used.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from math import inf

from collector.client.client import Client
from collector.client.failures import BadPayload, GaveUp
from collector.client.messages import Reply, Request
from collector.model.errors import InputError, RunStopped
from collector.polytomic.envelope import require_json
from collector.polytomic.json_array import items_in

MAX_LIST_BYTES = 1024 * 1024 * 1024
"""Maximum size of the list. It is never in memory as a whole."""
LIST = Request("/api/connections", is_sole=True)
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads it


async def list_ids(client: Client) -> list[str | None]:
    """The id of every connection that the key may list, verbatim; None for an item without an id.

    A truncated body is requested again from its start. An outage is waited out as long as `--outage-limit` allows.
    Raises `RunStopped` when the list is unavailable, and `InputError` when the API denies the list to this key.
    """
    try:
        policy = replace(client.policy, within=inf, waits_out_outages=True)
        return await client.stream(LIST, _ids_of, policy, cap=MAX_LIST_BYTES)
    except GaveUp as end:
        raise RunStopped(
            f"--all: the list of connections is unavailable after {end.attempts} attempts: {end.failure.reason}"
        ) from None


async def _ids_of(reply: Reply, chunks: AsyncIterator[bytes]) -> list[str | None]:
    if reply.status != 200:
        raise InputError(f"--all: GET {LIST.target} returned HTTP {reply.status}; name the ids instead")
    require_json(reply)
    return [_id_of(item) async for item in items_in(chunks)]


async def first_id(reply: Reply, chunks: AsyncIterator[bytes]) -> str | None:
    """The id of the first item in a list that arrives; the rest is not read. None for an empty list.

    Raises `BadPayload`.
    """
    require_json(reply)
    async for item in items_in(chunks):
        return _id_of(item)
    return None


def _id_of(item: object) -> str | None:
    connection_id = item.get("id") if isinstance(item, dict) else None
    if isinstance(connection_id, str) and _NOT_UTF_8.search(connection_id):
        raise BadPayload("an id in the list is not UTF-8", 200)
    return connection_id if isinstance(connection_id, str) and connection_id else None
