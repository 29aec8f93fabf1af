"""Which connections exist at a generation of an inventory, and which have changed by then.

Theory of operation: from one generation to the next, a third of the fraction vanishes, a third changes and a third is
new. New connections take the next indexes. Each connection has one event in its life. A permutation of the indexes,
which multiplies by a prime, gives each its place in the queue of events. So every question has an answer without a
table, and the ids of all other connections stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PRIME: Final = 11_400_714_785_074_694_791
"""Larger than any size, hence coprime to it."""


@dataclass(frozen=True, slots=True)
class Churn:
    """The changes of an inventory that had `size` connections at generation 0. `offset` rotates the permutation."""

    size: int
    fraction: float
    generation: int
    offset: int = 0

    @property
    def indexes(self) -> int:
        """The number of indexes used so far, including those of connections that no longer exist."""
        return self.size + self.generation * self._step

    def exists(self, index: int) -> bool:
        """Does the connection at an index exist at this generation? The index is at most the last one used."""
        event, vanishes = self._event(index)
        return not vanishes or event > self.generation

    def changed_at(self, index: int) -> int | None:
        """The generation at which the connection at an index changed, or None if it has not changed so far."""
        event, vanishes = self._event(index)
        return event if not vanishes and event <= self.generation else None

    def born_at(self, index: int) -> int:
        """The generation at which the connection at an index came into existence."""
        return 0 if index < self.size else 1 + (index - self.size) // self._step

    @property
    def _step(self) -> int:
        """How many connections vanish at each generation. As many change, and as many are new."""
        return max(1, round(self.size * self.fraction / 3))

    def _event(self, index: int) -> tuple[int, bool]:
        """The generation of the connection's event, and whether the event is its end."""
        place = (index * _PRIME + self.offset) % self.size
        turn, rest = divmod(place, 2 * self._step)
        return self.born_at(index) + 1 + turn, rest < self._step
