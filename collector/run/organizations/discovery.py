"""Finds the organizations of a selection: reads the key that they share, and the list, if they come from it."""

from __future__ import annotations

from collections.abc import Mapping

from collector.client.auth.authorization import SharedKey, read_shared_key
from collector.client.auth.header import secrets_of
from collector.governor.common_ceiling import CommonCeiling
from collector.model.ledger import Ledger
from collector.polytomic.organizations import ListedOrganization, read_organizations
from collector.redaction.scrubber import Scrubber
from collector.run.assembly import Access, open_components
from collector.run.observers.organizations_reporter import OrganizationsReporter
from collector.run.organizations.organization import Organization
from collector.run.organizations.selection import Selection, require_collectable

_LIST = "organizations"  # the name of the list's requests in messages


async def find_organizations(
    selection: Selection,
    reporter: OrganizationsReporter,
    environ: Mapping[str, str],
    ceiling: CommonCeiling,
    ledger: Ledger,
    *,
    has_ids: bool,
) -> list[Organization]:
    """Return the selected organizations, at least one. `ledger` counts the requests; `has_ids`: the input names ids.

    Raises `UsageError` for an unknown organization, `InputError` if there is none or if ids are named for several, and
    `ConfigError`, `KeyRefused` and `RunStopped` if the key or the list is unavailable, also in an exception group.
    """
    key: SharedKey | None = None
    listed: list[ListedOrganization] = []
    if selection.needs_shared_key:
        key = await read_shared_key(selection.settings.api.key_source, environ, reporter.warn)
    if selection.needs_list and key is not None:
        access, run_reporter = Access(key.header, ceiling.member), reporter.of(_LIST)
        async with open_components(selection.settings, ledger, run_reporter, environ, access) as components:
            listed = await read_organizations(components.client, Scrubber(secrets_of(key.header)))
    found = selection.organizations(key, listed)
    require_collectable(found, has_ids=has_ids)
    return found
