"""Reporters of the runs of several organizations side by side: messages with the organization's name, and progress."""

from __future__ import annotations

from collector.cli.progress import MessageReporter, RunReporter, display_for
from collector.cli.progress_display import ProgressDisplay
from collector.run.observers.reporter import Reporter


def organizations_reporter_for(*, quiet: bool, verbose: bool, debug: bool = False) -> ConsoleOrganizationsReporter:
    """Reports on the display of `display_for`, and only warnings if quiet."""
    display = display_for(quiet=quiet, debug=debug, has_names=True)
    return ConsoleOrganizationsReporter(display, quiet=quiet, verbose=verbose or debug)


class ConsoleOrganizationsReporter(MessageReporter):
    """Shows each running organization on one display, and how many have ended."""

    def __init__(self, display: ProgressDisplay, *, quiet: bool = False, verbose: bool = False) -> None:
        super().__init__(display, quiet=quiet, verbose=verbose)
        self._total: int | None = None
        self._done = 0

    def begin(self, total: int) -> None:
        self._total = total
        self._count()

    def of(self, name: str) -> Reporter:
        return RunReporter(self._display, quiet=self._quiet, verbose=self._verbose, name=name)

    def finish(self, name: str, result: str, *, has_failed: bool = False) -> None:
        self._done += 1
        self._display.hide(name)
        self._count()
        if result:
            (self.warn if has_failed else self.tell)(f"{name}: {result}")

    def close(self) -> None:
        self._display.close()

    def _count(self) -> None:
        if self._total is not None:
            self._display.count(self._done, self._total)
