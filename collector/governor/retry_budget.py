"""The retries a run may still make. Pure.

One bucket for the whole run, with the measures of the AWS SDKs (2026): a retry after a failure costs 14 tokens, one
after a request to slow down 5, of 500; a success without a retry brings one back, a success by a retry what it cost.
About 35 failures in a row empty it; with one request in five failing it stays full.
"""

from __future__ import annotations

from typing import Final

FULL: Final = 500
AFTER_FAILURE: Final = 14
AFTER_THROTTLE: Final = 5


class RetryBudget:
    """Tokens from 0 to `FULL`."""

    def __init__(self) -> None:
        self.tokens = FULL

    def withdraw(self, cost: int) -> int:
        """Take so many tokens, or all that are left; how many these were."""
        withdrawn = min(cost, self.tokens)
        self.tokens -= withdrawn
        return withdrawn

    def deposit(self, tokens: int = 1) -> None:
        """Bring some back."""
        self.tokens = min(FULL, self.tokens + tokens)

    def refill(self) -> None:
        """The server has answered after a halt: there are retries again."""
        self.tokens = FULL

    def __repr__(self) -> str:
        return f"<RetryBudget {self.tokens} of {FULL}>"
