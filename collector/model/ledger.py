"""Totals of outcomes and requests, and the check that every id has exactly one outcome. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from collector.model.errors import ExitCode, LedgerMismatch
from collector.model.outcome import Outcome, OutcomeKind, Redaction
from collector.model.record_fields import RecordFields, fields_of
from collector.model.shape import Shape


@dataclass(slots=True)
class InputCount:
    """Lines of input: `lines` = `unique` + `duplicates` + `invalid` + `blank` + `filtered`.

    `filtered` counts the ids that a filter left out; None without a filter.
    """

    unique: int = 0
    duplicates: int = 0
    invalid: int = 0
    blank: int = 0
    filtered: int | None = None

    @property
    def lines(self) -> int:
        return self.unique + self.duplicates + self.invalid + self.blank + (self.filtered or 0)


@dataclass(slots=True)
class RequestCount:
    """Requests of this process.

    `sent` were given to a connection. `unanswered` of these ended without a byte of a reply, so the server saw between
    `sent - unanswered` and `sent`. `retried` were not the first for their id; `throttled` got a throttled reply.
    `by_endpoint` counts those sent by the template of their path.
    """

    sent: int = 0
    unanswered: int = 0
    retried: int = 0
    throttled: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_endpoint: Counter[str] = field(default_factory=Counter)


OTHER_PATHS: Final = "(other)"
"""The path under which values beyond the limits are counted: the API chooses the keys, so their number is unbounded."""

_MAX_PATHS: Final = 1000
_MAX_PATH_LENGTH: Final = 200


class PathCounts(Counter[str]):
    """Counts of values by path, for at most 1,000 distinct paths."""

    def count(self, path: str, number: int = 1) -> None:
        """Add `number` values at one path."""
        if path not in self and (len(self) >= _MAX_PATHS or len(path) > _MAX_PATH_LENGTH):
            path = OTHER_PATHS
        self[path] += number

    def count_all(self, counts: Mapping[str, int]) -> None:
        """Add the counts of several paths."""
        for path, number in counts.items():
            self.count(path, number)


class ValueFindings(Protocol):
    """The values that were masked, repaired or found odd in one record or row; see `Outcome`."""

    @property
    def redactions(self) -> Sequence[Redaction]: ...
    @property
    def unparsed_timestamps(self) -> int: ...
    @property
    def repairs(self) -> Sequence[str]: ...
    @property
    def nuls(self) -> Sequence[str]: ...


class TallyEntry(NamedTuple):
    """The part of an outcome that a `Tally` counts. `fields` are those of its record; the others are of `Outcome`."""

    kind: OutcomeKind
    redactions: Sequence[Redaction] = ()
    unparsed_timestamps: int = 0
    repairs: Sequence[str] = ()
    nuls: Sequence[str] = ()
    id: str = ""
    fields: RecordFields | None = None


def tally_entry(outcome: Outcome) -> TallyEntry:
    """The part of `outcome` that a `Tally` counts."""
    return TallyEntry(
        *(outcome.kind, outcome.redactions, outcome.unparsed_timestamps, outcome.repairs, outcome.nuls, outcome.id),
        fields=None if outcome.record is None else fields_of(outcome.record),
    )


@dataclass(slots=True)
class Tally:
    """Counts of outcomes and of values in their records.

    By path: `redactions` are masked values, `repairs` repaired values, `nuls` texts with a NUL character. `by_rule`
    counts masked values by rule. `unparsed_timestamps` are those kept verbatim. `shape` describes the written records.
    """

    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    redactions: PathCounts = field(default_factory=PathCounts)
    unparsed_timestamps: int = 0
    repairs: PathCounts = field(default_factory=PathCounts)
    nuls: PathCounts = field(default_factory=PathCounts)
    by_rule: Counter[str] = field(default_factory=Counter)
    shape: Shape = field(default_factory=Shape)

    def add(self, outcome: TallyEntry | Outcome) -> None:
        """Count one outcome."""
        self.outcomes[outcome.kind] += 1
        self.add_values(outcome)

    def add_written(self, entry: TallyEntry) -> None:
        """Count one outcome whose line is written, with the fields of its record."""
        self.add(entry)
        if entry.fields is not None:
            self.shape.add(entry.id, entry.fields)

    def add_values(self, found: ValueFindings) -> None:
        """Count the values of an outcome's record, or of a row."""
        self.unparsed_timestamps += found.unparsed_timestamps
        for path, rule in found.redactions:
            self.redactions.count(path)
            self.by_rule[rule] += 1
        if found.repairs or found.nuls:
            for path in found.repairs:
                self.repairs.count(path)
            for path in found.nuls:
                self.nuls.count(path)

    @property
    def total(self) -> int:
        """The number of outcomes."""
        return self.outcomes.total()

    def __iadd__(self, other: Tally) -> Tally:
        self.outcomes.update(other.outcomes)
        self.unparsed_timestamps += other.unparsed_timestamps
        self.redactions.count_all(other.redactions)
        self.repairs.count_all(other.repairs)
        self.nuls.count_all(other.nuls)
        self.by_rule.update(other.by_rule)
        self.shape += other.shape
        return self


