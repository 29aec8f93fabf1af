"""The organizations that a partner or deployment key reaches: the list `GET /api/organizations`.

The owner organization comes first. The API reference ("List Organizations") has no pages, but a server that sends the
token of a next page, as for other lists, is asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from collector.client.client import Client
from collector.client.failures import BadPayload, GaveUp
from collector.client.messages import Reply, Request
from collector.model.errors import ConfigError, KeyRefused, RunStopped
from collector.model.record import Json
from collector.polytomic.envelope import read_page, require_json
from collector.polytomic.page_cursor import PageCursor
from collector.redaction.scrubber import Scrubber

ORGANIZATIONS: Final = Request("/api/organizations", is_sole=True)
_FORBIDDEN: Final = 403
_NAME_THEM: Final = "or name each organization and its key in [[organizations]] of the configuration file"


class ListedOrganization(NamedTuple):
    """An organization: its id, verbatim, and its name, if the API states it."""

    id: str
    name: str | None = None


class OrganizationPage(NamedTuple):
    """One page of the list: its organizations, each once, and the token of the next page, empty for the last one."""

    organizations: list[ListedOrganization]
    next_token: str


async def read_organizations(client: Client, scrubber: Scrubber) -> list[ListedOrganization]:
    """Return the organizations that the key reaches, in the order of the list, each once.

    `scrubber` masks the key in the list, if the server repeats it. Raises `KeyRefused` for a key that may not list
    organizations, `ConfigError` for a server without the list, and `RunStopped` when the list is unavailable or does
    not end.
    """
    cursor, found = PageCursor(ORGANIZATIONS.target, is_paged=False), dict[str, ListedOrganization]()
    while True:
        page = await _read_page(client, cursor.target, scrubber)
        known = len(found)
        for each in page.organizations:
            found.setdefault(each.id.lower(), each)
        if not page.next_token:
            return list(found.values())
        if endless := cursor.advance(page.next_token, has_new_rows=len(found) > known):
            raise RunStopped(
                f"GET {ORGANIZATIONS.target}: {endless}, so organizations may be missing; report it to the server's "
                f"operator, {_NAME_THEM}"
            )


async def _read_page(client: Client, target: str, scrubber: Scrubber) -> OrganizationPage:
    async def read(reply: Reply, _number: int) -> OrganizationPage:
        return page_of(reply, scrubber)

    try:
        return await client.get(ORGANIZATIONS._replace(target=target, endpoint=ORGANIZATIONS.target), read)
    except GaveUp as end:
        raise RunStopped(
            f"the list of organizations is unavailable after {end.attempts} attempts: {end.failure.reason}; run again "
            f"later, {_NAME_THEM}"
        ) from None


def page_of(reply: Reply, scrubber: Scrubber) -> OrganizationPage:
    """The page of organizations in a final reply to `ORGANIZATIONS`.

    `scrubber` is that of `read_organizations`. Raises `BadPayload`, and its `KeyRefused` and `ConfigError`.
    """
    if reply.status == _FORBIDDEN:
        raise KeyRefused(
            f"the key may not list organizations (GET {ORGANIZATIONS.target}: {reply.summary}), so it is not a "
            f"partner's or deployment key; use one, for example in POLYTOMIC_PARTNER_KEY, {_NAME_THEM}"
        )
    if reply.status != 200:
        raise ConfigError(f"the server does not list organizations ({reply.summary}); check --base-url, {_NAME_THEM}")
    require_json(reply)
    return page_in(scrubber.scrub_body(reply.body))


def page_in(body: bytes) -> OrganizationPage:
    """The page of organizations under `data` in a body, each once. Raises only `BadPayload`."""
    page, found = read_page(body, is_list=True), dict[str, ListedOrganization]()
    for number, item in enumerate(page.items, start=1):
        listed = _organization(item if isinstance(item, dict) else {}, number)
        found.setdefault(listed.id.lower(), listed)
    return OrganizationPage(list(found.values()), page.next_token)


def _organization(item: Mapping[str, Json], number: int) -> ListedOrganization:
    id, name = item.get("id"), item.get("name")
    if not isinstance(id, str) or not id:
        raise BadPayload(f"item {number} of the list of organizations has no id", 200)
    return ListedOrganization(id, name if isinstance(name, str) and name else None)
