"""The contract of the reporter of several organizations, which collect side by side."""

from __future__ import annotations

from typing import Protocol

from collector.run.observers.reporter import Messages, Reporter


class OrganizationsReporter(Messages, Protocol):
    """Receives the messages of the whole run, and has a reporter for the run of each organization."""

    def begin(self, total: int) -> None:
        """The number of organizations is known."""

    def of(self, name: str) -> Reporter:
        """The reporter of one organization, whose messages begin with its name."""

    def finish(self, name: str, result: str, *, has_failed: bool = False) -> None:
        """An organization has ended, with this result, if it needs one; a failure shows in a quiet log too."""
