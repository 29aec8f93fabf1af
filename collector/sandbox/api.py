"""The sandbox's replies, without HTTP: takes a path, a method and credentials, and returns a status and a body.

Sources: the API reference, and the OpenAPI document of version 2025-09-18. Where they do not specify a reply (such as
the status for a malformed id), this may be stricter than the real server.
"""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus

import orjson

from collector.model.ids import canonical_id
from collector.sandbox.activity import schema_status, usage
from collector.sandbox.catalogue import catalogue
from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import Endpoint
from collector.sandbox.identity import identity
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import Callers
from collector.sandbox.members import policies, roles, users
from collector.sandbox.pagination import Page, PageError, page_token
from collector.sandbox.replies import Reply, data_reply, error_reply, list_reply, streamed_list_reply
from collector.sandbox.request_log import Target
from collector.sandbox.routes import Route, logged_path, page_list, parse_route
from collector.sandbox.schema import json_schema, list_item

_MEMBERS = {Endpoint.USERS: users, Endpoint.ROLES: roles, Endpoint.POLICIES: policies}


class Api:
    """The API of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._callers = Callers(deployment.organization_ids)

    def __repr__(self) -> str:
        return f"<Api of {self._deployment!r}>"

    def advance(self) -> int:
        """Serve the next generation of the connections from now on, and return its number.

        Raises `ValueError` when the connections stay as they are. A list that is being sent remains that of its start.
        """
        if self._deployment.is_constant:
            raise ValueError("the connections of this sandbox do not change; start it with --churn 0.05")
        self._deployment = self._deployment.advanced()
        return self._deployment.generation

    def route(self, path: str, query: str = "", authorization: str | None = None) -> Route:
        """Parse a raw path, its query, and the `Authorization` header."""
        return parse_route(path, query, self._callers.caller(authorization), self._deployment)

    def path(self, target: Target) -> str:
        """The path that a client requests to reach `target`."""
        return logged_path(target, self._deployment)

    def reply_to(self, route: Route, method: str) -> Reply:
        """The reply to one request; errors are replies too."""
        if route.endpoint is Endpoint.OTHER:
            return error_reply(404, "unknown path")
        if method != "GET":
            return error_reply(405, "method not allowed: the sandbox is read-only and answers GET only")
        if not route.caller.may_read(route.endpoint):
            if route.caller.scope is None:
                return error_reply(401, "invalid or unknown API key")
            return error_reply(403, f"permission denied: {route.caller.scope} cannot read this endpoint")
        return self._authorized_reply(route)

    def other_connection(self, route: Route, reply: Reply) -> Reply:
        """A different connection in place of `reply`; `reply` itself when the request was not for a connection."""
        if route.endpoint is not Endpoint.CONNECTION or reply.status == HTTPStatus.UNAUTHORIZED:
            return reply
        return data_reply(self._deployment.inventories[route.organization].other_connection(route.index or 0))

    def _authorized_reply(self, route: Route) -> Reply:
        if route.index is None:
            return self._reply_without_index(route)
        if route.endpoint is Endpoint.TYPE:
            return Reply(200, orjson.dumps(json_schema(catalogue()[route.index])))
        if route.endpoint is Endpoint.PARTNER_ORGANIZATION:
            return data_reply(self._deployment.organization(route.index))
        return self._connection_reply(route, route.index)

    def _connection_reply(self, route: Route, index: int) -> Reply:
        inventory = self._deployment.inventories[route.organization]
        match route.endpoint:
            case Endpoint.CONNECTION:
                return data_reply(inventory.connection(index))
            case Endpoint.SCHEMA_STATUS:
                return data_reply(schema_status(inventory, index))
            case Endpoint.USAGE:
                return data_reply(usage(inventory, self._deployment.syncs[route.organization], index))
        return self._shared_reply(route, index)

    def _reply_without_index(self, route: Route) -> Reply:
        """The reply for a list or for the caller; or the error for an unknown id."""
        inventory = self._deployment.inventories[route.organization]
        match route.endpoint:
            case Endpoint.CONNECTIONS:
                return streamed_list_reply(map(inventory.connection, inventory.indexes()))
            case Endpoint.TYPES:
                return Reply(200, self._type_list)
            case Endpoint.STATUS:
                return Reply(200, b"ok\n", "text/plain")
            case Endpoint.BULK_SYNCS | Endpoint.MODEL_SYNCS | Endpoint.MODELS:
                return self._page_reply(route, inventory)
            case Endpoint.ORGANIZATIONS:
                return list_reply(self._deployment.organizations())
        return self._organization_reply(route) if "{id}" not in route.endpoint.template else _unknown_id(route)

    def _shared_reply(self, route: Route, index: int) -> Reply:
        is_child = route.organization > 0
        if is_child and route.endpoint is Endpoint.SHARED:
            return error_reply(403, "permission denied: only the owner organization shares its connections")
        if self._deployment.inventories[route.organization].is_copy(index):
            return error_reply(422, "the connection is a shared copy; request the copies of its parent")
        return list_reply([] if is_child else list(self._deployment.copies_of(index)))

    def _page_reply(self, route: Route, inventory: Inventory) -> Reply:
        if isinstance(route.page, PageError):
            return error_reply(400, str(route.page))
        page = route.page or Page()
        items, next_start = self._deployment.syncs[route.organization].page(route.endpoint, page)
        token = None if next_start is None else page_token(page, next_start, page_list(route.endpoint, inventory))
        pagination = {} if token is None else {"next_page_token": token}
        return Reply(200, orjson.dumps({"data": items or None, "pagination": pagination}))

    @cached_property
    def _type_list(self) -> bytes:
        return orjson.dumps({"data": [list_item(connection_type) for connection_type in catalogue()]})

    def _organization_reply(self, route: Route) -> Reply:
        organization = self._deployment.inventories[route.organization].organization
        if list_members := _MEMBERS.get(route.endpoint):
            return list_reply(list_members(organization))
        if route.endpoint is Endpoint.ORGANIZATION:
            return data_reply(self._deployment.organization(route.organization))
        return data_reply(identity(organization, route.caller.scope))


def _unknown_id(route: Route) -> Reply:
    if route.endpoint is Endpoint.TYPE:
        return error_reply(404, f"unknown connection type {route.raw_id!r}")
    kind = "organization" if route.endpoint is Endpoint.PARTNER_ORGANIZATION else "connection"
    if canonical_id(route.raw_id) is None:
        return error_reply(400, f"the {kind} id is not a UUID")
    return error_reply(404, f"{kind} not found")
