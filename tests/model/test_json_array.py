"""The items of a JSON array, parsed while the text arrives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.json_array import ArrayScanner, begins_envelope, parse_item
from collector.model.strict_json import NotJson

values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def scan(text: str, size: int = 7, *, takes_bare_array: bool = True) -> list[object]:
    scanner = ArrayScanner(parse_item, takes_bare_array=takes_bare_array)
    items = [item for at in range(0, len(text), size) for item in scanner.feed(text[at : at + size])]
    return items + scanner.close()


@given(st.lists(values, max_size=6), st.sampled_from([None, 1]), st.integers(1, 40), st.booleans())
def test_an_array_yields_its_items_whatever_the_parts_in_which_it_arrives(
    items: list[object], indent: int | None, size: int, is_bare: bool
) -> None:
    document = items if is_bare else {"page": {"data": [1]}, "data": items, "more": items}
    assert scan(json.dumps(document, indent=indent), size) == items


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "[", '["a"', '["a",', '["a",]', "[,]", '["a" "b"]', "[NaN]", '["a"] x', '["a"]["b"]', "[1]]"),
        *('{"data":["a"]', '{"data":["a"]} x', '{"data":"a"}', '{"other":["a"]}', "null", '"a"', "{}", "[" * 5000),
    ],
)
def test_a_document_that_is_not_one_complete_array_is_an_error(text: str) -> None:
    with pytest.raises(NotJson):
        scan(text)


def test_a_bare_array_is_an_error_where_the_api_must_name_it() -> None:
    with pytest.raises(NotJson):
        scan('["a"]', takes_bare_array=False)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        *(('{"data": [', True), ('{\n "data" :\n[', True), ('{"page": {"data": 1}, "data": null}', True)),
        *(('{"data": ["a"], "more": 1}', True), ('{"data": ["a"], "mo', True), ('{"data": [1', True)),
        *(('{"data": [1], "id": 5}', False), ('{"id": 5, "data": []}', False), ('{"data": {"id": 5}}', False)),
        *(("{", False), ("", False), ('{"name": "x", "da', False), ('{"name": {"data": [', False), ("[", False)),
    ],
)
def test_an_envelope_is_told_from_an_object_with_an_id(text: str, begins: bool) -> None:
    assert begins_envelope(text) == begins
