"""What the API answers, without HTTP: a path, a method and credentials in, a status and a body out.

Sources: the API reference's pages on connections and identity, and the OpenAPI document of version 2025-09-18.
Where they are silent (which status a malformed id gets) this is stricter than the real server may be.
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
"""The only key the sandbox accepts; known to all, and worth nothing."""

UNKNOWN: Final = "{unknown}"
"""Stands in the log's paths for an id or a connection type that does not exist."""

_BATCH: Final = 64
"""Connections built between two turns of the event loop: about a millisecond."""

_PADDING: Final = 9 << 20
"""Bytes."""

_FIXED = {endpoint.template: endpoint for endpoint in (Endpoint.CONNECTIONS, Endpoint.ME, Endpoint.TYPES)}
_PUBLIC = frozenset({Endpoint.TYPES})


class Caller(Enum):
    """Whose credentials came with a request."""

    USER = "a user's API key"
    ORGANIZATION = "a partner or deployment key, for one organization"
    DEPLOYMENT = "a deployment key"


@dataclass(frozen=True, slots=True)
class Call:
    """A path, understood. `name` is the id as it was written; `index` is None when there is nothing of that name."""

    endpoint: Endpoint
    name: str = ""
    index: int | None = None

    @property
    def target(self) -> Target:
        """What the log keeps of it."""
        return Target(self.endpoint, self.index)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body: whole, or in pieces that are made when they are asked for."""

    status: int
    body: bytes | Iterator[bytes]

    def padded(self) -> Answer:
        """The same JSON, with more than 9 MiB of blanks after it."""
        if isinstance(self.body, bytes):
            return Answer(self.status, self.body + b" " * _PADDING)
        return Answer(self.status, _followed(self.body, b" " * _PADDING))


class Api:
    """The API of one organization."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._types = {connection_type.id: n for n, connection_type in enumerate(catalogue())}
        self._callers = _callers(inventory.organization_id)

    def __repr__(self) -> str:
        return f"<Api of {self._inventory!r}>"

    def call(self, path: str) -> Call:
        """Understand a raw path, without its query."""
        parent, _, name = path.rpartition("/")
        if parent == Endpoint.CONNECTIONS.template and name:
            name = unquote(name)
            return Call(Endpoint.CONNECTION, name, self._inventory.index_of(name))
        if parent == Endpoint.TYPES.template and name:
            name = unquote(name)
            return Call(Endpoint.TYPE, name, self._types.get(name))
        return Call(_FIXED.get(path, Endpoint.OTHER))

    def path(self, target: Target) -> str:
        """The path of a target, as a client would write it."""
        if target.endpoint not in (Endpoint.CONNECTION, Endpoint.TYPE):
            return target.endpoint.template
        return target.endpoint.template.replace("{id}", self._name(target))

    def answer(self, call: Call, method: str, authorization: str | None) -> Answer:
        """The answer to a call; errors are answers too."""
        if call.endpoint is Endpoint.OTHER:
            return refusal(404, "there is nothing at this path")
        if method != "GET":
            return refusal(405, "the sandbox is read-only: only GET is answered")
        caller = self._caller(authorization)
        if caller is None and call.endpoint not in _PUBLIC:
            return refusal(401, "invalid or unknown API key")
        return self._granted(call, caller)

    def other_connection(self, call: Call, answer: Answer) -> Answer:
        """In place of this answer, another connection; the same answer when no connection was asked for."""
        if call.endpoint is not Endpoint.CONNECTION or answer.status == HTTPStatus.UNAUTHORIZED:
            return answer
        return _enveloped(self._inventory.other_connection(call.index or 0))

    def _granted(self, call: Call, caller: Caller | None) -> Answer:
        match call.endpoint:
            case Endpoint.CONNECTION:
                return self._connection(call)
            case Endpoint.CONNECTIONS:
                return Answer(200, self._connections() if len(self._inventory) else b'{"data":null}')
            case Endpoint.ME:
                return _enveloped(self._identity(caller))
            case Endpoint.TYPE if call.index is not None:
                return Answer(200, orjson.dumps(json_schema(catalogue()[call.index])))
            case Endpoint.TYPES:
                return Answer(200, self._type_list)
        return refusal(404, f"there is no connection type {call.name!r}")

    def _connection(self, call: Call) -> Answer:
        if call.index is not None:
            return _enveloped(self._inventory.connection(call.index))
        if canonical_id(call.name) is None:
            return refusal(400, "the connection id is not a UUID")
        return refusal(404, "connection not found")

    def _connections(self) -> Iterator[bytes]:
        size, opening = len(self._inventory), b'{"data":['
        for start in range(0, size, _BATCH):
            batch = range(start, min(start + _BATCH, size))
            yield opening + b",".join(orjson.dumps(self._inventory.connection(index)) for index in batch)
            opening = b","
        yield b"]}"

    @cached_property
    def _type_list(self) -> bytes:
        return orjson.dumps({"data": [list_item(connection_type) for connection_type in catalogue()]})

    def _identity(self, caller: Caller | None) -> Json:
        organization = self._inventory.organization
        identity: dict[str, Json] = {
            "organization_id": organization.id,
            "organization_name": organization.name,
            "is_user": caller is Caller.USER,
            "is_organization": caller is Caller.ORGANIZATION,
            "is_partner": False,
            "is_system": caller is Caller.DEPLOYMENT,
        }
        if caller is Caller.USER:
            identity |= {"id": organization.person(0)["id"], "email": "ada@sandbox.example", "role": "admin"}
        return identity

    def _caller(self, authorization: str | None) -> Caller | None:
        scheme, _, credentials = (authorization or "").partition(" ")
        return self._callers.get((scheme.lower(), credentials.strip()))

    def _name(self, target: Target) -> str:
        if target.index is None:
            return UNKNOWN
        if target.endpoint is Endpoint.TYPE:
            return catalogue()[target.index].id
        return self._inventory.id_at(target.index)


def refusal(status: int, message: str) -> Answer:
    """An error as the API documents it."""
    error = {"key": _error_key(status), "message": message, "metadata": {}, "status": status}
    return Answer(status, orjson.dumps(error))


def _error_key(status: int) -> str:
    try:
        return HTTPStatus(status).name.lower()
    except ValueError:
        return "error"


def _callers(organization_id: str) -> dict[tuple[str, str], Caller]:
    # Base64 has one spelling for a text, so the encoded forms can be compared as they come.
    return {
        ("bearer", SANDBOX_KEY): Caller.USER,
        ("basic", _basic(organization_id, SANDBOX_KEY)): Caller.ORGANIZATION,
        ("basic", _basic(SANDBOX_KEY, "")): Caller.DEPLOYMENT,
    }


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


def _enveloped(data: Json) -> Answer:
    return Answer(200, orjson.dumps({"data": data}))


def _followed(pieces: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    yield from pieces
    yield last
