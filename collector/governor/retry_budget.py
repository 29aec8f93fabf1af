"""The retry budget of a run, a token bucket. Pure.

One bucket of 500 tokens serves the whole run, with the costs of the AWS SDKs (2026). A retry after a failure costs 14
tokens, one after a throttled request 5. A success without a retry returns one token, a successful retry its cost.
About 35 consecutive failures empty the bucket; it stays full while one request in five fails.
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
        """Withdraw `cost` tokens, or all that remain, and return their number."""
        withdrawn = min(cost, self.tokens)
        self.tokens -= withdrawn
        return withdrawn

    def deposit(self, tokens: int = 1) -> None:
        """Return tokens to the bucket."""
        self.tokens = min(FULL, self.tokens + tokens)

    def refill(self) -> None:
        """Fill the bucket, after an outage has ended."""
        self.tokens = FULL

    def __repr__(self) -> str:
        return f"<RetryBudget {self.tokens} of {FULL}>"
