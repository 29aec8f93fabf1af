"""The organizations of a run: which are selected, and does each key read its own? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from collector.model.errors import ConfigError
from collector.model.record import Json
from collector.polytomic.caller import Caller
from collector.polytomic.organizations import ORGANIZATIONS
from collector.run.guards import require_owner
from collector.run.organizations.organization import Organization
from collector.run.readiness.checks.caller import API, check_caller
from collector.run.readiness.checks.finding import Finding, Level, failure_from, ok, skipped, warning

CHECK: Final = "organizations"
MAX_ASKED: Final = 10
"""Organizations whose keys are tried, so that the number of requests has a bound."""
_MAX_NAMED: Final = 10


def check_configured(organizations: Sequence[Organization], configured: int) -> Finding:
    """The finding for organizations that are selected among the `configured` ones."""
    text = f"{len(organizations)} of {configured} in the configuration file selected: {_listing(organizations)}"
    return ok(CHECK, text, selected=_facts(organizations), configured=configured)


def check_listed(organizations: Sequence[Organization], listed: int) -> Finding:
    """The finding for organizations that are selected among the `listed` ones of the API."""
    text = f"GET {ORGANIZATIONS.target} lists {listed:,}; {len(organizations)} selected: {_listing(organizations)}"
    return ok(CHECK, text, selected=_facts(organizations), listed=listed)


def not_asked(total: int) -> Finding:
    """The finding for the organizations beyond the limit."""
    text = f"{total - MAX_ASKED:,} of {total:,} are not checked (at most {MAX_ASKED} are); check one of them with "
    return skipped(CHECK, f"{text}--organizations ID")


def check_member(caller: Caller, organization_id: str | None) -> Finding:
    """The finding for the caller with the key of an organization; `organization_id` is None if only its label is known.

    The key of another organization is a failure, as in a run, which would end at the first record.
    """
    try:
        require_owner(caller.organization_id, organization_id)
    except ConfigError as error:
        return replace(failure_from(API, error), facts=caller._asdict())
    found = check_caller(caller, organization_id)
    return found if found.level is Level.OK else replace(found, advice="add the id to its [[organizations]] table")


def check_owner(found: Finding, owner: Json, organization_id: str | None) -> Finding:
    """The finding for a connection that was read: `found`, unless it is of an `owner` other than the organization."""
    try:
        require_owner(owner if isinstance(owner, str) else None, organization_id)
    except ConfigError as error:
        return replace(failure_from(found.check, error), facts=found.facts)
    return found


def twins(first: str, second: str, organization_id: str) -> Finding:
    """The finding for two organizations whose keys read the same one."""
    return warning(
        CHECK,
        f"{first} and {second} are the same organization ({organization_id}), whose connections a run collects twice",
        "correct a key in [[organizations]]",
        organization_id=organization_id,
    )


def named(finding: Finding, name: str) -> Finding:
    """The same finding for the organization of this name."""
    return replace(finding, text=f"{name}: {finding.text}", facts={"organization": name, **finding.facts})


def _listing(organizations: Sequence[Organization]) -> str:
    """`eu, Example (ID) and 3 more`, or `none`."""
    names = [f"{each.title} ({each.name})" if each.title else each.name for each in organizations]
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return (", ".join(names[:_MAX_NAMED]) or "none") + more


def _facts(organizations: Sequence[Organization]) -> list[Json]:
    return [{"id": each.id, "label": each.label, "name": each.title} for each in organizations]
