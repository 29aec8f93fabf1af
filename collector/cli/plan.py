"""`collector collect --plan`: the plan of a run as text for people or as JSON, on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from collector.model.control_chars import json_escaped, printable
from collector.run.organizations.organizations_plan import OrganizationPlan, OrganizationsPlan
from collector.run.plan import Plan
from collector.snapshot.sinks.prospect import Action, Prospect

_LABEL_WIDTH = 10


def as_json(plan: Plan | OrganizationsPlan) -> list[str]:
    """The plan as one line of JSON."""
    return [json_escaped(json.dumps(plan.as_json(), ensure_ascii=False).encode()).decode()]


def as_text(plan: Plan) -> list[str]:
    """The plan as lines, each with a label."""
    return _lines([*_work(plan), *zip(("time", ""), _times(plan), strict=False), *_outputs(plan)])


def organizations_as_text(plan: OrganizationsPlan) -> list[str]:
    """The plan of all organizations as lines with labels, then that of each as indented lines under its name."""
    lines = _lines(list(_common(plan)))
    for each in plan.organizations:
        name, title = each.organization.name, each.organization.title
        lines += ["", printable(f"{name} ({title})" if title else name), *_lines(list(_organization(each)), "  ")]
    return lines


def _lines(rows: Sequence[tuple[str, str]], indent: str = "") -> list[str]:
    width = max(_LABEL_WIDTH, *(len(label) + 2 for label, _ in rows))
    return [printable(f"{indent}{label:{width}}{text}") for label, text in rows]


def _common(plan: OrganizationsPlan) -> Iterator[tuple[str, str]]:
    yield "organizations", f"{len(plan.organizations)}, at most {plan.at_once} at a time"
    lists = f"{plan.lists} for the list of organizations; " if plan.lists else ""
    yield "requests", f"{lists}{plan.requests} in total, plus retries"
    yield "time", _time_at_ceiling(plan.seconds, plan.ceiling)
    if plan.index is not None:
        yield "index", str(plan.index)
    if plan.is_locked:
        yield "begins", "not at all (exit code 7): another run holds this output"
    elif plan.continued is not None:
        yield "begins", f"by continuing the interrupted run {plan.continued}"


def _organization(found: OrganizationPlan) -> Iterator[tuple[str, str]]:
    if found.plan is not None:
        yield from _work(found.plan)
        yield from _outputs(found.plan)
    elif found.is_kept:
        yield "kept", "the interrupted run has collected it"
    else:
        yield "fails", f"{found.error} (exit code {found.exit_code:d})"


def _work(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "input", _input(plan)
    yield "requests", _requests(plan)


def _outputs(plan: Plan) -> Iterator[tuple[str, str]]:
    yield from plan.files.items()
    if plan.baseline is not None:
        yield "drift", f"compared with {plan.baseline}{'; exit code 3 if a field changed' * plan.fails_on_drift}"
    elif plan.fails_on_drift:
        yield "drift", "not compared: the earlier manifest is missing; the next run compares"
    if plan.prospect is None:
        yield "output", "a stream, which cannot be resumed"
    else:
        yield "begins", _beginning(plan.prospect)
        if plan.prospect.replaces is not None:
            yield "replaces", f"the snapshot of {plan.prospect.replaces} records, once the new one is complete"


def _input(plan: Plan) -> str:
    count = plan.input
    if plan.connections is None and not count.lines:
        return "the ids of the list"
    filtered = "" if count.filtered is None else f", {count.filtered} left out by filters"
    return (
        f"{count.lines} lines: {count.unique} ids, {count.duplicates} duplicate, {count.invalid} invalid, "
        f"{count.blank} blank{filtered}"
    )


def _requests(plan: Plan) -> str:
    parts = [
        *([f"{plan.lists} for the list"] if plan.lists else []),
        f"{plan.connections or 'none'} for connections",
        *([f"at least {plan.tables} for side tables"] if plan.tables else []),
    ]
    return f"{', '.join(parts)}, plus retries"


def _times(plan: Plan) -> Iterator[str]:
    yield _time_at_ceiling(plan.seconds_at(plan.ceiling), plan.ceiling)
    if plan.last_run is not None and (seconds := plan.seconds_at(plan.last_run.rate)) is not None:
        yield f"{_duration(seconds)} at the pace of the last run, {plan.last_run.rate:g} requests/s"


def _time_at_ceiling(seconds: float | None, ceiling: float) -> str:
    if seconds is None:
        return "no ceiling (--rate 0)"
    return f"{_duration(seconds)} at the ceiling of {ceiling:g} requests/s"


def _duration(seconds: float) -> str:
    """Such as `45 s`, `12 min` or `3.5 h`."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _beginning(prospect: Prospect) -> str:
    unfinished = f"unfinished run {prospect.run_id or '(unknown)'}"
    match prospect.action:
        case Action.START:
            return "a new run"
        case Action.PUBLISH:
            return f"by completing the publication of the {unfinished}, which has {prospect.records} records"
        case Action.RESUME:
            tables = f" and the side tables {', '.join(sorted(prospect.tables))}" if prospect.tables else ""
            return f"by resuming the {unfinished}, which has {prospect.records} records{tables}"
        case Action.QUARANTINE:
            return f"a new run; it quarantines the {unfinished}: {prospect.reason}"
        case Action.REFUSE:
            return f"not at all (exit code 8), because of the {unfinished}: {prospect.reason}"
        case Action.WAIT:
            return "not at all (exit code 7): another run holds this output"
