"""Outcomes with the lines of their records, as a run hands them to the writer of a sink."""

from __future__ import annotations

from collector.model.outcome import Outcome
from collector.model.record_form import RecordForm
from collector.snapshot.lines import EncodedOutcome, encode_outcome


def encoded(outcome: Outcome) -> EncodedOutcome:
    """The outcome and its line, in the default form and without a limit."""
    return encode_outcome(outcome, RecordForm())
