"""Progress and messages of several runs side by side, as plain lines and as bars on a terminal."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.cli.live_display import LiveDisplay, shortened
from collector.cli.organization_progress import (
    ConsoleOrganizationsReporter,
    organizations_reporter_for,
)
from collector.cli.progress_display import LineDisplay
from collector.cli.stderr import StandardError
from collector.governor.events import Allowed, BreakerOpened, Paused
from collector.model.control_chars import printable
from collector.model.ledger import InputCount, Ledger, Tally
from collector.model.outcome import OutcomeKind
from tests.cli.test_terminal import ATTACKS, EVIL, assert_moves_nothing
from tests.support.canary import KEY
from tests.support.clock import Clock
from tests.support.screen import Screen, screen_after

UUID = "550e8400-e29b-41d4-a716-4466554{:05}"
SUMMARY = "12 of 12 connections in 0.3 s"


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


def ledger(done: int = 0, unique: int = 1000, *, failed: int = 0, retried: int = 0, resumed: int = 0) -> Ledger:
    made = Ledger(input=InputCount(unique=unique))
    if resumed:
        tally = Tally()
        tally.outcomes[OutcomeKind.OK] = resumed
        made.add_resumed(tally)
    made.outcomes[OutcomeKind.OK] += done - failed - resumed
    made.outcomes[OutcomeKind.NOT_FOUND] += failed
    made.requests.retried = retried
    return made


def plain(clock: Clock, *, quiet: bool = False, verbose: bool = False) -> ConsoleOrganizationsReporter:
    return ConsoleOrganizationsReporter(LineDisplay(clock.now), quiet=quiet, verbose=verbose)


def live() -> ConsoleOrganizationsReporter:
    """A reporter that draws each refresh: its clock advances by 1 s whenever it is read."""
    return ConsoleOrganizationsReporter(LiveDisplay(has_names=True, clock=itertools.count(0.0).__next__))


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def say_everything(reporter: ConsoleOrganizationsReporter) -> None:
    one = reporter.of("Acme")
    for each, end in ((one, ""), (reporter, " of all")):
        each.warn(f"a problem{end}")
        each.tell(f"a result{end}")
        each.note(f"a detail{end}")
    reporter.finish("Acme", SUMMARY)


PROBLEMS = {"Acme: a problem", "a problem of all"}
RESULTS = {"Acme: a result", "a result of all", f"Acme: {SUMMARY}"}
DETAILS = {"Acme: a detail", "a detail of all"}


@pytest.mark.parametrize(
    ("quiet", "verbose", "expected"),
    [
        (True, False, PROBLEMS),
        (True, True, PROBLEMS | DETAILS),
        (False, False, PROBLEMS | RESULTS),
        (False, True, PROBLEMS | RESULTS | DETAILS),
    ],
)
def test_every_message_of_an_organization_begins_with_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, quiet: bool, verbose: bool, expected: set[str]
) -> None:
    """Quiet prints problems, verbose adds details; the same on a terminal."""
    say_everything(organizations_reporter_for(quiet=quiet, verbose=verbose))
    lines = said(capsys)
    assert set(lines) == {f"collector: {text}" for text in expected}
    assert len(lines) == len(expected)

    def draw() -> None:
        reporter = organizations_reporter_for(quiet=quiet, verbose=verbose)
        reporter.begin(1)
        say_everything(reporter)
        reporter.close()

    assert screen_after(draw, monkeypatch).lines == lines


def test_the_decisions_of_a_governor_are_reported_with_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    one = plain(Clock()).of("Acme")
    one.report_decision(BreakerOpened(2.0, "HTTP 503", should_warn=True))
    one.report_decision(Paused(1.0, "429", Allowed(4, 5), should_warn=False))
    (line,) = said(capsys)
    assert line.startswith("collector: Acme: outage: too many failures (HTTP 503); ")


def test_debug_logs_include_details(capsys: pytest.CaptureFixture[str]) -> None:
    organizations_reporter_for(quiet=False, verbose=False, debug=True).of("Acme").note("a detail")
    assert said(capsys) == ["collector: Acme: a detail"]


def test_each_running_organization_has_a_plain_line_every_5_s(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    reporter = plain(clock)
    first, second = reporter.of("Acme"), reporter.of("Zeta")
    reporter.of("waiting")
    mine, other = ledger(), ledger(unique=40)
    first.begin(mine)
    clock.time = 3.0
    second.begin(other)
    clock.time = 4.9
    first.refresh()
    assert said(capsys) == []
    mine.outcomes[OutcomeKind.OK] = 250
    other.has_all_ids = False
    clock.time = 5.0
    for each in (second, first, second):
        each.refresh()
    assert said(capsys) == [
        "collector: Acme: 250 of 1000 (25 %), 50.0/s, 0 retries, 0 failed, 15 s left",
        "collector: Zeta: 0 so far, 0.0/s, 0 retries, 0 failed",
    ]
    clock.time = 10.0
    mine.current_table, mine.table_rows = "users", 7
    reporter.finish("Zeta", SUMMARY)
    first.refresh()
    assert said(capsys) == [f"collector: Zeta: {SUMMARY}", "collector: Acme: side table users: 7 rows, 0 retries"]


def test_plain_lines_count_the_organizations_if_there_are_more_than_run(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    reporter = plain(clock)
    reporter.begin(2)
    runs = [reporter.of(name) for name in ("Acme", "Zeta")]
    for run in runs:
        run.begin(ledger())
    clock.time = 5.0
    runs[0].refresh()
    assert not [line for line in said(capsys) if line.endswith(" organizations done")]
    reporter.finish("Acme", SUMMARY)
    clock.time = 10.0
    runs[1].refresh()
    assert said(capsys)[-1] == "collector: 1 of 2 organizations done"


def test_short_runs_one_after_the_other_do_not_defer_the_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    reporter = plain(clock)
    reporter.begin(40)
    for name in map(str, range(3)):
        run = reporter.of(name)
        run.begin(ledger())
        clock.time += 2.0
        run.refresh()
        reporter.finish(name, SUMMARY)
    assert "collector: 2 of 40 organizations done" in said(capsys)


def test_a_resumed_run_does_not_count_its_resumed_records_as_pace(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    run = plain(clock).of("Acme")
    run.begin(ledger(600, resumed=500))
    clock.time = 5.0
    run.refresh()
    assert said(capsys) == ["collector: Acme: 600 of 1000 (60 %), 20.0/s, 0 retries, 0 failed, 20 s left"]


@pytest.mark.parametrize(
    ("quiet", "debug", "env", "has_bars"),
    [
        (False, False, {}, True),
        (True, False, {}, False),
        (False, True, {}, False),
        (False, False, {"NO_COLOR": "1"}, False),
    ],
    ids=["bars", "quiet", "debug", "NO_COLOR"],
)
def test_a_terminal_gets_bars_unless_quiet_or_plain(
    monkeypatch: pytest.MonkeyPatch, quiet: bool, debug: bool, env: dict[str, str], has_bars: bool
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def draw() -> None:
        reporter = organizations_reporter_for(quiet=quiet, verbose=False, debug=debug)
        reporter.begin(3)
        reporter.of("Acme").begin(ledger())
        reporter.close()

    assert ("\x1b[" in screen_after(draw, monkeypatch).received) is has_bars


def drawn(
    monkeypatch: pytest.MonkeyPatch, draw: Callable[[ConsoleOrganizationsReporter], object], **size: int
) -> Screen:
    return screen_after(lambda: draw(live()), monkeypatch, **size)


def test_a_terminal_has_the_total_and_a_bar_for_each_running_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(reporter: ConsoleOrganizationsReporter) -> None:
        reporter.begin(40)
        states = [
            ledger(),
            ledger(600, resumed=600),
            ledger(120_345, 200_000, retried=4321, resumed=120_345),
            ledger(1000, failed=123, resumed=877),
            ledger(12, resumed=12),
        ]
        states[3].current_table, states[3].table_rows = "bulk_syncs", 1234
        states[4].has_all_ids = False
        runs = [reporter.of(UUID.format(number)) for number in range(len(states))]
        for run, state in zip(runs, states, strict=True):
            run.begin(state)
        runs[2].warn("a problem")
        reporter.finish(UUID.format(0), SUMMARY)
        runs[4].refresh()

    lines = drawn(monkeypatch, draw).lines
    assert lines[:2] == [f"collector: {UUID.format(2)}: a problem", f"collector: {UUID.format(0)}: {SUMMARY}"]
    assert [(line[:16], line[17] in "━╸╺") for line in lines[2:]] == [
        ("organizations   ", True),
        ("550e8400...00001", True),
        ("550e8400...00002", True),
        ("550e8400...00003", True),
        ("550e8400...00004", True),
    ]
    for line, texts in zip(
        lines[2:],
        [
            ("1/40",),
            ("600/1000", "/s", "0 retries", "0 failed"),
            ("120345/200000", "4321 retries", "0 failed"),
            ("bulk_syncs: 1234 rows", "0 retries", "123 failed"),
            ("12/?",),
        ],
        strict=True,
    ):
        assert [text for text in texts if f"{text} " not in f"{line} "] == [], line


def test_the_bar_of_a_list_has_a_total_once_the_list_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(reporter: ConsoleOrganizationsReporter) -> None:
        state = ledger(12, 12)
        state.has_all_ids = False
        run = reporter.of("Acme")
        run.begin(state)
        state.input.unique, state.has_all_ids = 48, True
        run.refresh()

    (line,) = drawn(monkeypatch, draw).lines
    assert " 12/48 " in line


def test_more_bars_than_lines_leave_the_screen_and_the_messages_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [UUID.format(number) for number in range(12)]

    def draw(reporter: ConsoleOrganizationsReporter) -> None:
        reporter.begin(40)
        runs = {name: reporter.of(name) for name in names}
        for run in runs.values():
            run.begin(ledger(7))
        for name in names[:3]:
            runs[name].warn("a problem")
            runs[name].refresh()
        reporter.finish(names[0], SUMMARY)

    messages = [*(f"collector: {name}: a problem" for name in names[:3]), f"collector: {names[0]}: {SUMMARY}"]
    screen = drawn(monkeypatch, draw, lines=10)
    assert screen.scrolled == messages
    assert screen.lines[0].startswith("organizations ")
    assert [line[:16] for line in screen.lines[1:9]] == [shortened(name) for name in names[1:9]]
    assert screen.lines[9].strip() == "..."


def test_the_end_erases_all_bars_also_those_that_did_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(reporter: ConsoleOrganizationsReporter) -> None:
        reporter.begin(9)
        for name in map(str, range(8)):
            reporter.of(name).begin(ledger())
        reporter.warn("a problem")
        reporter.close()
        reporter.warn("the end")

    screen = drawn(monkeypatch, draw, lines=5)
    assert [*screen.scrolled, *screen.lines] == ["collector: a problem", "collector: the end"]


def test_names_move_no_cursor_and_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [EVIL, *(f"<{attack}>" for attack in ATTACKS.values()), "[red]x[/red]", "[/]", "a:100:b"]

    def draw(reporter: ConsoleOrganizationsReporter) -> None:
        reporter.begin(len(names))
        for name in names:
            run = reporter.of(name)
            run.begin(ledger())
            run.warn("a problem")
            reporter.finish(name, SUMMARY)
        reporter.close()

    screen = drawn(monkeypatch, draw, columns=400, lines=100)
    assert_moves_nothing(screen.received)
    assert len(screen.lines) == 2 * len(names)
    assert screen.lines[-6:] == [f"collector: {name}: {text}" for name in names[-3:] for text in ("a problem", SUMMARY)]
    assert all(f"{name} " in screen.received for name in names[-3:])


def test_a_lost_terminal_does_not_end_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn again, also on a later stderr."""
    leader, follower = os.openpty()
    terminal = open(follower, "w", encoding="utf-8")  # noqa: SIM115  # its closing fails
    monkeypatch.setattr("sys.stderr", StandardError(terminal))
    reporter = live()
    reporter.begin(3)
    acme, zeta, late = map(reporter.of, ("Acme", "Zeta", "Late"))
    acme.begin(ledger())
    zeta.begin(ledger())
    drawn_so_far = b""
    while b"Zeta" not in drawn_so_far:
        drawn_so_far += os.read(leader, 65536)
    os.close(leader)
    acme.refresh()
    zeta.warn("a problem")
    late.begin(ledger())
    late.refresh()
    reporter.finish("Acme", SUMMARY)
    with pytest.raises(OSError, match="error"):
        terminal.close()
    monkeypatch.setattr("sys.stderr", later := io.StringIO())
    zeta.refresh()
    late.warn("a problem")
    reporter.finish("Zeta", SUMMARY)
    reporter.close()
    assert later.getvalue() == f"collector: Late: a problem\ncollector: Zeta: {SUMMARY}\n"


