"""Cross-check: the list against the requested ids, and listed payloads against fetched ones."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.ids import IdSet
from collector.polytomic.cross_check import MAX_REPORTED_IDS, CrossCheck, CrossCheckReport, hash_of
from collector.redaction.redactor import Redactor
from tests.support.scripted_server import ids

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner), max_leaves=8
)
payloads = st.dictionaries(st.text(max_size=3), values, max_size=5)


def id_set(members: list[str]) -> IdSet:
    found = IdSet()
    for member in members:
        found.add(member)
    return found


def report_of(listed: dict[str, Any], fetched: dict[str, Any], left_out: list[str] | None = None) -> CrossCheckReport:
    check = CrossCheck(Redactor.path_of)
    for id_, payload in listed.items():
        check.add_listed(id_, payload)
    for id_, payload in fetched.items():
        check.prepare(id_, payload)()
    return check.report(id_set(list(fetched)), id_set(left_out or []))


def paths_that_differ(listed: Any, fetched: Any) -> dict[str, int]:
    [one] = ids(1)
    return dict(report_of({one: listed}, {one: fetched}).paths)


@given(payloads)
def test_a_payload_equals_itself_in_any_order_of_keys(payload: dict[str, Any]) -> None:
    def reversed_keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reversed_keys(value[key]) for key in reversed(value)}
        return [reversed_keys(each) for each in value] if isinstance(value, list) else value

    assert paths_that_differ(copy.deepcopy(payload), reversed_keys(payload)) == {}


@given(payloads, st.text(max_size=3), values)
def test_a_changed_field_is_reported_at_its_path(payload: dict[str, Any], key: str, value: Any) -> None:
    changed = {**payload, key: value}
    is_same = key in payload and repr(payload[key]) == repr(value)
    assert bool(paths_that_differ(payload, changed)) is not (is_same or value == {} == payload.get(key, {}))


@pytest.mark.parametrize(
    ("listed", "fetched", "paths"),
    [
        ({"status": "healthy"}, {"status": "error"}, {"status": 1}),
        ({"status": "healthy"}, {}, {"status": 1}),
        ({"a": 1}, {"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 1.0}, {"a": 1}),
        ({"a": -1}, {"a": -2}, {"a": 1}),
        ({"a": "1"}, {"a": 1}, {"a": 1}),
        ({"configuration": {"h": "a", "port": 1}}, {"configuration": {"h": "b", "port": 1}}, {"configuration.h": 1}),
        ({"configuration": {"h": [{"name": "x"}]}}, {"configuration": {"h": [{"name": "y"}]}}, {"configuration.h": 1}),
        ({"policies": ["a", "b"]}, {"policies": ["b", "a"]}, {"policies": 1}),
        ({"type": {"id": "a"}}, {"type": None}, {"type": 1, "type.id": 1}),
    ],
)  # fmt: skip
def test_differences_are_counted_by_path(listed: Any, fetched: Any, paths: dict[str, int]) -> None:
    assert paths_that_differ(listed, fetched) == paths


def test_a_key_that_is_a_secret_does_not_appear_in_a_path() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    [path] = paths_that_differ({"configuration": {secret: 1}}, {"configuration": {secret: 2}})
    assert secret not in path


def test_ids_of_only_one_side_are_named_except_those_that_a_filter_left_out() -> None:
    both, listed_only, filtered, requested_only = ids(4)
    payload = {"status": "healthy"}
    report = report_of(
        dict.fromkeys((both, listed_only, filtered), payload),
        dict.fromkeys((both, requested_only), payload),
        [filtered],
    )
    assert report.as_manifest() == {
        "listed": 3,
        "listed_not_requested": {"count": 1, "ids": [listed_only]},
        "requested_not_listed": {"count": 1, "ids": [requested_only]},
        "compared": 1,
        "different": 0,
        "paths": {},
    }
    assert f"1 ({listed_only}) listed but not requested" in str(report)
    assert "0 of 1 differ" in str(report)


def test_an_id_that_was_done_counts_as_requested() -> None:
    [one] = ids(1)
    requested = id_set([one])
    requested.mark_done(one)
    check = CrossCheck(Redactor.path_of)
    check.add_listed(one, {})
    report = check.report(requested, IdSet())
    assert (report.not_requested, report.not_listed) == ((0, ()), (0, ()))


def test_many_ids_are_counted_but_not_all_listed() -> None:
    many = ids(MAX_REPORTED_IDS + 5)
    count, named = report_of({one: {} for one in many}, {}).not_requested
    assert (count, len(named)) == (len(many), MAX_REPORTED_IDS)


def test_a_payload_is_compared_once() -> None:
    [one] = ids(1)
    check = CrossCheck(Redactor.path_of)
    check.add_listed(one, {"a": 1})
    check.prepare(one, {"a": 1})()
    check.prepare(one, {"a": 2})()  # another attempt after a reply that could not be used
    assert check.report(id_set([one]), IdSet()).different == 0


@given(values, values)
def test_equal_hashes_mean_equal_values(one: Any, other: Any) -> None:
    assert (hash_of(one) == hash_of(other)) == (_exact(one) == _exact(other))


def _exact(value: Any) -> Any:
    """A value that is equal only to itself: numbers keep their type and sign."""
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    return [_exact(each) for each in value] if isinstance(value, list) else (type(value), repr(value))
