"""Checks that end a run whose outcomes show that the API key is the wrong one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.errors import Damaged, KeyRefused
from collector.model.ledger import Ledger
from collector.model.outcome import OutcomeKind

_FIRST_REPLIES: Final = 5  # if all of these are 403, the key is at fault and not the connections


def require_organization(found: str | None, known: Sequence[str], path: str) -> None:
    """Raise `Damaged` for a record whose organization is not in `known`, those of the unfinished file `path`."""
    if found is not None and known and found not in known:
        raise Damaged(
            f"{path}: contains records of organization {' and '.join(known)}, but this key reads organization {found}; "
            "use the other key, or quarantine the file with --resume never"
        )


def require_access(ledger: Ledger) -> None:
    """Raise `KeyRefused` when the first replies of a run are all 403."""
    if ledger.done == ledger.outcomes[OutcomeKind.FORBIDDEN] == _FIRST_REPLIES < ledger.input.unique:
        raise KeyRefused(
            f"the first {_FIRST_REPLIES} replies are all HTTP 403: this key may not read these connections; "
            "use a key of their organization"
        )
