"""Displays of progress on stderr: none, or a line per run every 5 s. `live_display` draws bars on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from collector.cli.console import print_message
from collector.model.ledger import Ledger

_PERIOD: Final = 5.0  # seconds between the lines of a run


class ProgressDisplay(Protocol):
    """Shows the progress of the runs that are running, and messages.

    A name distinguishes runs side by side; a single run has the name "".
    """

    def show(self, name: str, ledger: Ledger) -> None:
        """Show the progress of this run from now on; the run updates `ledger`."""

    def hide(self, name: str) -> None:
        """Stop showing the progress of this run."""

    def count(self, done: int, total: int) -> None:
        """Show that `done` of `total` organizations have ended."""

    def refresh(self) -> None:
        """Update the progress; called a few times per second by each run."""

    def print(self, text: str) -> None:
        """Print a message."""

    def close(self) -> None:
        """End the drawing; plain text follows."""


class NoDisplay:
    """Prints messages and no progress."""

    def show(self, name: str, ledger: Ledger) -> None:
        pass

    def hide(self, name: str) -> None:
        pass

    def count(self, done: int, total: int) -> None:
        pass

    def refresh(self) -> None:
        pass

    def print(self, text: str) -> None:
        print_message(text)

    def close(self) -> None:
        pass


class _Shown(NamedTuple):
    """A run that is shown, and the time of its beginning."""

    ledger: Ledger
    began: float


class LineDisplay(NoDisplay):
    """Prints a progress line per run every 5 s, and how many organizations have ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._runs: dict[str, _Shown] = {}
        self._done = self._total = 0
        self._due: float | None = None  # the time of the next lines

    def show(self, name: str, ledger: Ledger) -> None:
        now = self._clock()
        self._runs[name] = _Shown(ledger, now)
        if self._due is None:
            self._due = now + _PERIOD

    def hide(self, name: str) -> None:
        self._runs.pop(name, None)

    def count(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def refresh(self) -> None:
        now = self._clock()
        if self._due is None or now < self._due:
            return
        self._due = now + _PERIOD
        for name, run in self._runs.items():
            line = progress_line(run.ledger, now - run.began)
            self.print(f"{name}: {line}" if name else line)
        if self._total > len(self._runs):
            self.print(f"{self._done} of {self._total} organizations done")


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
