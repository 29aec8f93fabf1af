"""Ids are computed from indexes and decoded back to them."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.id_scheme import MAX_SIZE, IdScheme

indexes = st.integers(0, MAX_SIZE - 1)
seeds = st.integers()


@given(seeds, indexes)
def test_every_id_decodes_to_its_index(seed: int, index: int) -> None:
    scheme = IdScheme(seed)
    assert scheme.decode(scheme.encode(index)) == index
    assert scheme.decode(scheme.encode(index).upper()) == index


@given(seeds, indexes)
def test_an_id_is_a_canonical_uuid_of_version_4(seed: int, index: int) -> None:
    id = IdScheme(seed).encode(index)
    assert str(UUID(id)) == id
    assert (UUID(id).version, UUID(id).variant) == (4, "specified in RFC 4122")


@given(seeds, st.sets(indexes))
def test_distinct_indexes_have_distinct_ids(seed: int, several: set[int]) -> None:
    assert len({IdScheme(seed).encode(index) for index in several}) == len(several)


@given(seeds, st.uuids())
def test_an_id_of_another_origin_has_no_index(seed: int, other: UUID) -> None:
    assert IdScheme(seed).decode(str(other)) is None


@given(seeds, indexes, st.integers(0, 127))
def test_an_id_with_one_bit_changed_has_no_index(seed: int, index: int, bit: int) -> None:
    scheme = IdScheme(seed)
    changed = UUID(scheme.encode(index)).int ^ 1 << bit
    assert scheme.decode(str(UUID(int=changed))) is None


@given(st.text())
def test_any_text_can_be_decoded(text: str) -> None:
    assert IdScheme(0).decode(text) is None


@given(st.tuples(seeds, seeds).filter(lambda pair: pair[0] != pair[1]), indexes)
def test_another_seed_gives_other_ids(pair: tuple[int, int], index: int) -> None:
    one, other = map(IdScheme, pair)
    assert other.decode(one.encode(index)) is None


@pytest.mark.parametrize("form", ["{%s}", "urn:uuid:%s", " %s", "%s\n"])
def test_only_the_hyphenated_form_is_an_id(form: str) -> None:
    scheme = IdScheme(0)
    assert scheme.decode(form % scheme.encode(1)) is None


def test_the_same_seed_gives_the_same_ids_in_every_process() -> None:
    assert IdScheme(7).encode(0) == "8ea2f13e-3696-4658-8003-654c7570c4d0"
