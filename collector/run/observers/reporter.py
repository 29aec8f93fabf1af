"""The contract of what a run reports to. What only warns, or only notes, is given that method alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from collector.governor.events import Event
from collector.model.ledger import Ledger


class Reporter(Protocol):
    """What a run tells while it goes on. Nothing it is told holds a secret, but for what it is told to hide."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        """What must never be shown, told before anything is done with it."""

    def begin(self, ledger: Ledger) -> None:
        """The ids are known, the first is about to be asked for; `ledger` fills from here on."""

    def tick(self) -> None:
        """A moment passed."""

    def decided(self, event: Event) -> None:
        """The governor decided something."""

    def warn(self, text: str) -> None:
        """Something the user should know."""

    def note(self, text: str) -> None:
        """Something for who wants to know all."""


class NullReporter:
    """Shows nothing to anybody."""

    def hide_secrets(self, secrets: Iterable[str]) -> None:
        pass

    def begin(self, ledger: Ledger) -> None:
        pass

    def tick(self) -> None:
        pass

    def decided(self, event: Event) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
