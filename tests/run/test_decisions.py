"""The wording of the governor's decisions, as warnings and as notes."""

from __future__ import annotations

from math import inf

import pytest

from collector.governor.events import Allowed, BreakerOpened, ConcurrencyReduced, Event, Paused, Resumed
from collector.run.observers.decisions import report

ALLOWED = Allowed(12.34, 4)
FREE = Allowed(inf, 32)


@pytest.mark.parametrize(
    ("event", "is_warning", "text"),
    [
        (
            Paused(5.0, "HTTP 429", ALLOWED),
            False,
            "pausing all requests for 5.0 s: HTTP 429; then resuming with concurrency 4 and at most 12.3 requests/s",
        ),
        (
            Paused(1.0, "HTTP 503", ALLOWED, should_warn=True),
            True,
            "pausing all requests for 1.0 s: HTTP 503; then resuming with concurrency 4 and at most 12.3 requests/s",
        ),
        (
            Paused(60.0, "HTTP 429", FREE),
            True,
            "pausing all requests for 60.0 s: HTTP 429; then resuming with concurrency 32 and no adaptive rate limit",
        ),
        (
            BreakerOpened(2.0, "HTTP 500", should_warn=True),
            True,
            "outage: too many failures (HTTP 500); waiting 2 s before probing with one request",
        ),
        (
            BreakerOpened(4.0, "HTTP 500", should_warn=False),
            False,
            "outage: too many failures (HTTP 500); waiting 4 s before probing with one request",
        ),
        (
            Resumed(FREE, ends_outage=True),
            True,
            "the server is responding again; resuming with concurrency 32 and no adaptive rate limit",
        ),
        (
            Resumed(ALLOWED, ends_outage=False),
            False,
            "the server is responding again; resuming with concurrency 4 and at most 12.3 requests/s",
        ),
        (ConcurrencyReduced("no reply in time", 8), False, "concurrency reduced to 8: no reply in time"),
    ],
)
def test_every_decision_is_worded_and_either_warned_about_or_noted(event: Event, is_warning: bool, text: str) -> None:
    warnings: list[str] = []
    notes: list[str] = []
    report(event, warnings.append, notes.append)
    assert (warnings, notes) == (([text], []) if is_warning else ([], [text]))
