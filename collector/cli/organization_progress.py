"""Reporters of the runs of several organizations side by side: messages with the organization's name, and progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from collector.cli.progress import MessageReporter, RunReporter, display_for
from collector.cli.progress_display import ProgressDisplay
from collector.run.observers.reporter import Reporter


class OrganizationsReporter(Protocol):
    """Receives the messages of the whole, and has a reporter for the run of each organization."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        """Redact `secrets` from all output."""

    def begin(self, total: int) -> None:
        """The number of organizations is known."""

    def of(self, name: str) -> Reporter:
        """The reporter of one organization. Its messages begin with the name, an id or a label."""

    def finish(self, name: str, result: str) -> None:
        """This organization has ended with this result."""

    def warn(self, text: str) -> None:
        """Report a problem that the user should know about."""

    def tell(self, text: str) -> None:
        """Report a result that a quiet log omits."""

    def note(self, text: str) -> None:
        """Report a detail that only a verbose log contains."""

    def close(self) -> None:
        """End the drawing; plain text follows."""


def organizations_reporter_for(*, quiet: bool, verbose: bool, debug: bool = False) -> OrganizationsReporter:
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

    def finish(self, name: str, result: str) -> None:
        self._done += 1
        self._display.hide(name)
        self._count()
        self.tell(f"{name}: {result}")

    def close(self) -> None:
        self._display.close()

    def _count(self) -> None:
        if self._total is not None:
            self._display.count(self._done, self._total)
