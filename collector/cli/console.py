"""Messages, progress and the summary of a run, for people, on stderr.

A message is always one line. `cli.stderr` masks secrets in all output, so this module does not.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from collector.cli.stderr import add_secrets, for_terminal
from collector.governor.events import Event
from collector.model.control_chars import printable
from collector.model.ledger import InputCount, Ledger
from collector.model.outcome import OutcomeKind
from collector.model.side_tables import TableStatus
from collector.model.throughput import Throughput
from collector.run.observers.decisions import report
from collector.run.observers.reporter import Reporter
from collector.snapshot.manifest import TableEntry

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

_TABLE_WIDTH = 80
_EVERY = 5.0  # seconds between progress lines without a terminal


def print_message(text: str) -> None:
    """Print one message on stderr, if stderr is open."""
    _print_line(f"collector: {printable(text)}")


def print_command(text: str) -> None:
    """Print a command on stderr as a line to copy."""
    _print_line(f"  {printable(text)}")


def _print_line(line: str) -> None:
    if sys.stderr is None:  # closed before the process began
        return
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def print_table(table: Table) -> None:
    """A table of at most 80 columns on stderr, between blank lines; coloured only on a terminal that has colours."""
    from rich.console import Console  # noqa: PLC0415  # only where a table is printed

    if sys.stderr is None:
        return
    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    console = Console(
        file=for_terminal() if is_coloured else sys.stderr,
        width=_TABLE_WIDTH,
        force_terminal=is_coloured,
        color_system="standard" if is_coloured else None,
    )
    with suppress(OSError, ValueError):
        console.print()
        console.print(table)
        console.print()


class ConsoleReporter(Reporter, Protocol):
    """A reporter that may draw on the terminal until it is closed."""

    def close(self) -> None:
        """End the drawing; plain text follows."""


def reporter_for(*, quiet: bool, verbose: bool, debug: bool = False) -> ConsoleReporter:
    """A bar on a terminal; lines elsewhere, with NO_COLOR and with debug logs; warnings only if quiet."""
    if quiet:
        return QuietReporter(verbose=verbose or debug)
    if sys.stderr is not None and sys.stderr.isatty() and not (os.environ.get("NO_COLOR") or debug):
        return BarReporter(verbose=verbose)
    return LineReporter(verbose=verbose or debug)


class QuietReporter:
    """Prints warnings, and notes if verbose."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._account: Ledger | None = None

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        add_secrets(secrets)

    def begin(self, ledger: Ledger) -> None:
        self._account = ledger

    def report_decision(self, event: Event) -> None:
        report(event, self.warn, self.note)

    def refresh(self) -> None:
        pass

    def warn(self, text: str) -> None:
        print_message(text)

    def tell(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        if self._verbose:
            self.warn(text)

    def close(self) -> None:
        pass


class LineReporter(QuietReporter):
    """Also prints a progress line every 5 s."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._began = self._told = time.monotonic()

    def tell(self, text: str) -> None:
        self.warn(text)

    def begin(self, ledger: Ledger) -> None:
        super().begin(ledger)
        self._began = self._told = time.monotonic()

    def refresh(self) -> None:
        now = time.monotonic()
        if self._account is None or now - self._told < _EVERY:
            return
        self._told = now
        print_message(progress_line(self._account, now - self._began))


def progress_line(ledger: Ledger, seconds: float) -> str:
    """`250 of 1000 (25 %), 49.8/s, 3 retries, 1 failed, 15 s left`, or `250 so far, …` while ids are still found."""
    if ledger.current_table:
        return f"side table {ledger.current_table}: {ledger.table_rows} rows, {ledger.requests.retried} retries"
    done, total = ledger.done, ledger.input.unique
    rate = (done - ledger.resumed) / seconds if seconds else 0.0
    part, left = f"{done} so far", ""
    if ledger.has_all_ids:
        part = f"{done} of {total} ({100 * done // total if total else 0} %)"
        left = f", {(total - done) / rate:.0f} s left" if rate else ", no estimate yet"
    return f"{part}, {rate:.1f}/s, {ledger.requests.retried} retries, {ledger.failed} failed{left}"


class BarReporter(QuietReporter):
    """Also draws a progress bar at the bottom of a terminal. The run survives the loss of the terminal."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._progress: Progress | None = None

    def tell(self, text: str) -> None:
        self.warn(text)

    def begin(self, ledger: Ledger) -> None:
        from rich.console import Console  # noqa: PLC0415  # only on a terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        super().begin(ledger)
        self._progress = progress = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f}/s"),
            TextColumn("{task.fields[retries]} retries"),
            TextColumn("{task.fields[failed]} failed"),
            TextColumn("{task.fields[table]}"),
            TimeRemainingColumn(),
            console=Console(file=for_terminal(), emoji=False),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,  # redirection would draw control characters of other writers
        )
        total = ledger.input.unique if ledger.has_all_ids else None
        self._task = progress.add_task("", total=total, rate=0.0, retries=0, failed=0, table="")
        with self._while_there_is_a_terminal():
            progress.start()

    def refresh(self) -> None:
        if self._progress is None or self._account is None:
            return
        ledger, task = self._account, self._progress.tasks[0]
        with self._while_there_is_a_terminal():
            self._progress.update(
                self._task,
                completed=ledger.done,
                rate=(ledger.done - ledger.resumed) / task.elapsed if task.elapsed else 0.0,
                retries=ledger.requests.retried,
                failed=ledger.failed,
                table=f"{ledger.current_table}: {ledger.table_rows} rows" if ledger.current_table else "",
                refresh=True,
            )

    def warn(self, text: str) -> None:
        if self._progress is None:
            print_message(text)
            return
        with self._while_there_is_a_terminal():
            self._progress.console.print(f"collector: {printable(text)}", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self._progress is not None:
            with self._while_there_is_a_terminal():
                self._progress.stop()
            self._progress = None

    @contextmanager
    def _while_there_is_a_terminal(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            self._progress = None


def summary(
    ledger: Ledger, pace: Throughput, *, seconds: float, where: str, tables: Sequence[TableEntry] = ()
) -> list[str]:
    """The summary of a run, one line per item."""
    counted, requests, outcomes = ledger.input, ledger.requests, ledger.outcomes
    failed = [f"{outcomes[kind]} {kind}" for kind in OutcomeKind if kind is not OutcomeKind.OK and outcomes[kind]]
    asked = ledger.done - outcomes[OutcomeKind.NOT_ATTEMPTED] - ledger.resumed
    rate = f" ({asked / seconds:.0f}/s)" if asked and seconds else ""
    done = (
        f"{outcomes[OutcomeKind.OK]} of {counted.unique} connections in {seconds:.1f} s{rate} in {where}",
        *([f"taken over from an unfinished run: {ledger.resumed}"] if ledger.resumed else []),
        f"not ok: {', '.join(failed) or 'none'}",
    )
    return [
        *(done if counted.unique else [f"nothing collected in {seconds:.1f} s"]),
        *([_input_line(counted)] if counted.lines else []),
        *([f"side tables: {', '.join(map(_table_text, tables))}"] if tables else []),
        f"requests: {requests.sent} sent, {requests.retried} retried, {requests.throttled} throttled, "
        f"{pace.paused_s:.1f} s paused",
        *_pace_lines(pace),
    ]


def _input_line(count: InputCount) -> str:
    filtered = "" if count.filtered is None else f", {count.filtered} left out by filters"
    parts = f"{count.duplicates} duplicate, {count.invalid} invalid, {count.blank} blank{filtered}"
    return f"input: {count.lines} lines, {parts}"


def _table_text(entry: TableEntry) -> str:
    """`policies 12`, or `users 0 (unavailable)`."""
    state = "" if entry.status is TableStatus.COMPLETE else f" ({entry.status})"
    return f"{entry.table} {entry.file.records}{state}"


def _pace_lines(pace: Throughput) -> list[str]:
    """`limited by: server 73 %, own rate 20 %, latency 7 %`, the pauses, and the rate that the server allows."""
    shares = [f"{cause} {100 * share:.0f} %" for cause, share in pace.limited_by.items() if round(100 * share)]
    pauses = [f"{count} for {reason}" for reason, count in pace.pauses.items()]
    return [
        *([f"limited by: {', '.join(shares)}"] if shares else []),
        *([f"pauses: {', '.join(pauses)}"] if pauses else []),
        *([f"the server was found to allow {pace.settled_rate:.1f} requests a second"] if pace.settled_rate else []),
    ]