@pytest.mark.parametrize("lost", [OSError, ValueError])
def test_a_failure_of_the_first_drawing_does_not_end_the_runs(
    monkeypatch: pytest.MonkeyPatch, lost: type[Exception]
) -> None:
    class Lost(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, _text: str, /) -> int:
            raise lost

    monkeypatch.setattr("sys.stderr", StandardError(Lost()))
    reporter = organizations_reporter_for(quiet=False, verbose=False)
    reporter.begin(2)
    run = reporter.of("Acme")
    run.begin(ledger())
    run.refresh()
    reporter.finish("Acme", SUMMARY)
    reporter.close()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_secrets_are_hidden_from_all_output_once_a_run_has_them(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    def report(reporter: ConsoleOrganizationsReporter) -> None:
        one, other = reporter.of("Acme"), reporter.of("Zeta")
        reporter.begin(2)
        one.begin(ledger())
        one.hide_secrets([KEY])
        reporter.hide_secrets(["the partner's key"])
        for each in (one, other, reporter):
            each.warn(f"{KEY} and the partner's key")
        reporter.finish("Acme", KEY)
        reporter.close()

    if is_terminal:
        text = drawn(monkeypatch, report).received
    else:
        below = io.StringIO()
        monkeypatch.setattr("sys.stderr", StandardError(below))
        report(plain(Clock()))
        text = below.getvalue()
    assert "collector: Acme: [REDACTED]" in text
    assert text.count("[REDACTED] and [REDACTED]") == 3
    assert KEY not in text


@given(st.text())
@example("acme-production-eu")
def test_a_name_keeps_both_ends_in_16_characters(name: str) -> None:
    text, short = printable(name), shortened(name)
    assert len(short) <= 16
    assert short == text if len(text) <= 16 else (short[:8], short[-5:]) == (text[:8], text[-5:])
