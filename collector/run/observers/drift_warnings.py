"""Words the drift of a run as warnings. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.snapshot.drift import Change, DriftReport

MAX_LISTED: Final = 20


def drift_warnings(report: DriftReport) -> Iterator[str]:
    """A summary, then one line for each change, up to a limit. Empty without changes."""
    drift = report.drift
    if not drift.total:
        return
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in drift._asdict().items() if found)
    yield f"drift since run {report.previous}: fields {counts}; the manifest lists them under drift"
    changes = [*drift.gone, *drift.retyped, *drift.new]
    yield from (_line(change) for change in changes[:MAX_LISTED])
    if len(changes) > MAX_LISTED:
        left = len(changes) - MAX_LISTED
        yield f"drift: {left} more field{'' if left == 1 else 's'}"


def _line(change: Change) -> str:
    before, after = " or ".join(change.before), " or ".join(change.after)
    samples = f"such as {', '.join(change.ids)}"
    match change:
        case Change(before=()):
            text = f"is new ({after}) in {_records(change)}, {samples}"
        case Change(after=()):
            text = f"is gone (was {before} in {_records(change)}), {samples}"
        case _:
            text = f"is {after}, was {before}, in {_records(change)}, {samples}"
    return f"drift: {change.type_id or '(no type)'}: {change.path} {text}"


def _records(change: Change) -> str:
    return f"{change.records} record{'' if change.records == 1 else 's'}"
