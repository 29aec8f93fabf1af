"""Totals of outcomes, and the check that every id has exactly one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import LedgerMismatch
from collector.model.ledger import InputCount, Ledger, PathCounts, Tally
from collector.model.outcome import Outcome, OutcomeKind, Redaction

tried = st.lists(st.sampled_from([kind for kind in OutcomeKind if kind is not OutcomeKind.NOT_ATTEMPTED]), max_size=40)


def ledger_of(kinds: list[OutcomeKind], unique: int) -> Ledger:
    ledger = Ledger(input=InputCount(unique=unique))
    for kind in kinds:
        ledger.add(Outcome("id", kind, 1, "now"))
    return ledger


def written(kinds: list[OutcomeKind], ok: int | None = None) -> Tally:
    """The tally of the files: every counted outcome, or `ok` records instead of the counted number."""
    tally = Tally(Counter(kinds))
    if ok is not None:
        tally.outcomes[OutcomeKind.OK] = ok
    return tally


@given(tried)
def test_a_run_with_one_outcome_per_id_reconciles(kinds: list[OutcomeKind]) -> None:
    ledger = ledger_of(kinds, len(kinds))
    ledger.reconcile(finished=True, written=written(kinds))
    assert ledger.outcomes.total() == ledger.input.unique
    assert +ledger.outcomes == Counter(kinds)


@given(tried, st.integers(-5, 5).filter(bool))
def test_a_finished_run_with_missing_or_surplus_outcomes_never_reconciles(kinds: list[OutcomeKind], off: int) -> None:
    ledger = ledger_of(kinds, len(kinds) + off)
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=True, written=written(kinds))


@given(tried, st.integers(1, 5))
def test_a_stopped_run_with_surplus_outcomes_never_reconciles(kinds: list[OutcomeKind], more: int) -> None:
    ledger = ledger_of(kinds + [OutcomeKind.OK] * more, len(kinds))
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=False, written=written(kinds))


@given(tried, st.integers(-5, 5).filter(bool), st.booleans())
def test_a_lost_or_duplicate_record_never_reconciles(kinds: list[OutcomeKind], off: int, finished: bool) -> None:
    """A stopped run may have failed to write outcomes, but it never wrote more than it counted."""
    ledger = ledger_of(kinds, len(kinds))
    off = off if finished else abs(off)
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=finished, written=written(kinds, kinds.count(OutcomeKind.OK) + off))


@given(tried, st.integers(0, 50))
def test_ids_that_a_stopped_run_did_not_reach_are_not_attempted(kinds: list[OutcomeKind], more: int) -> None:
    ledger = ledger_of(kinds, len(kinds) + more)
    ledger.reconcile(finished=False, written=written(kinds))
    assert ledger.outcomes[OutcomeKind.NOT_ATTEMPTED] == more
    assert ledger.outcomes.total() == ledger.input.unique


@given(tried, st.integers(0, 50))
def test_an_outcome_that_was_not_written_becomes_not_attempted(kinds: list[OutcomeKind], kept: int) -> None:
    ledger = ledger_of(kinds, len(kinds))
    ledger.reconcile(finished=False, written=written(kinds[:kept]))
    assert ledger.outcomes[OutcomeKind.NOT_ATTEMPTED] == len(kinds) - len(kinds[:kept])
    assert ledger.outcomes.total() == ledger.input.unique


def masked_at(*paths: str) -> tuple[Redaction, ...]:
    return tuple(Redaction(path, "name") for path in paths)


def test_a_resumed_run_counts_the_outcomes_of_the_unfinished_one() -> None:
    ledger = Ledger(input=InputCount(unique=5))
    ledger.add_resumed(Tally(Counter({OutcomeKind.OK: 3}), redactions=PathCounts(a=7), unparsed_timestamps=1))
    ledger.add(Outcome("a", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "b")))
    assert (ledger.done, ledger.resumed) == (4, 3)
    assert (ledger.tally.redactions, ledger.tally.unparsed_timestamps) == (Counter(a=8, b=1), 1)


def test_every_outcome_is_added_to_the_totals() -> None:
    ledger = Ledger(input=InputCount(unique=4))
    ledger.add(Outcome("a", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "a", "c"), unparsed_timestamps=1))
    ledger.add(Outcome("b", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "b")))
    ledger.add(Outcome("c", OutcomeKind.FORBIDDEN, 1, "now"))
    assert (ledger.done, ledger.failed) == (3, 1)
    assert (ledger.tally.redactions, ledger.tally.unparsed_timestamps) == (Counter(a=3, b=1, c=1), 1)
    ledger.reconcile(finished=False, written=written([OutcomeKind.OK, OutcomeKind.OK, OutcomeKind.FORBIDDEN]))
    assert (ledger.done, ledger.failed) == (4, 1)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_the_number_of_input_lines_is_the_sum_of_their_kinds(
    unique: int, duplicates: int, invalid: int, blank: int
) -> None:
    assert InputCount(unique, duplicates, invalid, blank).lines == unique + duplicates + invalid + blank


@pytest.mark.parametrize(
    ("kinds", "invalid", "complete", "clean"),
    [
        ([OutcomeKind.OK], 0, True, True),
        ([OutcomeKind.OK], 1, True, False),
        ([OutcomeKind.OK, OutcomeKind.NOT_FOUND], 0, False, False),
        ([OutcomeKind.OK, OutcomeKind.NOT_ATTEMPTED], 0, False, False),
    ],
)
def test_complete_means_every_id_is_ok_and_clean_also_means_no_line_is_invalid(
    kinds: list[OutcomeKind], invalid: int, complete: bool, clean: bool
) -> None:
    ledger = ledger_of(kinds, len(kinds))
    ledger.input.invalid = invalid
    assert (ledger.is_complete, ledger.is_clean) == (complete, clean)
