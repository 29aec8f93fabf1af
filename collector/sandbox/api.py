"""The sandbox's replies, without HTTP: takes a path, a method and credentials, and returns a status and a body.

Sources: the API reference, and the OpenAPI document of version 2025-09-18. Where they do not specify a reply (such as
the status for a malformed id), this may be stricter than the real server.
"""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus

import orjson

from collector.model.ids import canonical_id
from collector.model.record import Json
from collector.sandbox.activity import schema_status, usage
from collector.sandbox.catalogue import catalogue
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import Callers, KeyScope
from collector.sandbox.members import email, policies, roles, users
from collector.sandbox.pagination import Page, PageError, page_token
from collector.sandbox.replies import Reply, data_reply, error_reply, list_reply, streamed_list_reply
from collector.sandbox.request_log import Target
from collector.sandbox.routes import Route, list_name, logged_path, parse_route
from collector.sandbox.schema import json_schema, list_item
from collector.sandbox.syncs import Syncs


class Api:
    """The API of one organization."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._syncs = Syncs(inventory)
        self._callers = Callers(inventory.organization_id)

    def __repr__(self) -> str:
        return f"<Api of {self._inventory!r}>"

    def route(self, path: str, query: str = "", authorization: str | None = None) -> Route:
        """Parse a raw path, its query, and the `Authorization` header."""
        return parse_route(path, query, self._callers.caller(authorization), self._inventory)

    def path(self, target: Target) -> str:
        """The path that a client requests to reach `target`."""
        return logged_path(target, self._inventory)

    def reply_to(self, route: Route, method: str) -> Reply:
        """The reply to one request; errors are replies too."""
        if route.endpoint is Endpoint.OTHER:
            return error_reply(404, "unknown path")
        if method != "GET":
            return error_reply(405, "method not allowed: the sandbox is read-only and answers GET only")
        if not route.caller.may_read(route.endpoint):
            if route.caller.scope is None:
                return error_reply(401, "invalid or unknown API key")
            return error_reply(403, f"permission denied: {route.caller.scope.value} cannot read this endpoint")
        return self._authorized_reply(route)

    def other_connection(self, route: Route, reply: Reply) -> Reply:
        """A different connection in place of `reply`; `reply` itself when the request was not for a connection."""
        if route.endpoint is not Endpoint.CONNECTION or reply.status == HTTPStatus.UNAUTHORIZED:
            return reply
        return data_reply(self._inventory.other_connection(route.index or 0))

    def _authorized_reply(self, route: Route) -> Reply:
        match route.endpoint:
            case Endpoint.CONNECTION | Endpoint.SHARED | Endpoint.SCHEMA_STATUS | Endpoint.USAGE:
                return self._connection_reply(route)
            case Endpoint.CONNECTIONS:
                return streamed_list_reply(map(self._inventory.connection, range(len(self._inventory))))
            case Endpoint.TYPE | Endpoint.TYPES:
                return self._type_reply(route)
            case Endpoint.BULK_SYNCS | Endpoint.MODEL_SYNCS | Endpoint.MODELS:
                return self._page_reply(route)
        return self._organization_reply(route)

    def _connection_reply(self, route: Route) -> Reply:
        if route.index is None:
            if canonical_id(route.raw_id) is None:
                return error_reply(400, "the connection id is not a UUID")
            return error_reply(404, "connection not found")
        match route.endpoint:
            case Endpoint.SHARED:
                return self._shared_reply(route.index)
            case Endpoint.SCHEMA_STATUS:
                return data_reply(schema_status(self._inventory, route.index))
            case Endpoint.USAGE:
                return data_reply(usage(self._inventory, self._syncs, route.index))
        return data_reply(self._inventory.connection(route.index))

    def _shared_reply(self, index: int) -> Reply:
        if self._inventory.is_copy(index):
            return error_reply(422, "the connection is a shared copy; request the copies of its parent")
        copy = self._inventory.copy_of(index)
        return list_reply([] if copy is None else [self._inventory.connection(copy)])

    def _page_reply(self, route: Route) -> Reply:
        if isinstance(route.page, PageError):
            return error_reply(400, str(route.page))
        page = route.page or Page()
        items, next_start = self._syncs.page(route.endpoint, page)
        token = None if next_start is None else page_token(page, next_start, list_name(route.endpoint, self._inventory))
        pagination = {} if token is None else {"next_page_token": token}
        return Reply(200, orjson.dumps({"data": items or None, "pagination": pagination}))

    def _type_reply(self, route: Route) -> Reply:
        if route.endpoint is Endpoint.TYPES:
            return Reply(200, self._type_list)
        if route.index is None:
            return error_reply(404, f"unknown connection type {route.raw_id!r}")
        return Reply(200, orjson.dumps(json_schema(catalogue()[route.index])))

    @cached_property
    def _type_list(self) -> bytes:
        return orjson.dumps({"data": [list_item(connection_type) for connection_type in catalogue()]})

    def _organization_reply(self, route: Route) -> Reply:
        organization = self._inventory.organization
        match route.endpoint:
            case Endpoint.ORGANIZATION:
                return data_reply({"id": organization.id, "name": organization.name})
            case Endpoint.USERS:
                return list_reply(users(organization))
            case Endpoint.ROLES:
                return list_reply(roles(organization))
            case Endpoint.POLICIES:
                return list_reply(policies(organization))
        return data_reply(self._identity(route.caller.scope))

    def _identity(self, scope: KeyScope | None) -> Json:
        organization = self._inventory.organization
        is_user = scope in (KeyScope.USER, KeyScope.READER)
        identity: dict[str, Json] = {
            "organization_id": organization.id,
            "organization_name": organization.name,
            "is_user": is_user,
            "is_organization": scope is KeyScope.ORGANIZATION,
            "is_partner": False,
            "is_system": scope is KeyScope.DEPLOYMENT,
        }
        if is_user:
            number = 0 if scope is KeyScope.USER else 1
            role = "admin" if scope is KeyScope.USER else "user"
            identity |= {"id": organization.user(number)["id"], "email": email(organization, number), "role": role}
        return identity
