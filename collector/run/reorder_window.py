"""Puts values back into the order in which their places were reserved, within bounds. Pure.

    reserve ─▸ place ─┬─ fill ─▸ held while an earlier place is open ─▸ released
                      └─ skip ─▸ the place is given up

A window is full at `max_places` places that are open or held, or at `max_held_bytes` held bytes. Its users must then
reserve no further place. The earliest place is always an open one, so the window empties as soon as that is filled or
skipped, and no value waits for a place that is not reserved yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class ReorderWindow(Generic[_T]):
    """The open places and the held values, by key, in the order of their reservation."""

    def __init__(self, max_places: int, max_held_bytes: int) -> None:
        self._max_places = max_places
        self._max_held_bytes = max_held_bytes
        self._places: OrderedDict[str, tuple[_T, int] | None] = OrderedDict()  # None: open
        self._held_bytes = 0

    @property
    def is_full(self) -> bool:
        """Must no further place be reserved?"""
        return len(self._places) >= self._max_places or self._held_bytes >= self._max_held_bytes

    def reserve(self, key: str) -> None:
        """Reserve the next place for a new key."""
        self._places[key] = None

    def fill(self, key: str, value: _T, size: int) -> list[_T]:
        """Put a value of `size` bytes into its place, and return the values that are released, in order.

        A key without a place is late, and released at once.
        """
        if key not in self._places:
            return [value]
        self._places[key] = value, size
        self._held_bytes += size
        return list(self._release())

    def skip(self, key: str) -> list[_T]:
        """Give up an open place, and return the values that are released."""
        self._places.pop(key, None)
        return list(self._release())

    def drain(self) -> list[_T]:
        """Return all held values, in order, and give up every place."""
        held = [each[0] for each in self._places.values() if each is not None]
        self._places.clear()
        self._held_bytes = 0
        return held

    def _release(self) -> Iterator[_T]:
        while self._places:
            key, first = next(iter(self._places.items()))
            if first is None:
                return
            del self._places[key]
            value, size = first
            self._held_bytes -= size
            yield value

    def __repr__(self) -> str:
        return f"<ReorderWindow of {len(self._places)} places, {self._held_bytes} bytes>"
