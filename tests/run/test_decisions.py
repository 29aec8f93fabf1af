"""What the governor decided, in words: what is warned of, and what is noted."""

from __future__ import annotations

import re
from math import inf

import pytest

from collector.governor.events import Allowed, Event, Halted, Narrowed, Paused, Resumed
from collector.run.observers.decisions import report

ALLOWED = Allowed(12.34, 4)
FREE = Allowed(inf, 32)


@pytest.mark.parametrize(
    ("event", "is_warning", "text"),
    [
        (Paused(5.0, "HTTP 429", ALLOWED), False, "all requests pause for 5.0 s: HTTP 429; then at 12.3/s, 4 at once"),
        (
            Paused(1.0, "HTTP 503", ALLOWED, is_news=True),
            True,
            "all requests pause for 1.0 s: HTTP 503; then at 12.3/s, 4 at once",
        ),
        (
            Paused(60.0, "HTTP 429", FREE),
            True,
            "all requests pause for 60.0 s: HTTP 429; then at no rate of its own, 32",
        ),
        (Halted(2.0, "HTTP 500", is_news=True), True, r"too much fails \(HTTP 500\): nothing is sent for 2 s"),
        (Halted(4.0, "HTTP 500", is_news=False), False, "nothing is sent for 4 s"),
        (Resumed(FREE, ends_outage=True), True, "going on at no rate of its own, 32 at once"),
        (Resumed(ALLOWED, ends_outage=False), False, "going on at 12.3/s, 4 at once"),
        (Narrowed("no answer in time", 8), False, "fewer requests at once: no answer in time; now 8"),
    ],
)
def test_every_decision_has_words_and_is_warned_of_or_noted(event: Event, is_warning: bool, text: str) -> None:
    warned: list[str] = []
    noted: list[str] = []
    report(event, warned.append, noted.append)
    [said] = warned if is_warning else noted
    assert not (noted if is_warning else warned)
    assert re.search(text, said)
