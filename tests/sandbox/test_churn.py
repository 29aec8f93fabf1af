"""Connections vanish, change and appear from one generation to the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.churn import Churn

sizes = st.integers(1, 400)
fractions = st.floats(0.001, 1)
generations = st.integers(0, 20)
offsets = st.integers(0, 2**32)


@given(sizes, fractions, generations, offsets)
def test_at_most_a_third_of_the_fraction_vanishes_and_changes_at_once(
    size: int, fraction: float, generation: int, offset: int
) -> None:
    before, after = (Churn(size, fraction, number, offset) for number in (generation, generation + 1))
    step = max(1, round(size * fraction / 3))
    originals = range(size)
    vanished = [index for index in originals if before.exists(index) and not after.exists(index)]
    changed = [index for index in originals if before.changed_at(index) != after.changed_at(index)]
    assert max(len(vanished), len(changed)) <= step
    assert after.indexes - before.indexes == step
    if 2 * step * (generation + 1) <= size:
        assert len(vanished) == len(changed) == step


@given(sizes, fractions, generations, offsets)
def test_a_connection_that_vanished_never_returns_and_its_change_stays(
    size: int, fraction: float, generation: int, offset: int
) -> None:
    before, after = (Churn(size, fraction, number, offset) for number in (generation, generation + 1))
    for index in range(before.indexes):
        assert before.exists(index) or not after.exists(index)
        assert before.changed_at(index) in (None, after.changed_at(index))


@given(sizes, fractions, st.integers(1, 20), offsets)
def test_new_connections_exist_from_the_generation_of_their_birth(
    size: int, fraction: float, generation: int, offset: int
) -> None:
    churn = Churn(size, fraction, generation, offset)
    births = [churn.born_at(index) for index in range(churn.indexes)]
    assert births == sorted(births)
    assert births[size:].count(generation) == churn.indexes - Churn(size, fraction, generation - 1, offset).indexes
    assert all(churn.exists(index) for index in range(size, churn.indexes) if births[index] == generation)
    assert births[:size] == [0] * size


@given(sizes, fractions, offsets)
def test_nothing_has_happened_at_generation_0(size: int, fraction: float, offset: int) -> None:
    churn = Churn(size, fraction, 0, offset)
    assert churn.indexes == size
    assert all(churn.exists(index) and churn.changed_at(index) is None for index in range(size))
