"""Progress of a single run, as bars on a terminal; `test_organization_progress` also tests plain lines."""

from __future__ import annotations

import itertools

import pytest

from collector.cli.live_display import LiveDisplay
from collector.cli.progress import ConsoleReporter
from collector.model.ledger import InputCount, Ledger
from tests.support.screen import screen_after


def test_the_bar_of_a_list_has_a_total_once_the_list_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Ledger(input=InputCount(unique=12), has_all_ids=False)
    reporter = ConsoleReporter(LiveDisplay(has_names=False, clock=itertools.count(0.0).__next__))

    def draw() -> None:
        reporter.begin(state)
        reporter.refresh()
        state.input.unique, state.has_all_ids = 48, True
        reporter.refresh()

    screen = screen_after(draw, monkeypatch)
    (line,) = screen.lines
    assert "0/?" in screen.received
    assert " 0/48 " in line


def test_a_side_table_follows_the_count_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Ledger(input=InputCount(unique=48), current_table="users", table_rows=7)

    def draw() -> None:
        reporter = ConsoleReporter(LiveDisplay(has_names=False))
        reporter.begin(state)
        reporter.warn("a problem")

    message, bar = screen_after(draw, monkeypatch).lines
    assert message == "collector: a problem"
    assert [text for text in (" 0/48 ", " 0 retries ", " 0 failed ", " users: 7 rows ") if text not in bar] == []
