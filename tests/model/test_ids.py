"""Connection ids: what is one, and an ordered set of them."""

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
def test_every_uuid_in_its_usual_form_is_an_id_in_any_case(uuid: UUID) -> None:
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
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert canonical_id(text) is None


@given(st.text())
def test_an_id_that_passes_can_stand_in_a_path_as_it_is(text: str) -> None:
    found = canonical_id(text)
    assert found is None or (str(UUID(found)) == found == text.lower() and len(found) == 36)


@given(st.lists(uuids, unique=True))
def test_a_set_gives_back_what_was_added_in_that_order(ids: list[str]) -> None:
    held = IdSet()
    assert [held.add(each) for each in ids] == [True] * len(ids)
    assert list(held) == ids
    assert len(held) == len(ids)


@given(st.lists(uuids, min_size=1), st.data())
def test_a_set_takes_each_id_once_and_says_so(ids: list[str], data: st.DataObject) -> None:
    held = IdSet()
    for each in ids:
        held.add(each)
    again = data.draw(st.sampled_from(ids))
    assert held.add(again) is False
    assert list(held) == list(dict.fromkeys(ids))


@given(st.lists(uuids, unique=True))
def test_the_digest_is_over_the_sorted_ids_whatever_their_order(ids: list[str]) -> None:
    lines = "".join(f"{each}\n" for each in sorted(ids)).encode()
    held = IdSet()
    for each in reversed(ids):
        held.add(each)
    assert held.digest() == hashlib.sha256(lines).hexdigest()


def test_the_repr_of_a_set_tells_its_size() -> None:
    held = IdSet()
    held.add(ONE)
    assert repr(held) == "<IdSet of 1>"
