"""Parses the path of a request into a `Route`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from collector.sandbox.catalogue import catalogue
from collector.sandbox.deployment import Deployment
from collector.sandbox.endpoints import FIXED_PATHS, PAGINATED, SUBRESOURCES, Endpoint
from collector.sandbox.inventory import Inventory
from collector.sandbox.keys import Caller
from collector.sandbox.pagination import Page, PageError, parse_page
from collector.sandbox.request_log import Target

_CONNECTION_PARENT = Endpoint.CONNECTIONS.template
_TYPE_PARENT = Endpoint.TYPES.template
_TYPES = {connection_type.id: number for number, connection_type in enumerate(catalogue())}

UNKNOWN_ID = "{unknown}"
"""Placeholder in the log's paths for an id or a connection type that does not exist."""


@dataclass(frozen=True, slots=True)
class Route:
    """A parsed request. `raw_id` is the id exactly as the client wrote it; `index` is None when that id is unknown.

    `organization` is the position of the organization that the request is for. `page` is None where the endpoint has
    no pages.
    """

    endpoint: Endpoint
    caller: Caller
    organization: int
    raw_id: str = ""
    index: int | None = None
    page: Page | PageError | None = None

    @property
    def target(self) -> Target:
        """The part of the route that the request log stores."""
        return Target(self.endpoint, self.index, self.organization)

    @property
    def organization_number(self) -> int:
        """The organization that the request is for, from 1."""
        return self.organization + 1

    @property
    def page_number(self) -> int | None:
        """The page that the request asks for, from 1, or None without a valid page."""
        return self.page.number if isinstance(self.page, Page) else None


def parse_route(path: str, query: str, caller: Caller, deployment: Deployment) -> Route:
    """Parse a raw path and its query."""
    position = caller.organization
    parent, _, name = path.rpartition("/")
    if parent == _CONNECTION_PARENT and name:
        raw_id = unquote(name)
        return Route(Endpoint.CONNECTION, caller, position, raw_id, deployment.inventories[position].index_of(raw_id))
    if parent == _TYPE_PARENT and name:
        raw_id = unquote(name)
        return Route(Endpoint.TYPE, caller, position, raw_id, _TYPES.get(raw_id))
    endpoint = FIXED_PATHS.get(path)
    if endpoint is None:
        return _parse_nested(path.split("/"), caller, deployment)
    if endpoint in PAGINATED:
        list_name = page_list(endpoint, deployment.inventories[position])
        return Route(endpoint, caller, position, page=parse_page(query, list_name))
    return Route(endpoint, caller, position)


def _parse_nested(segments: list[str], caller: Caller, deployment: Deployment) -> Route:
    position = caller.organization
    match segments:
        case ["", "api", "connections", name, *rest] if name and (endpoint := SUBRESOURCES.get("/".join(rest))):
            raw_id = unquote(name)
            return Route(endpoint, caller, position, raw_id, deployment.inventories[position].index_of(raw_id))
        case ["", "api", "organizations", name] if name:
            raw_id = unquote(name)
            return Route(Endpoint.PARTNER_ORGANIZATION, caller, position, raw_id, deployment.position_of(raw_id))
        case ["", "api", "organizations", owner, "connections", name, "shared"] if owner and name:
            return _parse_partner_shared(unquote(owner), unquote(name), caller, deployment)
    return Route(Endpoint.OTHER, caller, position)


def _parse_partner_shared(owner: str, raw_id: str, caller: Caller, deployment: Deployment) -> Route:
    position = deployment.position_of(owner)
    if position is None:
        return Route(Endpoint.PARTNER_SHARED, caller, 0, raw_id)
    return Route(Endpoint.PARTNER_SHARED, caller, position, raw_id, deployment.inventories[position].index_of(raw_id))


def logged_path(target: Target, deployment: Deployment) -> str:
    """The path that a client requests to reach `target`."""
    template = target.endpoint.template
    if "{id}" not in template:
        return template
    if target.index is None:
        return template.replace("{id}", UNKNOWN_ID).replace("{organization}", UNKNOWN_ID)
    owner = deployment.inventories[target.organization].organization_id
    return template.replace("{id}", _id_of(target, target.index, deployment)).replace("{organization}", owner)


def _id_of(target: Target, index: int, deployment: Deployment) -> str:
    if target.endpoint is Endpoint.TYPE:
        return catalogue()[index].id
    if target.endpoint is Endpoint.PARTNER_ORGANIZATION:
        return deployment.inventories[index].organization_id
    return deployment.inventories[target.organization].id_at(index)


def page_list(endpoint: Endpoint, inventory: Inventory) -> str:
    """The name of the list that a page token is valid for."""
    return f"{endpoint.name} {inventory.organization_id}"
