"""Outcomes that end a run, since they show that the key is not the right one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.model.errors import Damaged, KeyRefused
from collector.model.ledger import Ledger
from collector.model.outcome import OutcomeKind

_TELLING_ANSWERS: Final = 5  # so many first answers, all 403, tell of the key and not of the connections


def require_organization(found: str | None, known: Sequence[str], place: str) -> None:
    """Raise `Damaged` for a record of another organization than those `known` of the unfinished file at `place`."""
    if found is not None and known and found not in known:
        raise Damaged(
            f"{place}: holds the records of organization {' and '.join(known)}, but this key reads {found}; use the "
            "other key, or set the file aside with --resume never"
        )


def require_access(ledger: Ledger) -> None:
    """Raise `KeyRefused` when the first answers of a run are all 403."""
    if ledger.done == ledger.outcomes[OutcomeKind.FORBIDDEN] == _TELLING_ANSWERS < ledger.input.unique:
        raise KeyRefused(
            f"the first {_TELLING_ANSWERS} answers are all HTTP 403: this key may not read these connections"
        )
