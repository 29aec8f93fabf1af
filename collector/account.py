"""Outcomes and requests folded into totals, and the invariant: every id has exactly one outcome. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from collector.errors import AccountMismatch
from collector.model import Outcome, OutcomeKind


@dataclass(slots=True)
class InputCount:
    """Lines of input: `lines` = `unique` + `duplicates` + `invalid` + `blank`."""

    unique: int = 0
    duplicates: int = 0
    invalid: int = 0
    blank: int = 0

    @property
    def lines(self) -> int:
        return self.unique + self.duplicates + self.invalid + self.blank


@dataclass(slots=True)
class RequestCount:
    """Requests of this process.

    `sent` were given to a connection; `unanswered` of these ended without a byte of answer, so that the server saw
    between `sent - unanswered` and `sent`. `retried` were not an id's first, `throttled` were answered by a request
    to slow down.
    """

    sent: int = 0
    unanswered: int = 0
    retried: int = 0
    throttled: int = 0
    by_status: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Account:
    """What a run did. Filled while it runs, settled once at its end."""

    input: InputCount = field(default_factory=InputCount)
    requests: RequestCount = field(default_factory=RequestCount)
    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    redactions: int = 0
    unparsed_timestamps: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome, once it is taken for writing; `retract` takes back what could not be written."""
        self.outcomes[outcome.kind] += 1
        self.redactions += outcome.redactions
        self.unparsed_timestamps += outcome.unparsed_timestamps

    @property
    def done(self) -> int:
        """Ids with an outcome so far."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """Ids that were asked for and are not ok."""
        return self.done - self.outcomes[OutcomeKind.OK] - self.outcomes[OutcomeKind.NOT_ATTEMPTED]

    def retract(self, records: int) -> None:
        """Only `records` of the ids counted as ok are really written; the others have no outcome again."""
        self.outcomes[OutcomeKind.OK] = min(records, self.outcomes[OutcomeKind.OK])

    def settle(self, *, finished: bool, records: int) -> None:
        """Close the account: `records` were written, and ids without an outcome are `not_attempted`.

        Raises `AccountMismatch` when the outcomes and the written records differ, and when a run that `finished`
        left an id without one: an id is never lost in silence.
        """
        missing = self.input.unique - self.done
        if missing < 0 or (finished and missing):
            raise AccountMismatch(f"{self.input.unique} ids but {self.done} outcomes; please report this bug")
        if records != self.outcomes[OutcomeKind.OK]:
            raise AccountMismatch(
                f"{self.outcomes[OutcomeKind.OK]} ids are ok but {records} records were written; please report this bug"
            )
        self.outcomes[OutcomeKind.NOT_ATTEMPTED] += missing

    @property
    def is_clean(self) -> bool:
        """Is every unique id ok and every line of input an id?"""
        return self.is_complete and not self.input.invalid

    @property
    def is_complete(self) -> bool:
        """Is every unique id ok?"""
        return self.outcomes[OutcomeKind.OK] == self.input.unique
