"""The contract of a run's reporter. A part that only warns, or only notes, receives that method alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from collector.governor.events import Event
from collector.model.ledger import Ledger


class Messages(Protocol):
    """Receives messages. Only `hide_secrets` receives secrets."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        """Redact `secrets` from all output. A run calls this before it uses them."""

    def warn(self, text: str) -> None:
        """Report a problem that the user should know about."""

    def tell(self, text: str) -> None:
        """Report a result that a quiet log omits."""

    def note(self, text: str) -> None:
        """Report a detail that only a verbose log contains."""


class Reporter(Messages, Protocol):
    """Receives the messages and the progress of one run."""

    def begin(self, ledger: Ledger) -> None:
        """The ids are known and the first request is about to be sent; the run updates `ledger` from now on."""

    def refresh(self) -> None:
        """Update the progress display; called a few times per second."""

    def report_decision(self, event: Event) -> None:
        """Report a decision of the governor."""


class NullReporter:
    """A reporter that discards everything."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        pass

    def begin(self, ledger: Ledger) -> None:
        pass

    def refresh(self) -> None:
        pass

    def report_decision(self, event: Event) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def tell(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
