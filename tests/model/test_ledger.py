"""Outcomes and requests folded into totals, and the invariant."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import LedgerMismatch
from collector.model.ledger import InputCount, Ledger, PathCounts, Tally
from collector.model.outcome import Outcome, OutcomeKind, Redaction

tried = st.lists(st.sampled_from([kind for kind in OutcomeKind if kind is not OutcomeKind.NOT_ATTEMPTED]), max_size=40)


def account_of(kinds: list[OutcomeKind], unique: int) -> Ledger:
    ledger = Ledger(input=InputCount(unique=unique))
    for kind in kinds:
        ledger.add(Outcome("id", kind, 1, "now"))
    return ledger


def written(kinds: list[OutcomeKind], ok: int | None = None) -> Tally:
    """What the files hold: all that was counted, or another number of records."""
    tally = Tally(Counter(kinds))
    if ok is not None:
        tally.outcomes[OutcomeKind.OK] = ok
    return tally


@given(tried)
def test_a_run_in_which_every_id_has_an_outcome_settles(kinds: list[OutcomeKind]) -> None:
    ledger = account_of(kinds, len(kinds))
    ledger.reconcile(finished=True, written=written(kinds))
    assert ledger.outcomes.total() == ledger.input.unique
    assert +ledger.outcomes == Counter(kinds)


@given(tried, st.integers(-5, 5).filter(bool))
def test_a_finished_run_with_one_outcome_too_few_or_too_many_never_settles(kinds: list[OutcomeKind], off: int) -> None:
    ledger = account_of(kinds, len(kinds) + off)
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=True, written=written(kinds))


@given(tried, st.integers(1, 5))
def test_a_stopped_run_with_an_outcome_too_many_never_settles(kinds: list[OutcomeKind], more: int) -> None:
    ledger = account_of(kinds + [OutcomeKind.OK] * more, len(kinds))
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=False, written=written(kinds))


@given(tried, st.integers(-5, 5).filter(bool), st.booleans())
def test_a_record_lost_or_written_twice_is_never_settled(kinds: list[OutcomeKind], off: int, finished: bool) -> None:
    """A stopped run may have lost what it could not write; it never wrote more than it counted."""
    ledger = account_of(kinds, len(kinds))
    off = off if finished else abs(off)
    with pytest.raises(LedgerMismatch):
        ledger.reconcile(finished=finished, written=written(kinds, kinds.count(OutcomeKind.OK) + off))


@given(tried, st.integers(0, 50))
def test_ids_a_stopped_run_did_not_reach_are_not_attempted(kinds: list[OutcomeKind], more: int) -> None:
    ledger = account_of(kinds, len(kinds) + more)
    ledger.reconcile(finished=False, written=written(kinds))
    assert ledger.outcomes[OutcomeKind.NOT_ATTEMPTED] == more
    assert ledger.outcomes.total() == ledger.input.unique


@given(tried, st.integers(0, 50))
def test_what_the_output_refused_has_no_outcome_again(kinds: list[OutcomeKind], kept: int) -> None:
    ledger = account_of(kinds, len(kinds))
    ledger.reconcile(finished=False, written=written(kinds[:kept]))
    assert ledger.outcomes[OutcomeKind.NOT_ATTEMPTED] == len(kinds) - len(kinds[:kept])
    assert ledger.outcomes.total() == ledger.input.unique


def masked_at(*paths: str) -> tuple[Redaction, ...]:
    return tuple(Redaction(path, "name") for path in paths)


def test_what_an_unfinished_run_left_is_taken_over() -> None:
    ledger = Ledger(input=InputCount(unique=5))
    ledger.add_resumed(Tally(Counter({OutcomeKind.OK: 3}), redactions=PathCounts(a=7), unparsed_timestamps=1))
    ledger.add(Outcome("a", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "b")))
    assert (ledger.done, ledger.resumed) == (4, 3)
    assert (ledger.tally.redactions, ledger.tally.unparsed_timestamps) == (Counter(a=8, b=1), 1)


def test_totals_follow_the_outcomes() -> None:
    ledger = Ledger(input=InputCount(unique=4))
    ledger.add(Outcome("a", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "a", "c"), unparsed_timestamps=1))
    ledger.add(Outcome("b", OutcomeKind.OK, 1, "now", {}, redactions=masked_at("a", "b")))
    ledger.add(Outcome("c", OutcomeKind.FORBIDDEN, 1, "now"))
    assert (ledger.done, ledger.failed) == (3, 1)
    assert (ledger.tally.redactions, ledger.tally.unparsed_timestamps) == (Counter(a=3, b=1, c=1), 1)
    ledger.reconcile(finished=False, written=written([OutcomeKind.OK, OutcomeKind.OK, OutcomeKind.FORBIDDEN]))
    assert (ledger.done, ledger.failed) == (4, 1)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_lines_are_the_sum_of_their_kinds(unique: int, duplicates: int, invalid: int, blank: int) -> None:
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
def test_complete_is_every_id_ok_and_clean_is_every_line_an_id_too(
    kinds: list[OutcomeKind], invalid: int, complete: bool, clean: bool
) -> None:
    ledger = account_of(kinds, len(kinds))
    ledger.input.invalid = invalid
    assert (ledger.is_complete, ledger.is_clean) == (complete, clean)
