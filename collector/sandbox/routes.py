"""Parses the path of a request into a `Route`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from collector.sandbox.catalogue import catalogue
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

    `page` is None where the endpoint has no pages.
    """

    endpoint: Endpoint
    caller: Caller
    raw_id: str = ""
    index: int | None = None
    page: Page | PageError | None = None

    @property
    def target(self) -> Target:
        """The part of the route that the request log stores."""
        return Target(self.endpoint, self.index)


def parse_route(path: str, query: str, caller: Caller, inventory: Inventory) -> Route:
    """Parse a raw path and its query."""
    parent, _, name = path.rpartition("/")
    if parent == _CONNECTION_PARENT and name:
        raw_id = unquote(name)
        return Route(Endpoint.CONNECTION, caller, raw_id, inventory.index_of(raw_id))
    if parent == _TYPE_PARENT and name:
        raw_id = unquote(name)
        return Route(Endpoint.TYPE, caller, raw_id, _TYPES.get(raw_id))
    endpoint = FIXED_PATHS.get(path)
    if endpoint is None:
        return _parse_subresource(path, caller, inventory)
    return Route(
        endpoint, caller, page=parse_page(query, list_name(endpoint, inventory)) if endpoint in PAGINATED else None
    )


def _parse_subresource(path: str, caller: Caller, inventory: Inventory) -> Route:
    name, _, rest = path.removeprefix(f"{_CONNECTION_PARENT}/").partition("/")
    endpoint = SUBRESOURCES.get(rest) if path.startswith(_CONNECTION_PARENT) else None
    if endpoint is None or not name:
        return Route(Endpoint.OTHER, caller)
    raw_id = unquote(name)
    return Route(endpoint, caller, raw_id, inventory.index_of(raw_id))


def logged_path(target: Target, inventory: Inventory) -> str:
    """The path that a client requests to reach `target`."""
    template = target.endpoint.template
    if "{id}" not in template:
        return template
    if target.index is None:
        return template.replace("{id}", UNKNOWN_ID)
    id = catalogue()[target.index].id if target.endpoint is Endpoint.TYPE else inventory.id_at(target.index)
    return template.replace("{id}", id)


def list_name(endpoint: Endpoint, inventory: Inventory) -> str:
    """The name that the page tokens of a list are valid for."""
    return f"{endpoint.name} {inventory.organization_id}"
