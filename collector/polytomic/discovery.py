"""Discovery: the ids `GET /api/connections` names.

The list comes in one body, unpaginated and of any size, so it is read as it comes: an item is parsed, its id taken,
and the item forgotten. Knows the list's envelope; knows nothing of what becomes of the ids.
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
"""Largest list that is read; it is never in memory as a whole."""
_LIST = Request("/api/connections", is_sole=True)
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads it


async def list_ids(client: Client) -> list[str | None]:
    """The id of every connection the key may list, as it came; None for an item without one.

    A body that breaks off is asked for again from its start, and an outage is waited out for as long as the run does.
    Raises `RunStopped` when there is no list to be had, and `InputError` when the API does not give this key one.
    """
    try:
        patient = replace(client.policy, within=inf, waits_out_outages=True)
        return await client.stream(_LIST, _ids_of, patient, cap=MAX_LIST_BYTES)
    except GaveUp as end:
        raise RunStopped(f"--all: no list of connections after {end.attempts} attempts: {end.failure.reason}") from None


async def _ids_of(reply: Reply, chunks: AsyncIterator[bytes]) -> list[str | None]:
    if reply.status != 200:
        raise InputError(f"--all: GET {_LIST.target} was answered with HTTP {reply.status}; name the ids instead")
    require_json(reply)
    return [_id_of(item) async for item in items_in(chunks)]


def _id_of(item: object) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    if isinstance(found, str) and _NOT_UTF_8.search(found):
        raise BadPayload("an id of the list is not UTF-8", 200)
    return found if isinstance(found, str) and found else None
