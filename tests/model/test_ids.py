"""Connection ids: validation, and an ordered set of them."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.ids import IdSet, canonical_id

ONE = "248df4b7-aa70-47b8-a036-33ac447e668d"
uuids = st.uuids().map(str)


@given(st.uuids())
def test_every_uuid_in_its_usual_form_is_an_id_in_upper_or_lower_case(uuid: UUID) -> None:
    assert canonical_id(str(uuid)) == str(uuid)
    assert canonical_id(str(uuid).upper()) == str(uuid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        f"{{{ONE}}}",
        f"urn:uuid:{ONE}",
        ONE.replace("-", ""),
        f" {ONE}",
        f"{ONE} ",
        f"{ONE}\n",
        f"{ONE}/",
        f"../{ONE}",
        ONE.replace("2", "٢"),
        ONE.replace("2", "２"),  # noqa: RUF001
        ONE.replace("a", "а"),  # noqa: RUF001  # a Cyrillic one
        ONE.replace("-", "–"),  # noqa: RUF001
        ONE.replace("f", "g"),
        ONE[:-1],
        ONE + "0",
        "248df4b-7aa70-47b8-a036-33ac447e668d",
    ],
)
def test_a_text_that_resembles_an_id_is_invalid(text: str) -> None:
    assert canonical_id(text) is None


@given(st.text())
def test_a_valid_id_needs_no_escaping_in_a_path(text: str) -> None:
    found = canonical_id(text)
    assert found is None or (str(UUID(found)) == found == text.lower() and len(found) == 36)


@given(st.lists(uuids, unique=True))
def test_a_set_yields_its_ids_in_insertion_order(ids: list[str]) -> None:
    id_set = IdSet()
    assert [id_set.add(each) for each in ids] == [True] * len(ids)
    assert list(id_set) == ids
    assert len(id_set) == len(ids)


@given(st.lists(uuids, min_size=1), st.data())
def test_adding_a_duplicate_id_returns_false_and_changes_nothing(ids: list[str], data: st.DataObject) -> None:
    id_set = IdSet()
    for each in ids:
        id_set.add(each)
    again = data.draw(st.sampled_from(ids))
    assert id_set.add(again) is False
    assert list(id_set) == list(dict.fromkeys(ids))


@given(st.lists(uuids, unique=True))
def test_the_digest_covers_the_sorted_ids_regardless_of_insertion_order(ids: list[str]) -> None:
    lines = "".join(f"{each}\n" for each in sorted(ids)).encode()
    id_set = IdSet()
    for each in reversed(ids):
        id_set.add(each)
    assert id_set.digest() == hashlib.sha256(lines).hexdigest()


def test_the_repr_of_a_set_shows_its_size() -> None:
    id_set = IdSet()
    id_set.add(ONE)
    assert repr(id_set) == "<IdSet of 1>"
