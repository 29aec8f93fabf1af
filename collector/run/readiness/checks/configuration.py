"""The settings of a run, each with its origin: an option, a variable, a line of the file, or the default. Pure.

A value is shown only if it cannot hold a secret: of an address its origin, of the key's source its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final, TypeAlias

from collector.client import address
from collector.model.record import Json
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.readiness.checks.finding import Finding, ok
from collector.run.settings import Settings

DEFAULT: Final = "default"
"""The origin of a value that no source gave."""

Origins: TypeAlias = Mapping[tuple[str, str], str]
"""The origin of each setting that a source gave, by section and name."""

SHARED_KEY: Final = "that of [api]"
"""The source of the key of an organization without one of its own."""

_NOT_SHOWN: Final = "(set, not shown)"
_KEY_SOURCES: Final = ("key_file", "key_command", "key_fd", "key_keyring")


def check_configuration(
    settings: Settings, origins: Origins, organizations: Sequence[OrganizationSettings] = ()
) -> Finding:
    """List every value with its origin, and the organizations of the configuration file."""
    values: list[Json] = [
        {"setting": f"[{section.name}] {key.name}", "value": value, "origin": origins[section.name, key.name]}
        if (section.name, key.name) in origins
        else {"setting": f"[{section.name}] {key.name}", "value": value, "origin": DEFAULT}
        for section in fields(settings)
        for key in fields(getattr(settings, section.name))
        for value in [shown(key.name, getattr(getattr(settings, section.name), key.name))]
    ]
    given = len(origins)
    return ok(
        "configuration",
        f"valid: {given or 'no'} setting{'s' if given != 1 else ''} given, the others have their defaults",
        settings=values,
        **({"organizations": [_organization(each) for each in organizations]} if organizations else {}),
    )


def _organization(settings: OrganizationSettings) -> Json:
    """The names of an organization, and the kind of its key's source."""
    used = [kind for kind in _KEY_SOURCES if getattr(settings, kind) is not None]
    return {"id": settings.id, "label": settings.label, "key": used[0] if used else SHARED_KEY}


def shown(name: str, value: object) -> Json:
    """The value of a setting, without anything that may be secret."""
    match name, value:
        case "base_url", str():
            return address.parse(value).origin
        case "proxy", str():
            return address.proxy(value).origin
        case "key_command" | "key_keyring", str():
            return _NOT_SHOWN
        case _, tuple():
            return [str(each) for each in value]
        case _, bool() | int() | float() | None:
            return value
    return str(value)
