"""The endpoints of the sandbox: a path with placeholders for each, and the name that the fault language uses."""

from __future__ import annotations

from enum import IntEnum


class Endpoint(IntEnum):
    """The endpoints that the sandbox distinguishes."""

    OTHER = 0
    CONNECTION = 1
    CONNECTIONS = 2
    ME = 3
    TYPES = 4
    TYPE = 5
    SHARED = 6
    SCHEMA_STATUS = 7
    USAGE = 8
    ORGANIZATION = 9
    USERS = 10
    POLICIES = 11
    ROLES = 12
    BULK_SYNCS = 13
    MODEL_SYNCS = 14
    MODELS = 15
    ORGANIZATIONS = 16
    PARTNER_ORGANIZATION = 17
    PARTNER_SHARED = 18
    STATUS = 19

    @property
    def template(self) -> str:
        """The endpoint's path, with placeholders for ids."""
        return _TEMPLATES[self]


_TEMPLATES = {
    Endpoint.OTHER: "other",
    Endpoint.CONNECTION: "/api/connections/{id}",
    Endpoint.CONNECTIONS: "/api/connections",
    Endpoint.ME: "/api/me",
    Endpoint.TYPES: "/api/connection_types",
    Endpoint.TYPE: "/api/connection_types/{id}",
    Endpoint.SHARED: "/api/connections/{id}/shared",
    Endpoint.SCHEMA_STATUS: "/api/connections/{id}/schemas/status",
    Endpoint.USAGE: "/api/connections/{id}/usage",
    Endpoint.ORGANIZATION: "/api/organization",
    Endpoint.USERS: "/api/organization/users",
    Endpoint.POLICIES: "/api/permissions/policies",
    Endpoint.ROLES: "/api/permissions/roles",
    Endpoint.BULK_SYNCS: "/api/bulk/syncs",
    Endpoint.MODEL_SYNCS: "/api/syncs",
    Endpoint.MODELS: "/api/models",
    Endpoint.ORGANIZATIONS: "/api/organizations",
    Endpoint.PARTNER_ORGANIZATION: "/api/organizations/{id}",
    Endpoint.PARTNER_SHARED: "/api/organizations/{organization}/connections/{id}/shared",
    Endpoint.STATUS: "/status.txt",
}

FIXED_PATHS = {
    endpoint.template: endpoint for endpoint in Endpoint if "/" in endpoint.template and "{" not in endpoint.template
}
"""The endpoints whose path has no placeholder."""

SUBRESOURCES = {
    endpoint.template.partition("{id}/")[2]: endpoint
    for endpoint in (Endpoint.SHARED, Endpoint.SCHEMA_STATUS, Endpoint.USAGE)
}
"""The endpoints below a connection, by the end of their path."""

PAGINATED = (Endpoint.BULK_SYNCS, Endpoint.MODEL_SYNCS, Endpoint.MODELS)
