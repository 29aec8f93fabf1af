"""Outcomes and requests folded into totals, and the invariant: every id has exactly one outcome. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

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


Counted: TypeAlias = tuple[OutcomeKind, Sequence[str], int]
"""What of an outcome is counted: its kind, the paths of masked values, timestamps that are none."""

OTHER_PATHS: Final = "(other)"
"""Stands for the paths of masked values beyond those that are told apart: keys come from outside."""

_MOST_PATHS: Final = 1000
_LONGEST_PATH: Final = 200


@dataclass(slots=True)
class Tally:
    """Outcomes, and what their records hold: values that were masked, by their paths, and timestamps that are none."""

    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    redactions: Counter[str] = field(default_factory=Counter)
    unparsed_timestamps: int = 0

    def add(self, kind: OutcomeKind, redactions: Iterable[str], unparsed_timestamps: int) -> None:
        """Count one."""
        self.outcomes[kind] += 1
        self.unparsed_timestamps += unparsed_timestamps
        for path in redactions:
            self._count_masked(path, 1)

    def _count_masked(self, path: str, count: int) -> None:
        counts = self.redactions
        if path not in counts and (len(counts) >= _MOST_PATHS or len(path) > _LONGEST_PATH):
            path = OTHER_PATHS
        counts[path] += count

    @property
    def total(self) -> int:
        """Outcomes in all."""
        return self.outcomes.total()

    def __iadd__(self, other: Tally) -> Tally:
        self.outcomes.update(other.outcomes)
        for path, count in other.redactions.items():
            self._count_masked(path, count)
        self.unparsed_timestamps += other.unparsed_timestamps
        return self


@dataclass(slots=True)
class Account:
    """What a run did. Filled while it runs, settled once at its end."""

    input: InputCount = field(default_factory=InputCount)
    requests: RequestCount = field(default_factory=RequestCount)
    tally: Tally = field(default_factory=Tally)
    resumed: int = 0

    @property
    def outcomes(self) -> Counter[OutcomeKind]:
        """How many ids have which outcome so far."""
        return self.tally.outcomes

    def add(self, outcome: Outcome) -> None:
        """Count an outcome, once it is taken for writing; `settle` takes back what could not be written."""
        self.tally.add(outcome.kind, outcome.redactions, outcome.unparsed_timestamps)

    def take_over(self, tally: Tally) -> None:
        """Begin with what an unfinished run left."""
        self.tally += tally
        self.resumed = tally.outcomes[OutcomeKind.OK]

    @property
    def done(self) -> int:
        """Ids with an outcome so far."""
        return self.tally.total

    @property
    def failed(self) -> int:
        """Ids that were asked for and are not ok."""
        return self.done - self.outcomes[OutcomeKind.OK] - self.outcomes[OutcomeKind.NOT_ATTEMPTED]

    def settle(self, *, finished: bool, written: Tally) -> None:
        """Close the account with what was `written` for good; ids without an outcome are `not_attempted`.

        Raises `AccountMismatch` when more was written than counted, and when a run that `finished` left an id without
        an outcome, or an outcome out of its files: an id is never lost in silence. What a run that stopped could not
        write has no outcome again.
        """
        counted, unique = self.tally, self.input.unique
        if counted.total > unique or not written.outcomes <= counted.outcomes or (finished and written.total != unique):
            raise AccountMismatch(
                f"{unique} ids, {counted.total} outcomes, {written.total} of them written; please report this bug"
            )
        self.tally = written
        self.outcomes[OutcomeKind.NOT_ATTEMPTED] += unique - written.total

    @property
    def is_clean(self) -> bool:
        """Is every unique id ok and every line of input an id?"""
        return self.is_complete and not self.input.invalid

    @property
    def is_complete(self) -> bool:
        """Is every unique id ok?"""
        return self.outcomes[OutcomeKind.OK] == self.input.unique
