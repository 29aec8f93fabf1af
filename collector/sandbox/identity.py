"""The reply of `/api/me`: who a caller is. The values of `credential` are not documented."""

from __future__ import annotations

from collector.model.record import Json
from collector.sandbox.keys import KeyScope
from collector.sandbox.members import email
from collector.sandbox.organization import Organization

_USER_NUMBERS = {KeyScope.USER: 0, KeyScope.READER: 1}


def identity(organization: Organization, scope: KeyScope | None) -> dict[str, Json]:
    """The caller with a key of this scope. Partner and deployment keys belong to the owner organization."""
    return {
        "organization_id": organization.id,
        "organization_name": organization.name,
        "is_user": scope in _USER_NUMBERS,
        "is_organization": scope is KeyScope.ORGANIZATION,
        "is_partner": scope is KeyScope.PARTNER,
        "is_system": scope in (KeyScope.DEPLOYMENT, KeyScope.SYSTEM),
        **_user(organization, scope),
        "credential": {"method": "api_key", "mode": "read_only" if scope is KeyScope.READER else "read_write"},
    }


def _user(organization: Organization, scope: KeyScope | None) -> dict[str, Json]:
    number = None if scope is None else _USER_NUMBERS.get(scope)
    if number is None:
        return {}
    role = "admin" if scope is KeyScope.USER else "user"
    return {"id": organization.user(number)["id"], "email": email(organization, number), "role": role}
