"""The ids that a run would request. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collector.model.errors import InputError
from collector.model.ledger import InputCount
from collector.model.record import Json
from collector.run.readiness.checks.finding import Finding, failure, failure_from, ok, warning

IDS = "ids"


def check_ids(count: InputCount, line_errors: Sequence[str], notes: Sequence[str] = ()) -> Finding:
    """The finding for an input that a run accepts.

    `line_errors` are the messages about its invalid lines, and `notes` those about its filters.
    """
    facts: dict[str, Json] = {
        "unique": count.unique,
        "duplicates": count.duplicates,
        "invalid": count.invalid,
        "blank": count.blank,
    }
    text = f"{count.unique:,} unique ids in {count.lines:,} lines"
    if count.invalid:
        return warning(
            IDS,
            f"{text}; {count.invalid:,} lines contain no id, the first at {line_errors[0]}",
            "correct them, or a run ends with exit code 3",
            **facts,
        )
    if notes:
        doubt, _, advice = notes[0].rpartition("; ")
        return warning(IDS, f"{text}; {doubt}", advice, **facts)
    return ok(IDS, text, **facts)


def unread(error: InputError | TimeoutError, within: float) -> Finding:
    """The finding for an input that cannot be read."""
    if isinstance(error, InputError):
        return failure_from(IDS, error, "correct --ids")
    return failure(IDS, f"the files of ids cannot be read within {within:g} s", "check the disk or the pipe")
