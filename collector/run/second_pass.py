"""Ids whose attempts were spent, kept for one attempt more at the end of the run. Pure.

What failed five times in a few seconds may work minutes later. The second pass begins when the last of them has had
its rest, and it is left out where little patience was shown to them at all: a run whose retries took less than
`_WORTH_WHILE` seconds in sum is not prolonged by a rest of as many.
"""

from __future__ import annotations

from collector.model.outcome import Outcome, OutcomeKind

_WORTH_WHILE = 30.0  # seconds spent on retries in sum
_COOL_DOWN = 30.0  # seconds between giving an id up and asking for it again
_MOST = 10_000  # so that a run whose every id fails needs no more memory than another


class SecondPass:
    """The outcomes that are not final yet. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._last_at = 0.0

    def keeps(self, outcome: Outcome, now: float) -> bool:
        """Keep an outcome if it is one that may get better."""
        if outcome.kind is not OutcomeKind.EXHAUSTED or len(self._outcomes) >= _MOST:
            return False
        self._outcomes[outcome.id] = outcome
        self._last_at = now
        return True

    @property
    def is_worth_while(self) -> bool:
        """Is there anything to ask for again, and was it given up only after some time?"""
        return sum(outcome.retried_s for outcome in self._outcomes.values()) >= _WORTH_WHILE

    def cool_down(self, now: float) -> float:
        """Seconds until it may be asked for again."""
        return max(0.0, self._last_at + _COOL_DOWN - now)

    @property
    def ids(self) -> list[str]:
        """What is kept, in the order it came."""
        return list(self._outcomes)

    def __getitem__(self, one: str) -> Outcome:
        return self._outcomes[one]

    def remove(self, one: str) -> None:
        """Let go of an id, whose outcome is final now."""
        self._outcomes.pop(one, None)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __repr__(self) -> str:
        return f"<SecondPass of {len(self)} ids>"
