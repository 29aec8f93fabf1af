"""Checks that end a run whose outcomes show that the API key is the wrong one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.errors import ConfigError, Damaged, KeyRefused, RunStopped
from collector.model.ledger import Ledger
from collector.model.outcome import Outcome, OutcomeKind

_FIRST_REPLIES: Final = 5  # if all of these are 403, the key is at fault and not the connections


def require_organization(found: str | None, known: Sequence[str], path: str) -> None:
    """Raise `Damaged` for a record whose organization is not in `known`, those of the unfinished file `path`."""
    if found is not None and known and found not in known:
        raise Damaged(
            f"{path}: contains records of organization {' and '.join(known)}, but this key reads organization {found}; "
            "use the other key, or quarantine the file with --resume never"
        )


def require_owner(found: str | None, organization_id: str | None) -> None:
    """Raise `ConfigError` for a record of another organization than `organization_id`, if that is known."""
    if found is not None and organization_id is not None and found.lower() != organization_id.lower():
        raise ConfigError(
            f"the key reads organization {found}, but the records of {organization_id} were requested; correct the id "
            "or the key"
        )


def require_readable(outcome: Outcome, path: str) -> None:
    """Raise for an id of the unfinished file `path` whose connection could not be read again, with this `outcome`.

    Raises `Damaged` if the key may not read it, and `RunStopped` if the reason may pass.
    """
    if outcome.kind in {OutcomeKind.NOT_FOUND, OutcomeKind.FORBIDDEN}:
        raise Damaged(
            f"{path}: contains the record of {outcome.id}, which this key cannot read ({outcome.error}); use the key "
            "of its organization, or quarantine the file with --resume never"
        )
    raise RunStopped(f"cannot read {outcome.id} again before the side tables: {outcome.error}")


def require_access(ledger: Ledger) -> None:
    """Raise `KeyRefused` when the first replies of a run are all 403."""
    if ledger.done == ledger.outcomes[OutcomeKind.FORBIDDEN] == _FIRST_REPLIES < ledger.input.unique:
        raise KeyRefused(
            f"the first {_FIRST_REPLIES} replies are all HTTP 403: this key may not read these connections; "
            "use a key of their organization"
        )
