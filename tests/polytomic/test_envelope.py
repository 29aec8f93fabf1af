"""The envelope of a reply: an object under `data`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload
from collector.polytomic.envelope import Page, read_data, read_page
from tests.model.test_strict_json import BOM, dumped, json_values, scalars


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_raise_at_most_a_bad_payload(body: bytes) -> None:
    with suppress(BadPayload):
        assert isinstance(read_data(body), dict)


@given(json_values, st.integers(0, 200), st.binary(max_size=3))
def test_a_truncated_or_altered_body_is_read_or_rejected(value: Any, at: int, junk: bytes) -> None:
    body = dumped({"data": value})
    with suppress(BadPayload):
        read_data(body[:at] + junk + body[at + len(junk) :])


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_the_object_under_data_is_returned(inner: dict[str, Any]) -> None:
    assert read_data(dumped({"data": inner, "meta": 1})) == inner


@given(st.dictionaries(st.text(max_size=5), scalars, max_size=3))
def test_a_byte_order_mark_is_accepted(inner: dict[str, Any]) -> None:
    assert read_data(BOM + dumped({"data": inner})) == inner


def test_the_last_of_duplicate_keys_wins() -> None:
    assert read_data(b'{"data":{"a":1},"data":{"a":2,"a":3}}') == {"a": 3}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b"<html></html>", "the body is not JSON"),
        (b"[]", "the body is a JSON list, not an object"),
        (b"null", "the body is a JSON NoneType, not an object"),
        (b"{}", "the body has no object under 'data'"),
        (b'{"data":null}', "the body has no object under 'data'"),
        (b'{"data":[{}]}', "the body has no object under 'data'"),
        (b'{"data":"x"}', "the body has no object under 'data'"),
    ],
)
def test_a_body_without_the_envelope_is_rejected_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload) as caught:
        read_data(body)
    assert caught.value.reason.startswith(reason)
    assert "\n" not in caught.value.reason
    assert caught.value.status == 200


def test_paths_of_repaired_values_are_relative_to_data() -> None:
    repairs: list[tuple[str, ...]] = []
    body = b'{"meta":1e400,"data":{"a":{"b":"\\ud800"},"n":[1e400]}}'
    assert read_data(body, repairs) == {"a": {"b": "\ufffd"}, "n": ["1e400"]}
    assert sorted(repairs) == [("a", "b"), ("n", "[]")]


@given(st.binary() | st.text().map(str.encode) | json_values.map(dumped), st.booleans())
def test_a_page_of_any_bytes_raises_at_most_a_bad_payload(body: bytes, is_list: bool) -> None:
    with suppress(BadPayload):
        assert isinstance(read_page(body, is_list=is_list), Page)


@given(json_values, json_values, st.booleans())
def test_a_page_of_any_values_is_read_or_rejected(data: Any, token: Any, is_list: bool) -> None:
    with suppress(BadPayload):
        page = read_page(dumped({"data": data, "pagination": {"next_page_token": token}}), is_list=is_list)
        assert page.items == ([] if data is None else data if is_list else [data])
        assert page.next_token == (token or "")


def test_paths_of_repaired_values_are_relative_to_their_item() -> None:
    body = b'{"pagination":1e400,"data":[{"a":{"b":"\\ud800"}},1e400]}'
    with pytest.raises(BadPayload, match="page token"):
        read_page(body, is_list=True)
    page = read_page(body.replace(b'"pagination"', b'"meta"'), is_list=True)
    assert page == Page([{"a": {"b": "\ufffd"}}, "1e400"], "", (("a", "b"),))
    assert read_page(b'{"data":{"a":1e400}}', is_list=False).repairs == (("a",),)
