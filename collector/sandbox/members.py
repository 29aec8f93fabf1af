"""The users, roles and policies of an organization as the API lists them.

Sources: the API reference's "List Users", "List Roles" and "List Policies". Names of roles and actions are invented.
"""

from __future__ import annotations

from itertools import product
from typing import Final
from unicodedata import normalize

from collector.model.record import Json
from collector.sandbox.organization import Organization

_SYSTEM_ROLES: Final = ("Admin", "Member")
"""Built-in roles, which belong to no organization."""

_CUSTOM_ROLES: Final = ("Analyst", "Marketing operations", "Auditor")
_POLICY_NAMES: Final = [
    f"{team} {level}" for team, level in product(("Finance", "Sales", "Data", "All"), ("read", "edit", "own"))
]
_ACTIONS: Final = ("read", "update", "delete")


def users(organization: Organization) -> list[Json]:
    """All users. Each fifth is an administrator; some have several roles, and some have none."""
    role_ids = [role["id"] for role in roles(organization)]
    return [
        {
            "id": user["id"],
            "organization_id": organization.id,
            "email": email(organization, number),
            "role": "admin" if number % 5 == 0 else "user",
            "role_ids": role_ids[:1] if number % 5 == 0 else role_ids[1 : 1 + number % 5],
        }
        for number, user in enumerate(organization.users)
    ]


def email(organization: Organization, number: int) -> str:
    """The address of a user, in ASCII."""
    name = organization.user(number)["name"] if number else "Ada"
    ascii_name = normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{ascii_name.lower().replace(' ', '.').replace(chr(39), '')}@{organization.domain}"


def roles(organization: Organization) -> list[Json]:
    """The built-in roles, and those of the organization."""
    system = [_role(organization, name, {"system": True}) for name in _SYSTEM_ROLES]
    return system + [
        _role(organization, name, {"organization_id": organization.id, "system": False}) for name in _CUSTOM_ROLES
    ]


def _role(organization: Organization, name: str, more: dict[str, Json]) -> Json:
    return {"id": organization.uuid(f"role {name}"), "name": name, **more}


def policies(organization: Organization) -> list[Json]:
    """All policies. Each binds roles to the actions that its name promises; the first one is built in."""
    role_ids = [role["id"] for role in roles(organization)]
    return [
        {
            "id": id,
            "name": name,
            "organization_id": organization.id,
            "policy_actions": [
                {"action": action, "role_ids": role_ids[number % 2 : 1 + number % 5] or None}
                for action in _ACTIONS[: 1 + number % 3]
            ],
            "system": number == 0,
        }
        for number, (id, name) in enumerate(zip(organization.policy_ids, _POLICY_NAMES, strict=True))
    ]
