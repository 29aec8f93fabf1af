"""Finds the organizations of a selection: reads the key that they share, and the list, if they come from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from collector.client.auth.authorization import SharedKey, read_shared_key
from collector.client.auth.header import secrets_of
from collector.model.errors import CollectorError, first_of
from collector.model.ledger import Ledger
from collector.polytomic.organizations import ListedOrganization, read_organizations
from collector.redaction.scrubber import Scrubber
from collector.run.assembly import Access, open_components
from collector.run.observers.organizations_reporter import OrganizationsReporter
from collector.run.organizations.organization import Organization
from collector.run.organizations.run_context import RunContext
from collector.run.organizations.selection import Selection

_LIST: Final = "organizations"  # the name of the list's requests in messages


async def find_organizations(
    selection: Selection, context: RunContext, reporter: OrganizationsReporter, ledger: Ledger
) -> list[Organization]:
    """Return the selected organizations. `ledger` counts the requests.

    Raises `UsageError` for an unknown organization, and `ConfigError`, `KeyRefused` and `RunStopped` if the key or the
    list is unavailable.
    """
    if not selection.needs_shared_key:
        return selection.organizations(None)
    key = await read_shared_key(selection.settings.api.key_source, context.environ, reporter.warn)
    listed = await _list(selection, key, context, reporter, ledger) if selection.needs_list else []
    return _without_keys(selection.organizations(key, listed))


def _without_keys(organizations: list[Organization]) -> list[Organization]:
    """The organizations, with every form of the key masked in their titles, which the server may choose."""
    headers = [each.header for each in organizations if each.header is not None]
    scrubber = Scrubber([secret for header in headers for secret in secrets_of(header)])
    return [replace(each, title=each.title and scrubber.scrub(each.title)) for each in organizations]


async def _list(
    selection: Selection, key: SharedKey, context: RunContext, reporter: OrganizationsReporter, ledger: Ledger
) -> list[ListedOrganization]:
    access, scrubber = Access(key.header, context.ceiling.member), Scrubber(secrets_of(key.header))
    opening = open_components(selection.settings, ledger, reporter.of(_LIST), context.environ, access)
    failure: CollectorError | None = None
    try:
        async with opening as components:
            return await read_organizations(components.client, scrubber)
    except* CollectorError as group:
        failure = first_of(group)
    raise failure
