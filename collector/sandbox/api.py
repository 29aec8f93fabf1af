"""The sandbox's replies, without HTTP: takes a path, a method and credentials, and returns a status and a body.

Sources: the API reference's pages on connections and identity, and the OpenAPI document of version 2025-09-18.
Where they do not specify a reply (such as the status for a malformed id), this may be stricter than the real server.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import orjson

from collector.model.ids import canonical_id
from collector.model.record import Json
from collector.sandbox.catalogue import catalogue
from collector.sandbox.inventory import Inventory
from collector.sandbox.request_log import Endpoint, Target
from collector.sandbox.schema import json_schema, list_item

SANDBOX_KEY: Final = "sandbox-key"
"""The only key the sandbox accepts: public, and valid nowhere else."""

UNKNOWN_ID: Final = "{unknown}"
"""Placeholder in the log's paths for an id or a connection type that does not exist."""

_BATCH_SIZE: Final = 64
"""Connections built before the event loop runs again: about one millisecond of work."""

_PADDING_BYTES: Final = 9 << 20

_FIXED_PATHS = {endpoint.template: endpoint for endpoint in (Endpoint.CONNECTIONS, Endpoint.ME, Endpoint.TYPES)}
_PUBLIC_ENDPOINTS = frozenset({Endpoint.TYPES})


class KeyScope(Enum):
    """The scope of the key that a request was authenticated with."""

    USER = "a user's API key"
    ORGANIZATION = "a partner or deployment key, for one organization"
    DEPLOYMENT = "a deployment key"


