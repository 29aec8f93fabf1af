"""Is this line a record of schema 1?"""

from __future__ import annotations

import json
from itertools import islice, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.ids import canonical_id
from collector.model.record import FIELDS, Record
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize
from collector.redaction.redactor import Redactor
from collector.snapshot.lines import BadLine, encode, read_record
from tests.polytomic.test_normalize import AT, ID, NEVER_NULL, RUN, TYPES, anything, connections, record_of
from tests.support.scripted_server import connection

RECORD: Record = normalize(
    read_data(connection(ID, rate_limit={"reason": "quota"})), ID, Redactor(), collected_at=AT, run_id=RUN
)[0]
LINE = encode(RECORD).removesuffix(b"\n")
MARK = "hunter2"
OF_EVERY_KIND = [None, True, False, 7, 7.5, MARK, [], [MARK], {}, {MARK: MARK}]


def line_of(record: Record) -> bytes:
    return json.dumps(record).encode()


def reason_of(line: bytes) -> str:
    """Why a line is no record; asked twice, since the shape of lines is remembered."""
    with pytest.raises(BadLine) as caught:
        read_record(line)
    with pytest.raises(BadLine) as again:
        read_record(line)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


def as_read(value: Any) -> Any:
    """The same with floats in place of integers that do not fit 64 bits."""
    if isinstance(value, dict):
        return {key: as_read(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_read(inner) for inner in value]
    return float(value) if type(value) is int and not -(2**63) <= value < 2**64 else value


def is_allowed(key: str, value: Any) -> bool:
    if key == "api_calls_last_24_hours" and type(value) is float:  # an integer of more than 64 bits
        return True
    return type(value) is TYPES.get(key, str) or (value is None and key not in NEVER_NULL)


@given(connections)
def test_every_record_that_is_made_and_written_is_read_back(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    assert read_record(encode(record).removesuffix(b"\n")) == as_read(record)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [18, 19, 20, 21, 308, 309, 310, 4300])
@pytest.mark.parametrize("field", ["configuration", "rate_limit", "unknown", "type"])
def test_a_record_with_an_integer_of_any_length_is_read_back(field: str, digits: int, sign: int) -> None:
    record = record_of({field: {"n": sign * int("9" * digits), "text": "9" * digits}, "name": "Ä"})
    found = read_record(encode(record).removesuffix(b"\n"))
    assert list(found) == list(record)
    assert (found["id"], found["name"], found["_run_id"]) == (ID, "Ä", RUN)


@pytest.mark.parametrize("digits", [20, 310, 4300])
def test_so_is_one_with_such_a_number_of_calls(digits: int) -> None:
    record = record_of({"api_calls_last_24_hours": int("9" * digits)})
    assert read_record(encode(record).removesuffix(b"\n"))["id"] == ID


@pytest.mark.parametrize("key", FIELDS)
def test_a_key_that_is_missing_is_named(key: str) -> None:
    assert reason_of(line_of({other: value for other, value in RECORD.items() if other != key})) == f"missing key {key}"


@pytest.mark.parametrize("key", FIELDS)
def test_a_value_of_another_type_is_refused_with_its_key(key: str) -> None:
    for value in OF_EVERY_KIND:
        if not is_allowed(key, value):
            assert reason_of(line_of({**RECORD, key: value})) == f"{key} is of type {type(value).__name__}"


@pytest.mark.parametrize("key", sorted(set(FIELDS) - {"id", "_collected_at", "_schema"}))
def test_a_value_of_a_type_that_a_record_may_have_is_taken(key: str) -> None:
    for value in OF_EVERY_KIND:
        if is_allowed(key, value):
            assert read_record(line_of({**RECORD, key: value})) == {**RECORD, key: value}


def test_a_key_that_no_record_has_is_refused() -> None:
    assert reason_of(line_of({**RECORD, MARK: 1})) == "an unknown key"


def test_a_key_in_place_of_another_is_refused() -> None:
    renamed = {("Name" if key == "name" else key): value for key, value in RECORD.items()}
    assert reason_of(line_of(renamed)) == "missing key name"


@pytest.mark.parametrize("schema", [0, 2, -1, 424242, 2**64 - 1])
def test_another_schema_is_refused(schema: int) -> None:
    assert "schema" in reason_of(line_of({**RECORD, "_schema": schema}))


@pytest.mark.parametrize("value", [True, False, 1.0, 2**64, "1", None])
def test_the_schema_is_an_integer_and_no_boolean(value: Any) -> None:
    assert reason_of(line_of({**RECORD, "_schema": value})).startswith("_schema is of type ")


@pytest.mark.parametrize("one", ["", MARK, ID.upper(), f"{ID} ", f"{{{ID}}}", ID.replace("-", ""), ID[:-1] + "٣"])
def test_an_id_that_is_not_in_its_canonical_form_is_refused(one: str) -> None:
    assert reason_of(line_of({**RECORD, "id": one})) == "invalid id"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "nan", "1e999"])
