"""The contract of the reporter of several organizations, which collect side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from collector.run.observers.reporter import Reporter


class OrganizationsReporter(Protocol):
    """Receives the messages of the whole run, and gives each organization a reporter of its own."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        """Redact `secrets` from all output."""

    def begin(self, total: int) -> None:
        """The number of organizations is known."""

    def of(self, name: str) -> Reporter:
        """The reporter of one organization, whose messages begin with its name."""

    def finish(self, name: str, result: str, *, has_failed: bool = False) -> None:
        """An organization has ended, with this result, if it needs one; a failure shows in a quiet log too."""

    def warn(self, text: str) -> None:
        """Report a problem that the user should know about."""

    def tell(self, text: str) -> None:
        """Report a result that a quiet log omits."""

    def note(self, text: str) -> None:
        """Report a detail that only a verbose log contains."""
