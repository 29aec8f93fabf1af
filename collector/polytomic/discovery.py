"""Discovery: the items of the list `GET /api/connections`.

The list is one unpaginated body of any size, so it is parsed while it arrives: each item is yielded and discarded.
Knows the list's envelope; must not know how the items are used.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from math import inf
from typing import NamedTuple, TypeVar

from collector.client.client import Client
from collector.client.failures import BadPayload, GaveUp
from collector.client.messages import Reply, Request
from collector.model.errors import InputError, RunStopped
from collector.model.record import Json
from collector.polytomic.envelope import require_json
from collector.polytomic.json_array import items_in

MAX_LIST_BYTES = 1024 * 1024 * 1024
"""Maximum size of the list. It is never in memory as a whole."""
LIST = Request("/api/connections", is_sole=True)
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads it

T = TypeVar("T")


class ListedConnection(NamedTuple):
    """One item of the list.

    - `id`: its id, verbatim; None if it has none.
    - `fields`: its payload, in which numbers are texts; empty for an item that is not an object.
    - `text`: its JSON, verbatim.
    """

    id: str | None
    fields: dict[str, Json]
    text: str

    @property
    def body(self) -> bytes:
        """The payload under `data`, as the reply to a request for this connection would wrap it."""
        return b'{"data":' + self.text.encode("utf-8", "surrogateescape") + b"}"


async def read_list(
    client: Client, read: Callable[[AsyncIterator[ListedConnection]], Awaitable[T]], *, purpose: str
) -> T:
    """The result of `read`, called with the connections that the key may list.

    A truncated body is requested again from its start, and `read` called anew. An outage is waited out as long as
    `--outage-limit` allows. `purpose` names the option that needs the list, in messages. Raises `RunStopped` when the
    list is unavailable, and `InputError` when the API denies the list to this key.
    """

    async def read_reply(reply: Reply, chunks: AsyncIterator[bytes]) -> T:
        if reply.status != 200:
            advice = "name the ids instead" if purpose == "--all" else f"name the ids, without {purpose}"
            raise InputError(f"{purpose}: GET {LIST.target} returned HTTP {reply.status}; {advice}")
        require_json(reply)
        return await read(_connections_in(chunks))

    try:
        policy = replace(client.policy, within=inf, waits_out_outages=True)
        return await client.stream(LIST, read_reply, policy, cap=MAX_LIST_BYTES)
    except GaveUp as end:
        raise RunStopped(
            f"{purpose}: the list of connections is unavailable after {end.attempts} attempts: {end.failure.reason}"
        ) from None


async def first_id(reply: Reply, chunks: AsyncIterator[bytes]) -> str | None:
    """The id of the first item in a list that arrives; the rest is not read. None for an empty list.

    Raises `BadPayload`.
    """
    require_json(reply)
    async for item in _connections_in(chunks):
        return item.id
    return None


async def _connections_in(chunks: AsyncIterator[bytes]) -> AsyncIterator[ListedConnection]:
    async for value, text in items_in(chunks):
        fields = value if isinstance(value, dict) else {}
        yield ListedConnection(_id_of(fields), fields, text)


def _id_of(fields: dict[str, Json]) -> str | None:
    connection_id = fields.get("id")
    if isinstance(connection_id, str) and _NOT_UTF_8.search(connection_id):
        raise BadPayload("an id in the list is not UTF-8", 200)
    return connection_id if isinstance(connection_id, str) and connection_id else None
