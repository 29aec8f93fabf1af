"""Ids that used up their attempts, kept for one more attempt at the end of the run. Pure.

A request that failed five times within seconds may succeed minutes later. The second pass begins when the last of these
ids has cooled down. It is skipped if all their retries together took less than `_MIN_RETRY_SECONDS`: a cool-down of the
same length would not be worth it.
"""

from __future__ import annotations

from collector.model.outcome import Outcome, OutcomeKind

_MIN_RETRY_SECONDS = 30.0  # spent on retries, summed over all ids
_COOL_DOWN_SECONDS = 30.0  # from an id's last attempt to the second pass
_MAX_OUTCOMES = 10_000  # bounds the memory of a run in which every id fails


class SecondPass:
    """Outcomes that are not final yet. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._last_at = 0.0

    def keep_if_exhausted(self, outcome: Outcome, now: float) -> bool:
        """Keep an outcome that another attempt may improve; returns whether it was kept."""
        if outcome.kind is not OutcomeKind.EXHAUSTED or len(self._outcomes) >= _MAX_OUTCOMES:
            return False
        self._outcomes[outcome.id] = outcome
        self._last_at = now
        return True

    @property
    def is_worthwhile(self) -> bool:
        """Did the retries of these ids take long enough to justify a second pass?"""
        return sum(outcome.retried_s for outcome in self._outcomes.values()) >= _MIN_RETRY_SECONDS

    def remaining_cool_down(self, now: float) -> float:
        """Seconds until the second pass may begin."""
        return max(0.0, self._last_at + _COOL_DOWN_SECONDS - now)

    @property
    def ids(self) -> list[str]:
        """The ids, in the order in which they were kept."""
        return list(self._outcomes)

    def __getitem__(self, id_: str) -> Outcome:
        return self._outcomes[id_]

    def remove(self, id_: str) -> None:
        """Remove an id whose outcome is now final; an unknown id is ignored."""
        self._outcomes.pop(id_, None)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __repr__(self) -> str:
        return f"<SecondPass of {len(self)} ids>"
