"""Selects the organizations of a run: those of the configuration file, or of the API's list. Pure.

The configuration file has precedence: with `[[organizations]]` tables, no list is requested, and `--organizations`
selects among them by id or label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from collector.client.auth.authorization import KeySource, SharedKey
from collector.model.errors import ConfigError, InputError, UsageError
from collector.polytomic.organizations import ListedOrganization
from collector.run.organizations.organization import PLACEHOLDER, Organization, path_name_of
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.setting_rules import is_organization_name, require
from collector.run.settings import ALL, Settings

_MAX_NAMED: Final = 10  # organizations in a message


@dataclass(frozen=True)
class Selection:
    """Which organizations a run is to collect, by its settings and the `[[organizations]]` of the configuration."""

    settings: Settings
    configured: tuple[OrganizationSettings, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ConfigError` for settings that contradict each other, and for two tables of one name or one stream.

        Raises `UsageError` for an organization that is not among the configured ones.
        """
        if self.configured and self.settings.api.organization_id is not None:
            raise ConfigError(
                "[api] organization_id and [[organizations]] exclude each other; to collect one of several "
                "organizations, name it with --organizations"
            )
        _require_distinct(self.configured)
        if self.configured:
            self._require_readable(self._key_sources())

    @property
    def is_active(self) -> bool:
        """Are several organizations to be collected, or one of them by its name?"""
        return bool(self.configured or self.settings.api.organizations)

    @property
    def needs_list(self) -> bool:
        """Are the organizations those of the API's list?"""
        return not self.configured

    @property
    def needs_shared_key(self) -> bool:
        """Does any organization use the key of `[api]`?"""
        return self.needs_list or not all(one.has_own_key for one in self._chosen_settings())

    def _require_readable(self, key_sources: Sequence[KeySource]) -> None:
        """Raise `ConfigError` if a stream would hold two keys, or a key and the ids."""
        _require_distinct_streams(key_sources)
        for source in key_sources:
            both = source.file == "-" and "-" in self.settings.ids.files
            require(not both, source.place, "key_file", "other than - when the ids come from standard input")

    def _key_sources(self) -> list[KeySource]:
        """The sources from which a run of the configured organizations reads keys."""
        own = [one.key_source for one in self._chosen_settings() if one.has_own_key]
        return [self.settings.api.key_source, *own] if self.needs_shared_key else own

    def digest(self, ids_digest: str) -> str:
        """A digest that distinguishes runs that select other organizations, connections, side tables or paths.

        `ids_digest` is that of the connections that the input names.
        """
        settings = self.settings
        facts: list[object] = [
            ids_digest,
            *(settings.api.organizations, [(one.id, one.label) for one in self.configured], settings.output.path),
            *(settings.ids.all, settings.ids.from_list, settings.filter.as_manifest(), settings.tables.include),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def organizations(self, key: SharedKey | None, listed: Iterable[ListedOrganization] = ()) -> list[Organization]:
        """The organizations in order, each once. `key` is the shared one, if needed.

        Raises `UsageError` for an unknown organization.
        """
        return self._listed(key, listed) if self.needs_list else self._configured(key)

    def _configured(self, key: SharedKey | None) -> list[Organization]:
        return [
            Organization(
                _settings_of(self.settings, one.id, one.label),
                one.id,
                one.label,
                header=key.header_for(one.id) if key and one.id and not one.has_own_key else None,
                key_source=one.key_source if one.has_own_key else None,
            )
            for one in self._chosen_settings()
        ]

    def _chosen_settings(self) -> Sequence[OrganizationSettings]:
        wanted = self.settings.api.organizations
        if wanted in ((), (ALL,)):
            return self.configured
        by_name = {name.lower(): one for one in self.configured for name in (one.id, one.label) if name}
        known = [" ".join(filter(None, (one.id, one.label))) for one in self.configured]
        for name in wanted:
            if name.lower() not in by_name:
                raise UsageError(f"--organizations {name}: not in the configuration file, which has {_listing(known)}")
        return list(dict.fromkeys(by_name[name.lower()] for name in wanted))

    def _listed(self, key: SharedKey | None, listed: Iterable[ListedOrganization]) -> list[Organization]:
        known = {each.id.lower(): each for each in listed}
        wanted = self.settings.api.organizations
        for name in wanted if wanted != (ALL,) else ():
            if name.lower() not in known:
                reached = _listing([each.id for each in known.values()])
                raise UsageError(f"--organizations {name}: not in the API's list for this key, which has {reached}")
        chosen = known if wanted == (ALL,) else dict.fromkeys(map(str.lower, wanted))
        _require_path_names([known[name] for name in chosen])
        return [
            Organization(
                _settings_of(self.settings, each.id, None),
                each.id,
                title=each.name,
                header=key.header_for(each.id) if key else None,
            )
            for each in map(known.__getitem__, chosen)
        ]


def require_collectable(organizations: Sequence[Organization], *, has_ids: bool) -> None:
    """Raise `InputError` unless there are organizations, and only one if the input `has_ids`."""
    if not organizations:
        raise InputError("the API lists no organization for this key; check the key and --base-url")
    if len(organizations) > 1 and has_ids:
        raise InputError(
            f"connection ids belong to one organization, and {len(organizations)} organizations are selected; use "
            "--all, or name the organization of the ids with --organizations"
        )


def _require_path_names(listed: Sequence[ListedOrganization]) -> None:
    usable = [each.id for each in listed if is_organization_name(path_name_of(each.id, None))]
    for each in listed:
        if each.id not in usable:
            called = f", called {each.name}," if each.name else ""
            raise UsageError(
                f"the API lists an organization{called} whose id cannot be a part of file names ({len(each.id)} "
                f"characters); select others with --organizations: it has {_listing(usable)}"
            )


def _settings_of(settings: Settings, id: str | None, label: str | None) -> Settings:
    """The settings of the run of one organization.

    The run has no time limit and no manifest of a stream: those settings are for all organizations together.
    """
    name = path_name_of(id, label)
    api = replace(settings.api, organizations=(), organization_id=id)
    output = settings.output
    return replace(
        settings,
        api=api,
        limits=replace(settings.limits, max_duration=None),
        output=replace(
            output,
            path=output.path.replace(PLACEHOLDER, name),
            errors=output.errors and output.errors.replace(PLACEHOLDER, name),
            manifest=None,
        ),
    )


def _require_distinct(configured: Iterable[OrganizationSettings]) -> None:
    owners: dict[str, OrganizationSettings] = {}
    for one in configured:
        for name in filter(None, (one.label, path_name_of(one.id, one.label))):
            if owners.setdefault(name.lower(), one) is not one:
                raise ConfigError(
                    f"two [[organizations]] are called {name}, so they would write the same files; give one of them "
                    "another label or id"
                )


def _require_distinct_streams(key_sources: Iterable[KeySource]) -> None:
    """Raise `ConfigError` if two keys would come from one stream, which can be read only once."""
    owners: dict[str, str] = {}
    for source in key_sources:
        stream = _stream_of(source)
        if stream in owners:
            raise ConfigError(
                f"{owners[stream]} and {source.place} both read their key from {stream}, which holds only one; give "
                "one of them another key source"
            )
        if stream is not None:
            owners[stream] = source.place


def _stream_of(source: KeySource) -> str | None:
    if source.file == "-":
        return "standard input"
    return None if source.fd is None else f"descriptor {source.fd}"


def _listing(names: Sequence[str]) -> str:
    """`a, b and 3 more`, or `none`."""
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return (", ".join(names[:_MAX_NAMED]) or "none") + more