@dataclass(frozen=True, slots=True)
class Route:
    """A parsed path. `raw_id` is the id exactly as the client wrote it; `index` is None when that id is unknown."""

    endpoint: Endpoint
    raw_id: str = ""
    index: int | None = None

    @property
    def target(self) -> Target:
        """The part of the route that the request log stores."""
        return Target(self.endpoint, self.index)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a body: either complete, or an iterator that produces pieces on demand."""

    status: int
    body: bytes | Iterator[bytes]

    def padded(self) -> Reply:
        """The same JSON, followed by 9 MiB of spaces."""
        if isinstance(self.body, bytes):
            return Reply(self.status, self.body + b" " * _PADDING_BYTES)
        return Reply(self.status, _append_piece(self.body, b" " * _PADDING_BYTES))


class Api:
    """The API of one organization."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._types = {connection_type.id: n for n, connection_type in enumerate(catalogue())}
        self._key_scopes = _key_scopes(inventory.organization_id)

    def __repr__(self) -> str:
        return f"<Api of {self._inventory!r}>"

    def route(self, path: str) -> Route:
        """Parse a raw path that has no query."""
        parent, _, name = path.rpartition("/")
        if parent == Endpoint.CONNECTIONS.template and name:
            raw_id = unquote(name)
            return Route(Endpoint.CONNECTION, raw_id, self._inventory.index_of(raw_id))
        if parent == Endpoint.TYPES.template and name:
            raw_id = unquote(name)
            return Route(Endpoint.TYPE, raw_id, self._types.get(raw_id))
        return Route(_FIXED_PATHS.get(path, Endpoint.OTHER))

    def path(self, target: Target) -> str:
        """The path that a client requests to reach `target`."""
        if target.endpoint not in (Endpoint.CONNECTION, Endpoint.TYPE):
            return target.endpoint.template
        return target.endpoint.template.replace("{id}", self._id_of(target))

    def reply_to(self, route: Route, method: str, authorization: str | None) -> Reply:
        """The reply to one request; errors are replies too."""
        if route.endpoint is Endpoint.OTHER:
            return error_reply(404, "unknown path")
        if method != "GET":
            return error_reply(405, "method not allowed: the sandbox is read-only and answers GET only")
        scope = self._key_scope(authorization)
        if scope is None and route.endpoint not in _PUBLIC_ENDPOINTS:
            return error_reply(401, "invalid or unknown API key")
        return self._authorized_reply(route, scope)

    def other_connection(self, route: Route, reply: Reply) -> Reply:
        """A different connection in place of `reply`; `reply` itself when the request was not for a connection."""
        if route.endpoint is not Endpoint.CONNECTION or reply.status == HTTPStatus.UNAUTHORIZED:
            return reply
        return _data_reply(self._inventory.other_connection(route.index or 0))

    def _authorized_reply(self, route: Route, scope: KeyScope | None) -> Reply:
        match route.endpoint:
            case Endpoint.CONNECTION:
                return self._connection_reply(route)
            case Endpoint.CONNECTIONS:
                return Reply(200, self._list_pieces() if len(self._inventory) else b'{"data":null}')
            case Endpoint.ME:
                return _data_reply(self._identity(scope))
            case Endpoint.TYPE if route.index is not None:
                return Reply(200, orjson.dumps(json_schema(catalogue()[route.index])))
            case Endpoint.TYPES:
                return Reply(200, self._type_list)
        return error_reply(404, f"unknown connection type {route.raw_id!r}")

    def _connection_reply(self, route: Route) -> Reply:
        if route.index is not None:
            return _data_reply(self._inventory.connection(route.index))
        if canonical_id(route.raw_id) is None:
            return error_reply(400, "the connection id is not a UUID")
        return error_reply(404, "connection not found")

    def _list_pieces(self) -> Iterator[bytes]:
        size, opening = len(self._inventory), b'{"data":['
        for start in range(0, size, _BATCH_SIZE):
            batch = range(start, min(start + _BATCH_SIZE, size))
            yield opening + b",".join(orjson.dumps(self._inventory.connection(index)) for index in batch)
            opening = b","
        yield b"]}"

    @cached_property
    def _type_list(self) -> bytes:
        return orjson.dumps({"data": [list_item(connection_type) for connection_type in catalogue()]})

    def _identity(self, scope: KeyScope | None) -> Json:
        organization = self._inventory.organization
        identity: dict[str, Json] = {
            "organization_id": organization.id,
            "organization_name": organization.name,
            "is_user": scope is KeyScope.USER,
            "is_organization": scope is KeyScope.ORGANIZATION,
            "is_partner": False,
            "is_system": scope is KeyScope.DEPLOYMENT,
        }
        if scope is KeyScope.USER:
            identity |= {"id": organization.user(0)["id"], "email": "ada@sandbox.example", "role": "admin"}
        return identity

    def _key_scope(self, authorization: str | None) -> KeyScope | None:
        scheme, _, credentials = (authorization or "").partition(" ")
        return self._key_scopes.get((scheme.lower(), credentials.strip()))

    def _id_of(self, target: Target) -> str:
        if target.index is None:
            return UNKNOWN_ID
        if target.endpoint is Endpoint.TYPE:
            return catalogue()[target.index].id
        return self._inventory.id_at(target.index)


def error_reply(status: int, message: str) -> Reply:
    """An error in the form that the API documents."""
    error = {"key": _error_key(status), "message": message, "metadata": {}, "status": status}
    return Reply(status, orjson.dumps(error))


def _error_key(status: int) -> str:
    try:
        return HTTPStatus(status).name.lower()
    except ValueError:
        return "error"


def _key_scopes(organization_id: str) -> dict[tuple[str, str], KeyScope]:
    # Base64 encodes a text in exactly one way, so comparing the encoded credentials is enough.
    return {
        ("bearer", SANDBOX_KEY): KeyScope.USER,
        ("basic", _basic(organization_id, SANDBOX_KEY)): KeyScope.ORGANIZATION,
        ("basic", _basic(SANDBOX_KEY, "")): KeyScope.DEPLOYMENT,
    }


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


def _data_reply(data: Json) -> Reply:
    return Reply(200, orjson.dumps({"data": data}))


def _append_piece(pieces: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    yield from pieces
    yield last
