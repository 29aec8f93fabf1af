"""Strict JSON parsing."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.strict_json import MAX_DEPTH, NotJson, parse

BOM = b"\xef\xbb\xbf"

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def nested(depth: int, opening: bytes = b"[", middle: bytes = b"", closing: bytes = b"]") -> bytes:
    return opening * depth + middle + closing * depth


@given(st.binary())
def test_the_reason_for_invalid_json_is_one_line(junk: bytes) -> None:
    with pytest.raises(NotJson, match=r"^the body ") as caught:
        parse(junk + b"{")
    assert "\n" not in str(caught.value)


@given(json_values)
def test_json_is_parsed_as_by_the_standard_library(value: Any) -> None:
    assert parse(dumped(value)) == value


@given(st.integers(-(10**300), 10**300))
def test_integers_survive_exactly(number: int) -> None:
    found = parse(b'{"n":%d}' % number)["n"]
    assert type(found) is int
    assert found == number


@pytest.mark.parametrize("digits", [18, 19, 20, 39, 309, 310, 400, 4300])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_integers_of_any_length_survive_exactly(sign: bytes, digits: int) -> None:
    found = parse(b"[" + sign + b"7" * digits + b"]")[0]
    size = 7 * (10**digits - 1) // 9
    assert type(found) is int
    assert found == (-size if sign else size)


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_an_integer_longer_than_python_converts_is_rejected(sign: bytes) -> None:
    with pytest.raises(NotJson):
        parse(b"[" + sign + b"7" * 4301 + b"]")


@given(st.integers(2**64, 2**70), st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_a_long_integer_does_not_change_the_values_beside_it(number: int, text: str, fraction: float) -> None:
    value = {"n": number, "t": text, "f": fraction, "o": [None, True, {}]}
    assert parse(dumped(value)) == value


@pytest.mark.parametrize(
    "number",
    [
        b"NaN",
        b"-NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"1" * 30 + b"e999",
        b"1" * 400 + b".5",
        b"0x10",
        b"01",
        b"1.",
        b".5",
        b"+1",
    ],
)
@pytest.mark.parametrize("beside", [b"1", b"12345678901234567890123"])
def test_a_number_that_is_not_json_or_overflows_a_double_is_rejected(number: bytes, beside: bytes) -> None:
    with pytest.raises(NotJson):
        parse(b"[" + beside + b"," + number + b"]")


@pytest.mark.parametrize(
    "text",
    [b'"\\ud800"', b'"\\udc00"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'{"\\ud800":1}', b'["\\ud83d", "\\ude00"]'],
)
@pytest.mark.parametrize("beside", [b"1", b"12345678901234567890123"])
def test_a_lone_surrogate_is_rejected(text: bytes, beside: bytes) -> None:
    with pytest.raises(NotJson):
        parse(b"[" + beside + b"," + text + b"]")


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "body", [b'"\xff"', '"ä"'.encode("latin-1"), '{"data":{}}'.encode("utf-16"), '{"data":{}}'.encode("utf-16-le")]
)
def test_only_utf_8_is_accepted(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse(body)


@pytest.mark.parametrize("body", [BOM, BOM + BOM + b"1", b" " + BOM + b"1"])
def test_a_byte_order_mark_alone_repeated_or_after_a_space_is_rejected(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse(body)


@pytest.mark.parametrize("middle", [b"", b"12345678901234567890123"])
def test_nesting_up_to_the_limit_is_accepted(middle: bytes) -> None:
    parse(nested(MAX_DEPTH, middle=middle))
    parse(nested(MAX_DEPTH - 1, b'{"a":', b"{" + (b'"n":' + middle if middle else b"") + b"}", b"}"))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 1000, 2000, 200_000])
@pytest.mark.parametrize("middle", [b"1", b"12345678901234567890123"])
def test_nesting_beyond_the_limit_is_rejected_at_any_depth(depth: int, middle: bytes) -> None:
    with pytest.raises(NotJson):
        parse(nested(depth, middle=middle))
    with pytest.raises(NotJson):
        parse(nested(depth, b'{"a":', middle, b"}"))


def test_brackets_side_by_side_or_in_a_text_do_not_count_as_depth() -> None:
    value = {"wide": [[]] * 500, "objects": [{}] * 500, "text": "[{" * 500}
    assert parse(dumped(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_survive_exactly(number: float) -> None:
    found = parse(dumped([number]))[0]
    assert found == number
    assert math.copysign(1, found) == math.copysign(1, number)
