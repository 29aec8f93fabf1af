"""Reporters of runs on stderr: messages and progress.

`cli.stderr` masks secrets in all output, so this module does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from collector.cli.live_display import LiveDisplay
from collector.cli.progress_display import LineDisplay, NoDisplay, ProgressDisplay
from collector.cli.stderr import add_secrets
from collector.governor.events import Event
from collector.model.ledger import Ledger
from collector.run.observers.decisions import report


def reporter_for(*, quiet: bool, verbose: bool, debug: bool = False) -> ConsoleReporter:
    """Reports a single run on the display of `display_for`, and only warnings if quiet."""
    return ConsoleReporter(display_for(quiet=quiet, debug=debug), quiet=quiet, verbose=verbose or debug)


def display_for(*, quiet: bool, debug: bool, has_names: bool = False) -> ProgressDisplay:
    """Bars on a terminal; lines elsewhere, with NO_COLOR and with debug logs; no progress if quiet."""
    if quiet:
        return NoDisplay()
    if sys.stderr is not None and sys.stderr.isatty() and not (os.environ.get("NO_COLOR") or debug):
        return LiveDisplay(has_names=has_names)
    return LineDisplay()


class MessageReporter:
    """Prints warnings, results unless quiet, and details if verbose. A name is the prefix of each."""

    def __init__(self, display: ProgressDisplay, *, quiet: bool = False, verbose: bool = False, name: str = "") -> None:
        self._display = display
        self._quiet = quiet
        self._verbose = verbose
        self._name = name

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        add_secrets(secrets)

    def warn(self, text: str) -> None:
        self._display.print(f"{self._name}: {text}" if self._name else text)

    def tell(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def note(self, text: str) -> None:
        if self._verbose:
            self.warn(text)


class RunReporter(MessageReporter):
    """Also shows the progress of a run under its name."""

    def begin(self, ledger: Ledger) -> None:
        self._display.show(self._name, ledger)

    def refresh(self) -> None:
        self._display.refresh()

    def report_decision(self, event: Event) -> None:
        report(event, self.warn, self.note)


class ConsoleReporter(RunReporter):
    """The reporter of a single run, which may draw on the terminal until it is closed."""

    def close(self) -> None:
        """End the drawing; plain text follows."""
        self._display.close()
