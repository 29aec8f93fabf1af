"""The order in which a run writes its outcomes: as they arrive, or in the order of the ids (`--order input`).

In the order of the ids, an outcome that arrives early waits for the earlier ones in a `ReorderWindow`. Once that is
full, the workers wait before they take further ids. They never wait before they deliver an outcome, so the earliest one
always arrives. An id that the second pass retries gives up its place, and is written at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import anyio

from collector.model.record_form import Order
from collector.run.reorder_window import ReorderWindow
from collector.snapshot.lines import EncodedOutcome

_MAX_PLACES: Final = 4096
_MAX_HELD_BYTES: Final = 16 * 1024 * 1024


class RecordOrder(Protocol):
    """Decides when the outcomes of a run are written."""

    def in_turn(self, ids: Iterable[str]) -> Iterable[str]:
        """The same ids; taking one reserves its place."""

    def accept(self, arrived: EncodedOutcome) -> Sequence[EncodedOutcome]:
        """The outcomes to write now that this one has arrived, in order."""

    def skip(self, id_: str) -> Sequence[EncodedOutcome]:
        """The outcomes to write now that this id does not keep its place."""

    async def wait_for_room(self) -> None:
        """Wait until a further id may be taken."""

    def drain(self) -> Sequence[EncodedOutcome]:
        """The outcomes that still wait for earlier ones, in order."""


class CompletionOrder:
    """Writes each outcome when it arrives."""

    def in_turn(self, ids: Iterable[str]) -> Iterable[str]:
        return ids

    def accept(self, arrived: EncodedOutcome) -> Sequence[EncodedOutcome]:
        return (arrived,)

    def skip(self, id_: str) -> Sequence[EncodedOutcome]:
        return ()

    async def wait_for_room(self) -> None:
        pass

    def drain(self) -> Sequence[EncodedOutcome]:
        return ()


class InputOrder:
    """Writes the outcomes in the order in which the ids were taken."""

    def __init__(self, *, max_places: int = _MAX_PLACES, max_held_bytes: int = _MAX_HELD_BYTES) -> None:
        self._window = ReorderWindow[EncodedOutcome](max_places, max_held_bytes)
        self._room: anyio.Event | None = None  # for the tasks that wait

    def in_turn(self, ids: Iterable[str]) -> Iterator[str]:
        for id_ in ids:
            self._window.reserve(id_)
            yield id_

    def accept(self, arrived: EncodedOutcome) -> Sequence[EncodedOutcome]:
        return self._wake_after(self._window.fill(arrived.outcome.id, arrived, len(arrived.line)))

    def skip(self, id_: str) -> Sequence[EncodedOutcome]:
        return self._wake_after(self._window.skip(id_))

    def drain(self) -> Sequence[EncodedOutcome]:
        return self._wake_after(self._window.drain())

    async def wait_for_room(self) -> None:
        while self._window.is_full:  # another task may have taken the room
            self._room = self._room or anyio.Event()
            await self._room.wait()

    def _wake_after(self, released: Sequence[EncodedOutcome]) -> Sequence[EncodedOutcome]:
        if self._room is not None:
            self._room.set()
            self._room = None
        return released


def record_order(order: Order) -> RecordOrder:
    """The order of the outcomes for this setting."""
    return InputOrder() if order is Order.INPUT else CompletionOrder()
