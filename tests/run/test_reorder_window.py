"""Values put back into the order of their places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.run.reorder_window import ReorderWindow

MAX_PLACES, MAX_BYTES = 5, 40


def skipped(number: int) -> bool:
    return number % 4 == 3


@given(st.data(), st.integers(0, 30), st.lists(st.integers(0, 20), min_size=30, max_size=30))
def test_values_that_arrive_in_any_order_are_released_in_the_order_of_their_places(
    data: st.DataObject, count: int, sizes: list[int]
) -> None:
    """Places are reserved whenever the window has room, and any open place is filled or skipped next."""
    window = ReorderWindow[int](MAX_PLACES, MAX_BYTES)
    open_places: list[int] = []
    held: list[int] = []
    released: list[int] = []
    taken = 0
    while taken < count or open_places:
        while taken < count and not window.is_full:
            window.reserve(str(taken))
            open_places.append(taken)
            taken += 1
        assert open_places, "a full window has an open place, so it can empty"
        number = open_places.pop(data.draw(st.integers(0, len(open_places) - 1)))
        if skipped(number):
            new = window.skip(str(number))
        else:
            held.append(number)
            new = window.fill(str(number), number, sizes[number])
        released += new
        held = [each for each in held if each not in new]
        assert all(open_places and open_places[0] < each for each in held)  # each waits for an earlier place
        assert len(open_places) + len(held) <= MAX_PLACES
        is_heavy = sum(sizes[each] for each in held) >= MAX_BYTES
        assert window.is_full == (is_heavy or len(open_places) + len(held) >= MAX_PLACES)
    assert released == [number for number in range(count) if not skipped(number)]
    assert window.drain() == []


@given(st.permutations(range(12)), st.integers(0, 12))
def test_a_window_that_is_drained_loses_no_value(arrivals: list[int], arrived: int) -> None:
    window = ReorderWindow[int](100, 100)
    for number in range(12):
        window.reserve(str(number))
    released = [each for number in arrivals[:arrived] for each in window.fill(str(number), number, 1)]
    assert released + window.drain() == sorted(arrivals[:arrived])
    assert not window.is_full


def test_a_value_without_a_place_is_released_at_once() -> None:
    """It is late: its place was skipped."""
    window = ReorderWindow[str](2, 10)
    window.reserve("a")
    window.reserve("b")
    assert window.skip("b") == []
    assert window.fill("b", "late", 100) == ["late"]
    assert not window.is_full
    assert window.fill("a", "first", 1) == ["first"]