@pytest.mark.parametrize("key", ["api_calls_last_24_hours", "_schema", "name"])
def test_a_number_that_is_none_in_json_is_refused(number: str, key: str) -> None:
    whole = line_of({**RECORD, key: MARK * 3}).replace(f'"{MARK * 3}"'.encode(), number.encode())
    assert number.encode() in whole
    reason_of(whole)


def test_a_line_cut_short_anywhere_is_refused() -> None:
    assert read_record(LINE) == RECORD
    for length in range(len(LINE)):
        reason_of(LINE[:length])


def test_a_line_without_its_beginning_is_refused() -> None:
    for length in range(1, len(LINE)):
        reason_of(LINE[length:])


def test_an_empty_line_is_said_to_be_one() -> None:
    assert reason_of(b"") == "an empty line"


@pytest.mark.parametrize(
    "around", [b" ", b"\t", b"\r", b"\n", b"\0", b"\xef\xbb\xbf", b"\x0b", b"\xc2\xa0", b",", b"{}"]
)
def test_whatever_stands_around_a_record_makes_it_none(around: bytes) -> None:
    reason_of(around + LINE)
    reason_of(LINE + around)
    reason_of(around)


@pytest.mark.parametrize(
    "line",
    [
        b"[" + LINE + b"]",
        b'"' + LINE + b'"',
        b"null",
        b"{}",
        b"{" * 5000 + b"}" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        LINE + LINE,
        LINE.replace(b"Warehouse", b"Ware\xffhouse"),
        LINE.replace(b"Warehouse", b"Ware\xc3"),
        LINE.replace(b"Warehouse", b"Ware\0house"),
        LINE.replace(b"Warehouse", rb"Ware\ud800house"),
        LINE.replace(b"Warehouse", b"Ware\nhouse"),
        LINE.replace(b'"', b"'"),
    ],
)
def test_what_is_no_json_object_of_these_keys_is_refused(line: bytes) -> None:
    reason_of(line)


@pytest.mark.parametrize(
    "line",
    [
        line_of({**RECORD, "saved": MARK}),
        line_of({**RECORD, MARK: MARK}),
        line_of({**RECORD, "id": MARK}),
        line_of({**RECORD, "_schema": 424242}),
        LINE.replace(b"Warehouse", MARK.encode() + b"\xff"),
        LINE.replace(b"Warehouse", MARK.encode() + rb"\ud800"),
        LINE.replace(b'"Warehouse"', MARK.encode()),
        LINE.replace(b'"Warehouse"', b"424242424242" * 100),
        LINE.replace(b'"Warehouse"', b"42424.2hunter2"),
        MARK.encode(),
        line_of({MARK: MARK, **RECORD})[:-1],
        line_of({MARK: MARK, **RECORD})[:-1] + b",}",
        LINE + MARK.encode(),
        LINE.replace(b'"name"', MARK.encode()),
    ],
)
def test_the_reason_quotes_nothing_of_the_line(line: bytes) -> None:
    reason = reason_of(line)
    assert MARK not in reason
    assert "4242" not in reason
    assert "\n" not in reason


def test_the_order_of_keys_does_not_matter_however_many_orders_were_seen() -> None:
    for order in islice(permutations(FIELDS), 2000):
        assert read_record(line_of({key: RECORD[key] for key in order})) == RECORD
        reason_of(line_of({**{key: RECORD[key] for key in order}, "saved": 1}))


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_any_other_bytes_are_a_bad_line_and_nothing_else(line: bytes) -> None:
    reason_of(line)


@given(st.integers(0, len(LINE)), st.integers(0, 20), st.binary(max_size=20))
def test_a_damaged_line_is_a_bad_line_or_a_record_and_nothing_else(at: int, gone: int, instead: bytes) -> None:
    try:
        record = read_record(LINE[:at] + instead + LINE[at + gone :])
    except BadLine:
        return
    assert set(record) == set(FIELDS)
    assert canonical_id(record["id"]) == record["id"]
    assert all(is_allowed(key, value) for key, value in record.items())


@pytest.mark.parametrize("moment", ["", "today", "2024-01-15T09:30:00Z", "2024-01-15T09:30:00.000000+00:00"])
def test_a_record_was_collected_at_a_time_in_utc(moment: str) -> None:
    assert reason_of(line_of({**RECORD, "_collected_at": moment})) == "_collected_at is not a UTC time"
