"""Repair of JSON with values that strict parsers reject."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.json_repair import parse_repaired
from collector.model.strict_json import NotJson, parse, parse_tolerantly

any_text = st.text(st.characters(), max_size=6)  # with lone surrogates
strict = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    strict | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


def has_surrogate(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)


def as_parsed(value: Any) -> Any:
    """`value` as a JSON parser returns it: two escaped surrogates in sequence become one character."""
    return json.loads(json.dumps(value))


def texts_with_surrogates(value: Any) -> Iterator[str]:
    """Each text and key with a lone surrogate."""
    if isinstance(value, dict):
        yield from filter(has_surrogate, value)
        for inner in value.values():
            yield from texts_with_surrogates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_with_surrogates(inner)
    elif isinstance(value, str) and has_surrogate(value):
        yield value


@given(values)
def test_every_text_and_key_with_a_lone_surrogate_is_repaired_and_counted(value: Any) -> None:
    body = json.dumps(value).encode()
    found, repairs = parse_repaired(body)
    assert len(repairs) == len(list(texts_with_surrogates(as_parsed(value))))
    assert orjson.loads(json.dumps(found)) == found  # a strict parser accepts it
    assert parse_repaired(json.dumps(found).encode()) == (found, [])


@given(values)
def test_a_repair_loses_neither_values_nor_keys(value: Any) -> None:
    def size(one: Any) -> int:
        if isinstance(one, dict):
            return 1 + sum(map(size, one.values()))
        return 1 + sum(map(size, one)) if isinstance(one, list) else 1

    assert size(parse_repaired(json.dumps(value).encode())[0]) == size(as_parsed(value))


@given(values)
def test_a_body_that_needs_no_repair_gives_the_result_of_the_strict_parser(value: Any) -> None:
    body = json.dumps(value).encode()
    try:
        expected = parse(body)
    except NotJson:
        return
    assert parse_tolerantly(body) == (expected, [])


@pytest.mark.parametrize(
    "digits",
    [
        "1e400",
        "-1e400",
        "1E+999",
        "1.5e309",
        "-1" + "0" * 309 + ".0",
        "1e99999999999999999999",
        "7" * 4301,
        "-" + "7" * 5000,
    ],
)
@pytest.mark.parametrize("beside", ["1", "12345678901234567890123"])
def test_a_number_beyond_a_double_becomes_its_text(digits: str, beside: str) -> None:
    body = f'{{"data":{{"a":{beside},"n":[{digits}]}}}}'.encode()
    assert parse_tolerantly(body) == ({"data": {"a": int(beside), "n": [digits]}}, [("data", "n", "[]")])


@pytest.mark.parametrize("digits", ["7" * 309, "-" + "7" * 4300, "1e308", "-0", "1e-400"])
def test_a_number_within_the_limits_of_python_stays_a_number(digits: str) -> None:
    assert type(parse_tolerantly(f"[{digits}]".encode())[0][0]) in {int, float}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"cut \\ud83d", "cut \ufffd"),
        (b"\\ude00\\ud83d", "\ufffd\ufffd"),
        (b"\\ud83d\\ude00\\ud83d", "\U0001f600\ufffd"),
        (b"\xed\xa0\xbd", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\U0001f600"),  # CESU-8
        (b"cut \xf0\x9f\x98", "cut \ufffd"),
        (b"caf\xe9 x", "caf\ufffd x"),  # Latin-1
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("ä\u20ac".encode() + b"\\ud800", "ä\u20ac\ufffd"),
    ],
)
def test_invalid_characters_become_the_replacement_character(raw: bytes, expected: str) -> None:
    assert parse_tolerantly(b'{"a":{"b":"%s"},"c":"x"}' % raw) == ({"a": {"b": expected}, "c": "x"}, [("a", "b")])


def test_keys_that_a_repair_makes_equal_are_numbered() -> None:
    found, repairs = parse_tolerantly(b'{"a\\ud800":1,"a\\ud801":2,"a\\ufffd":3}')
    assert found == {"a\ufffd 2": 1, "a\ufffd 3": 2, "a\ufffd": 3}
    assert repairs == [("a\ufffd 2",), ("a\ufffd 3",)]


@pytest.mark.parametrize("raw", [b"two\nlines", b"\t", b"\x01", b"\0"])
def test_an_unescaped_control_character_is_accepted_unchanged(raw: bytes) -> None:
    assert parse_tolerantly(b'["%s"]' % raw) == ([raw.decode()], [])


def test_a_nul_stays_unchanged() -> None:
    assert parse_tolerantly(b'{"a\\u0000":"b\\u0000"}') == ({"a\0": "b\0"}, [])


@pytest.mark.parametrize(
    "body", [b"[NaN,1e400]", b"[-Infinity,1e400]", b"[1e400", b"[1e400,]", b"[01,1e400]", b"{1e400:1}"]
)
def test_other_invalid_json_is_rejected(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_tolerantly(body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_encodings_other_than_utf_8_are_rejected(encoding: str) -> None:
    with pytest.raises(NotJson):
        parse_tolerantly('{"data":{}}'.encode(encoding))


@pytest.mark.parametrize("depth", [101, 1_000, 100_000])
def test_nesting_beyond_the_limit_is_rejected_in_a_body_that_needs_repair(depth: int) -> None:
    with pytest.raises(NotJson):
        parse_tolerantly(b"[1e400," + b"[" * depth + b"]" * depth + b"]")


@given(st.binary() | st.text().map(str.encode) | values.map(lambda value: json.dumps(value).encode()[:-1]))
def test_parsing_any_bytes_raises_only_not_json(body: bytes) -> None:
    with suppress(NotJson):
        json.dumps(parse_tolerantly(body)[0], ensure_ascii=False).encode()  # raises for a surrogate
