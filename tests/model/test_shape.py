"""The fields of records, and the shape that accumulates them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import record_fields, shape
from collector.model.record import Record
from collector.model.record_fields import fields_of
from collector.model.shape import Seen, Shape, TypeShape
from tests.polytomic.test_normalize import anything
from tests.support.scripted_server import ids

IDS = ids(30)


def record(configuration: Any = None, **more: Any) -> Record:
    return {"type_id": "postgresql", "configuration": configuration, "rate_limit": None, "extra": {}, **more}


def listed(configuration: Any) -> dict[str, set[str]]:
    """The types of the fields below a configuration."""
    found: dict[str, set[str]] = {}
    for path, name in fields_of(record(configuration)).fields:
        if path.startswith("configuration"):
            found.setdefault(path.removeprefix("configuration"), set()).add(name)
    return found


def shape_of(records: Sequence[Record]) -> Shape:
    found = Shape()
    for id_, each in zip(IDS, records, strict=False):
        found.add(id_, fields_of(each))
    return found


def test_a_field_has_the_path_of_masked_values_and_a_json_type() -> None:
    assert listed({"host": "x", "port": 1, "ratio": 0.5, "ssl": True, "ca": None, "a.b": {"c": {}}}) == {
        "": {"object"},
        ".host": {"text"},
        ".port": {"number"},
        ".ratio": {"number"},
        ".ssl": {"boolean"},
        ".ca": {"null"},
        ".a.b": {"object"},
        ".a.b.c": {"object"},
    }


def test_the_elements_of_an_array_share_one_path() -> None:
    assert listed({"hosts": ["a", None], "ports": [], "sinks": [{"id": 1}, {"id": "x", "at": [[True]]}]}) == {
        "": {"object"},
        ".hosts": {"array"},
        ".hosts[]": {"text", "null"},
        ".ports": {"array"},
        ".sinks": {"array"},
        ".sinks[]": {"object"},
        ".sinks[].id": {"number", "text"},
        ".sinks[].at": {"array"},
        ".sinks[].at[]": {"array"},
        ".sinks[].at[][]": {"boolean"},
    }


def test_the_fields_of_extra_and_of_the_rate_limit_belong_to_the_shape_and_those_of_the_schema_do_not() -> None:
    found = fields_of(record(None, name="x", rate_limit={"n": 1}, extra={"y": "z"}))
    assert dict(found.fields) == {
        "configuration": "null",
        "rate_limit": "object",
        "rate_limit.n": "number",
        "extra": "object",
        "extra.y": "text",
    }


def test_records_with_the_same_keys_and_types_share_their_fields() -> None:
    assert fields_of(record({"a": 1, "b": ["x"]})) is fields_of(record({"a": 2, "b": ["y", "z"]}))
    assert fields_of(record({"a": 1})) is not fields_of(record({"a": "1"}))
    assert fields_of(record({"a": 1})) is not fields_of(record({"a": 1}, type_id="mysql"))


@pytest.mark.parametrize(
    "configuration",
    [
        {f"key{at}": at for at in range(2000)},
        {"list": [{"a": 1}] * 2000},
        {"x" * 300: 1},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}},
    ],
    ids=["many keys", "many elements", "long key", "deep"],
)
def test_values_beyond_the_limits_are_counted_as_left_out(configuration: dict[str, Any]) -> None:
    found = fields_of(record(configuration))
    assert found.left_out == 1
    assert len(found.fields) < 15
    assert shape_of([record(configuration)] * 2).types["postgresql"].left_out == 2


def test_a_long_array_of_plain_values_is_read_whole() -> None:
    assert listed({"ids": [*["x"] * 5000, 1]})[".ids[]"] == {"text", "number"}


records = st.lists(
    st.builds(
        record,
        anything,
        type_id=st.sampled_from(["postgresql", "mysql", None]),
        extra=st.dictionaries(st.sampled_from("abc"), anything, max_size=3),
    ),
    max_size=len(IDS),
)


@given(records, st.randoms(use_true_random=False), st.integers(0, len(IDS)))
def test_a_shape_depends_neither_on_the_order_nor_on_the_parts_it_was_added_in(
    found: list[Record], chance: random.Random, cut: int
) -> None:
    pairs = list(zip(IDS, found, strict=False))
    chance.shuffle(pairs)
    first, second = Shape(), Shape()
    for part, some in ((first, pairs[:cut]), (second, pairs[cut:])):
        for id_, each in some:
            part.add(id_, fields_of(each))
    if chance.random() < 0.5:
        assert first.types is not None  # settles one part early
    first += second
    assert first == shape_of(found)


@given(records)
def test_a_field_counts_the_records_that_have_it_and_names_the_first_ids(found: list[Record]) -> None:
    types = shape_of(found).types
    for type_id in {each["type_id"] for each in found}:
        having = [id_ for id_, each in zip(IDS, found, strict=False) if each["type_id"] == type_id]
        assert types[type_id or ""].seen == Seen(len(having), tuple(sorted(having)[:3]))
        with_a = [
            id_
            for id_, each in zip(IDS, found, strict=False)
            if each["type_id"] == type_id and type(each["extra"].get("a")) is str
        ]
        text = types[type_id or ""].fields.get("extra.a", {}).get("text", Seen())
        assert text == Seen(len(with_a), tuple(sorted(with_a)[:3]))


@pytest.mark.parametrize("forward", [True, False])
def test_the_first_fields_and_types_are_kept_in_every_order(monkeypatch: pytest.MonkeyPatch, forward: bool) -> None:
    monkeypatch.setattr(shape, "MAX_FIELDS", 5)
    monkeypatch.setattr(shape, "MAX_TYPES", 2)
    monkeypatch.setattr(shape, "_MAX_PENDING", 0)
    found = Shape()
    everything = [
        (id_, record({f"key{at}": 1}, type_id=type_id))
        for at, id_ in enumerate(IDS[:8])
        for type_id in ("mysql", "postgresql", "s3")
    ]
    for id_, each in everything if forward else reversed(everything):
        found.add(id_, fields_of(each))
    assert sorted(found.types) == ["mysql", "postgresql"]
    assert found.left_out == 8
    for kept in found.types.values():
        assert sorted(kept.fields) == ["configuration", *(f"configuration.key{at}" for at in range(4))]
        assert kept.left_out == 4 + 8 + 8  # four keys, extra and rate_limit
        assert kept.seen.records == 8


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("12345")), max_size=len(IDS)), st.data())
def test_the_types_whose_fields_exceed_the_limit_are_left_out_in_every_order(
    chosen: list[tuple[str, str]], data: st.DataObject
) -> None:
    """The types are kept in alphabetical order, up to the first that does not fit."""
    pairs = list(zip(IDS, (record({key: 1}, type_id=type_id) for type_id, key in chosen), strict=False))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shape, "MAX_ALL_FIELDS", 10)
        patched.setattr(shape, "_MAX_PENDING", 0)
        parts = [Shape(), Shape()]
        for id_, each in data.draw(st.permutations(pairs)):
            data.draw(st.sampled_from(parts)).add(id_, fields_of(each))
        found = parts[0]
        found += parts[1]
        kept, left = dict(found.types), found.left_out
    fields: dict[str, int] = {}
    for type_id in sorted({one for one, _ in chosen}):
        fields[type_id] = 3 + len({key for one, key in chosen if one == type_id})
        if sum(fields.values()) > 10:
            del fields[type_id]
            break
    assert {type_id: len(each.fields) for type_id, each in kept.items()} == fields
    assert {type_id: each.seen.records for type_id, each in kept.items()} == {
        type_id: sum(one == type_id for one, _ in chosen) for type_id in fields
    }
    assert left == sum(one not in fields for one, _ in chosen)


def test_a_type_with_a_long_name_is_left_out() -> None:
    found = shape_of([record(type_id="x" * (record_fields.MAX_PATH_LENGTH + 1)), record()])
    assert (list(found.types), found.left_out) == (["postgresql"], 1)


def test_an_empty_type_shape_has_no_records() -> None:
    assert (TypeShape().seen.records, TypeShape().fields) == (0, {})