@dataclass(slots=True)
class Ledger:
    """The totals of a run: filled while it runs, reconciled once at its end.

    `has_all_ids` is False as long as further ids may be found. `unfinished_tables` counts side tables that are partial;
    `current_table` is being read and has `table_rows` so far. `fails_by_drift`: the shape of the records has changed,
    and the user wants the run to fail then.
    """

    input: InputCount = field(default_factory=InputCount)
    requests: RequestCount = field(default_factory=RequestCount)
    tally: Tally = field(default_factory=Tally)
    resumed: int = 0
    has_all_ids: bool = True
    unfinished_tables: int = 0
    current_table: str = ""
    table_rows: int = 0
    fails_by_drift: bool = False

    @property
    def outcomes(self) -> Counter[OutcomeKind]:
        """The number of ids with each outcome so far."""
        return self.tally.outcomes

    def add(self, outcome: Outcome) -> None:
        """Count an outcome that was handed to the writer. `reconcile` removes those that could not be written."""
        self.tally.add(outcome)

    def add_resumed(self, tally: Tally) -> None:
        """Add the outcomes of the unfinished run that this run resumes."""
        self.tally += tally
        self.resumed = tally.outcomes[OutcomeKind.OK]

    @property
    def done(self) -> int:
        """Ids with an outcome so far."""
        return self.tally.total

    @property
    def failed(self) -> int:
        """Ids that were requested and are not ok."""
        return self.done - self.outcomes[OutcomeKind.OK] - self.outcomes[OutcomeKind.NOT_ATTEMPTED]

    def reconcile(self, *, finished: bool, written: Tally) -> None:
        """Keep only the outcomes `written` durably; all other ids become `not_attempted`.

        Raises `LedgerMismatch` if there are more outcomes than ids, or if more outcomes were written than counted.
        Also raises it for a run that `finished` without writing an outcome for every id.
        """
        counted, unique = self.tally, self.input.unique
        if counted.total > unique or not written.outcomes <= counted.outcomes or (finished and written.total != unique):
            raise LedgerMismatch(
                f"{unique} ids, {counted.total} outcomes, {written.total} of them written; please report this bug"
            )
        self.tally = written
        self.outcomes[OutcomeKind.NOT_ATTEMPTED] += unique - written.total

    @property
    def is_clean(self) -> bool:
        """Is every unique id ok, every side table complete, and every line of input an id?"""
        return self.is_complete and not self.input.invalid

    @property
    def is_complete(self) -> bool:
        """Is every unique id ok, and every side table complete?"""
        return self.outcomes[OutcomeKind.OK] == self.input.unique and not self.unfinished_tables


def status_of(ledger: Ledger, *, finished: bool) -> str:
    """`complete` (every unique id is ok, and no side table is partial), `partial` (finished otherwise) or `stopped`."""
    if not finished:
        return "stopped"
    return "complete" if ledger.is_complete else "partial"


def exit_code_of(ledger: Ledger) -> ExitCode:
    """The exit code of a run that finished."""
    return ExitCode.OK if ledger.is_clean and not ledger.fails_by_drift else ExitCode.INCOMPLETE
