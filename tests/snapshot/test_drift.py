"""Drift: the fields that changed between two runs, and those that only seem to have."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record_fields import fields_of
from collector.model.shape import Shape
from collector.snapshot.drift import Change, Drift, DriftReport, compare, remember
from collector.snapshot.drift_json import decode_drift, drift_as_json
from collector.snapshot.json_document import JsonNode, Malformed
from collector.snapshot.shape_json import decode_shape, shape_as_json
from tests.model.test_shape import record, records, shape_of
from tests.support.scripted_server import ids

A, B, C, D, E = ids(5)
Night = Mapping[str, Any]
"""Configurations by id; an exception stands for a connection that failed."""


def night(*configurations: Any, type_id: str = "postgresql", **more: Any) -> Shape:
    """The shape of connections with these configurations, which have the ids A, B, ...; `...` has failed."""
    found = Shape()
    for id_, each in zip(ids(5), configurations, strict=False):
        if each is not ...:
            found.add(id_, fields_of(record(each, type_id=type_id, **more)))
    return found


def drift(before: Shape, after: Shape, **states: bool | None) -> Drift:
    """The drift, if the ids A, B, ... have these states; by default they were collected."""
    named = dict(zip("ABCDE", ids(5), strict=True))
    by_id = {named[name]: state for name, state in states.items()}
    return compare(before, after, lambda id_: by_id.get(id_, True))


def test_a_field_that_no_earlier_record_had_is_new() -> None:
    found = drift(night({"host": "x"}, {}), night({"host": "x", "ssl": True}, {"ssl": "on"}))
    assert found == Drift(new=(Change("postgresql", "configuration.ssl", (), ("boolean", "text"), 2, (A, B)),))


def test_a_field_that_no_record_has_any_more_is_gone_with_the_ids_that_had_it() -> None:
    found = drift(night({"host": "x", "ssl": True}, {"ssl": False}), night({"host": "x"}, {}))
    assert found == Drift(gone=(Change("postgresql", "configuration.ssl", ("boolean",), (), 2, (A, B)),))


def test_a_field_with_a_type_that_no_earlier_record_had_has_another_type() -> None:
    found = drift(night({"port": 1}, {"port": 2}), night({"port": 1}, {"port": "2"}))
    change = Change("postgresql", "configuration.port", ("number",), ("number", "text"), 1, (B,))
    assert found == Drift(retyped=(change,))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"host": None}, {"host": "x"}),
        ({"host": "x"}, {"host": None}),
        (None, {"host": "x"}),
        ({"host": "x"}, None),
        ({"hosts": []}, {"hosts": ["x", {"port": 1}]}),
        ({"hosts": ["x", {"port": 1}]}, {"hosts": []}),
        ({"tls": None}, {"tls": {"ca": "x"}}),
        ({"tls": {"ca": "x"}}, {"tls": None}),
        ({"limit": 1}, {"limit": 1.5}),
    ],
)
def test_null_an_empty_array_and_another_number_are_not_drift(before: Any, after: Any) -> None:
    assert drift(night(before), night(after)) == Drift()


def test_a_type_that_no_longer_occurs_is_not_drift() -> None:
    assert drift(night({"port": 1}, {"port": "2"}), night({"port": 1}, {"port": 2})) == Drift()


def test_a_connection_type_without_records_before_or_now_is_not_compared() -> None:
    assert drift(night({"a": 1}), night({"b": 1}, type_id="mysql")) == Drift()


def test_an_object_that_is_gone_or_new_is_reported_with_what_is_new_in_it() -> None:
    with_tls, without = night({"tls": {"ca": "x", "more": {"a": 1}}}), night({"host": "x"})
    assert [each.path for each in drift(with_tls, without).gone] == ["configuration.tls"]
    assert [each.path for each in drift(without, with_tls).new] == [
        "configuration.tls",
        "configuration.tls.ca",
        "configuration.tls.more",
        "configuration.tls.more.a",
    ]


def test_a_key_with_a_dot_belongs_to_the_object_that_has_it() -> None:
    assert [each.path for each in drift(night({"a.b": 1}), night({})).gone] == ["configuration.a.b"]
    assert [each.path for each in drift(night({}), night({"a.b": 1})).new] == ["configuration.a.b"]


def test_a_field_is_not_gone_if_a_connection_that_had_it_failed() -> None:
    before, after = night({}, {"ssl": True}, {"ssl": True}), night({}, ..., {})
    assert drift(before, after, B=False) == Drift()


def test_a_field_is_not_gone_if_the_run_included_no_connection_that_had_it() -> None:
    before, after = night({}, {"ssl": True}), night({})
    assert drift(before, after, B=None) == Drift()
    assert drift(night({}, {"ssl": True}, {"ssl": True}), night({}, ..., {}), B=None).gone[0].ids == (C,)


def test_fields_beyond_the_limits_are_neither_new_nor_gone() -> None:
    much = {f"key{at}": at for at in range(2000)}
    assert drift(night({"a": 1}, much), night({"b": 1})).new == ()
    assert drift(night({"a": 1}), night({"b": 1}, much)).gone == ()


def test_a_field_is_not_new_when_its_failed_connection_comes_back() -> None:
    """Nor is it later gone, except if the connection comes back without it."""
    first = night({}, {"ssl": {"ca": "x"}})
    second = night({}, ...)
    kept = remember(first, second, drift(first, second, B=False))
    assert sorted(kept.types["postgresql"].fields) == ["configuration.ssl", "configuration.ssl.ca"]
    known = copy.deepcopy(second)
    known += kept
    assert drift(known, first) == Drift()
    assert [each.path for each in drift(known, night({}, {})).gone] == ["configuration.ssl"]


def test_a_connection_type_whose_connections_all_failed_stays_known() -> None:
    first = night({"a": 1})
    kept = remember(first, Shape(), Drift())
    assert kept == first
    assert [each.path for each in drift(kept, night({"a": 1, "b": 1})).new] == ["configuration.b"]


def test_a_field_that_is_gone_or_has_another_type_is_reported_once() -> None:
    first, second = night({"tls": {"ca": "x"}, "port": 1}), night({"port": "1"})
    found = drift(first, second)
    assert (len(found.gone), len(found.retyped)) == (1, 1)
    known = copy.deepcopy(second)
    known += remember(first, second, found)
    assert drift(known, second) == Drift()
    assert [each.path for each in drift(known, first).retyped] == ["configuration.port"]


def test_a_type_that_was_null_for_one_night_stays_known() -> None:
    first, second = night({"port": 1}), night({"port": None})
    known = copy.deepcopy(second)
    known += remember(first, second, drift(first, second))
    assert [each.before for each in drift(known, night({"port": "1"})).retyped] == [("number",)]


@given(records, records)
def test_a_second_run_with_the_same_records_never_has_drift(first: list[Any], second: list[Any]) -> None:
    """Every change is reported once."""
    before, after = shape_of(first), shape_of(second)
    assert compare(before, before, lambda _: True) == Drift()
    kept = remember(before, after, compare(before, after, lambda _: True))
    known = copy.deepcopy(after)
    known += kept
    assert compare(known, after, lambda _: None) == Drift()


@given(records, records, st.booleans())
def test_shape_and_drift_survive_the_manifest(first: list[Any], second: list[Any], fails: bool) -> None:
    before, after = shape_of(first), shape_of(second)
    changes = compare(before, after, lambda _: True)
    for each in (before, after, remember(before, after, changes)):
        assert decode_shape(JsonNode(json.loads(json.dumps(shape_as_json(each))))) == each
    report = DriftReport("run", "", fails and changes.total > 0, changes)
    assert decode_drift(JsonNode(json.loads(json.dumps(drift_as_json(report)))), after) == report


def test_the_ids_of_a_field_are_written_only_if_they_differ_from_those_of_its_type() -> None:
    of_type = shape_as_json(night({"a": 1}, {"a": 2, "b": 1}))["types"]["postgresql"]
    assert of_type["ids"] == [A, B]
    assert of_type["field_ids"] == {"configuration.b": {"number": [B]}}


SHAPE = night({"host": "x", "port": 1}, {"port": 2}, {}, {})
PLACE = ("types", "postgresql")
WRONG: list[tuple[tuple[str, ...], Any, str]] = [
    (("left_out",), -1, "left_out: not a count"),
    (("types",), [], "types: not an object"),
    ((*PLACE, "records"), 3, "not between 1 and the number of records"),
    ((*PLACE, "ids"), [A, B], "not 3 ids of 4 records"),
    ((*PLACE, "ids"), [B, A, C], "not distinct ids in alphabetical order"),
    ((*PLACE, "ids"), ["x", "y", "z"], "not distinct ids in alphabetical order"),
    ((*PLACE, "fields", "configuration.host"), {"string": 1}, "has not all types of field_ids"),
    ((*PLACE, "fields", "configuration.port"), {"integer": 2}, "has not all types of field_ids"),
    ((*PLACE, "fields", "configuration"), {"dict": 4}, "not a JSON type"),
    ((*PLACE, "fields", "configuration"), {}, "has no type"),
    ((*PLACE, "fields", "configuration"), {"object": 0}, "not between 1 and the number of records"),
    ((*PLACE, "fields", "configuration"), {"object": 2}, "not 2 ids of 2 records"),
    ((*PLACE, "field_ids", "configuration.other"), {}, "not a path of fields"),
    ((*PLACE, "left_out"), None, "not a count"),
]


@pytest.mark.parametrize(("place", "value", "problem"), WRONG, ids=str)
def test_a_shape_that_is_not_well_formed_is_rejected(place: tuple[str, ...], value: Any, problem: str) -> None:
    document: Any = json.loads(json.dumps(shape_as_json(SHAPE)))
    assert decode_shape(JsonNode(document)) == SHAPE
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(Malformed) as caught:
        decode_shape(JsonNode(document))
    assert problem in str(caught.value)


@pytest.mark.parametrize("key", ["types", "fields"])
def test_a_shape_with_too_many_members_is_rejected(key: str) -> None:
    document = shape_as_json(SHAPE)
    many = document if key == "types" else document["types"]["postgresql"]
    many[key] = {**many[key], **dict.fromkeys(map(str, range(1000)), many[key].get("configuration"))}
    with pytest.raises(Malformed, match="has more than 1000 members"):
        decode_shape(JsonNode(document))


def drift_document() -> dict[str, Any]:
    before = night({"gone": 1, "port": "1"}, {}, {}, {})
    found = drift(before, SHAPE)
    assert tuple(map(len, found)) == (1, 1, 1)
    loaded: dict[str, Any] = json.loads(json.dumps(drift_as_json(DriftReport("run", "", True, found))))
    return loaded


def wrong_drifts() -> Iterator[tuple[dict[str, Any], str]]:
    changes: dict[str, Any]
    for changes, problem in (
        ({"previous": None}, "reason: must be empty if, and only if, there is a previous run"),
        ({"reason": "why"}, "reason: must be empty if, and only if, there is a previous run"),
        ({"previous": None, "reason": "why"}, "previous: null, but there are changes"),
        ({"new": [], "gone": [], "retyped": []}, "fails: true, but there are no changes"),
        ({"fails": 1}, "fails: not true or false"),
        ({"gone": {}}, "gone: not an array"),
    ):
        yield {**drift_document(), **changes}, problem
    for kind, changes, problem in (
        ("new", {"after": ["number"]}, "new[0].after: not the types of this field in shape"),
        ("new", {"path": "configuration.absent"}, "new[0].after: not the types of this field in shape"),
        ("gone", {"path": "configuration.port"}, "gone[0].after: not the types of this field in shape"),
        ("gone", {"type": "mysql"}, "gone[0].after: not the types of this field in shape"),
        ("retyped", {"before": ["string"]}, "retyped[0].before: not JSON types in alphabetical order"),
        ("retyped", {"ids": []}, "retyped[0].ids: not 1 to 3 distinct ids in alphabetical order"),
        ("retyped", {"ids": ["x"]}, "retyped[0].ids: not 1 to 3 distinct ids in alphabetical order"),
        ("retyped", {"records": -1}, "retyped[0].records: not a count"),
    ):
        document = drift_document()
        document[kind][0].update(changes)
        yield document, problem


@pytest.mark.parametrize(("document", "problem"), list(wrong_drifts()), ids=str)
def test_drift_that_is_not_well_formed_or_does_not_fit_the_shape_is_rejected(
    document: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Malformed) as caught:
        decode_drift(JsonNode(document), SHAPE)
    assert problem in str(caught.value)


def test_a_drift_that_fits_the_shape_is_accepted() -> None:
    assert decode_drift(JsonNode(drift_document()), SHAPE).drift.total == 3
