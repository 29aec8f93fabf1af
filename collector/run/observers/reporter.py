"""The contract of what a run reports to while it goes on."""

from __future__ import annotations

from typing import Protocol

from collector.model.ledger import Account


class Reporter(Protocol):
    """What a run tells while it goes on. Nothing it is told holds a secret."""

    def begin(self, account: Account) -> None:
        """The ids are known, the first is about to be asked for; `account` fills from here on."""

    def tick(self) -> None:
        """A moment passed."""

    def warn(self, text: str) -> None:
        """Something the user should know."""

    def note(self, text: str) -> None:
        """Something for who wants to know all."""
