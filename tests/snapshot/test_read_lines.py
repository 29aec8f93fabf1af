"""Decoding of a line as a record of schema 1."""

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
from collector.snapshot import line_types
from collector.snapshot.lines import InvalidLine, encode, read_record
from tests.polytomic.test_normalize import AT, ID, NEVER_NULL, RUN, TYPES, anything, connections, record_of
from tests.support.scripted_server import connection

RECORD: Record = normalize(
    read_data(connection(ID, rate_limit={"reason": "quota"})), ID, Redactor(), collected_at=AT, run_id=RUN
)[0]
LINE = encode(RECORD).removesuffix(b"\n")
SECRET_TEXT = "hunter2"
VALUES_OF_EVERY_TYPE = [None, True, False, 7, 7.5, SECRET_TEXT, [], [SECRET_TEXT], {}, {SECRET_TEXT: SECRET_TEXT}]


def line_of(record: Record) -> bytes:
    return json.dumps(record).encode()


def reason_of(line: bytes) -> str:
    """The reason why a line is not a record. Decodes it twice, because the shapes of lines are cached."""
    with pytest.raises(InvalidLine) as caught:
        read_record(line)
    with pytest.raises(InvalidLine) as again:
        read_record(line)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


def is_allowed(key: str, value: Any) -> bool:
    return type(value) is TYPES.get(key, str) or (value is None and key not in NEVER_NULL)


@given(connections)
def test_every_encoded_record_is_decoded(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    assert read_record(encode(record).removesuffix(b"\n")) == record


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [18, 19, 20, 21, 308, 309, 310, 4300])
@pytest.mark.parametrize("field", ["configuration", "rate_limit", "unknown", "type"])
def test_a_record_with_an_integer_of_any_length_is_decoded(field: str, digits: int, sign: int) -> None:
    record = record_of({field: {"n": sign * int("9" * digits), "text": "9" * digits}, "name": "Ä"})
    found = read_record(encode(record).removesuffix(b"\n"))
    assert list(found) == list(record)
    assert found == record


@pytest.mark.parametrize("digits", [20, 310, 4300])
def test_a_record_with_a_huge_number_of_calls_is_decoded(digits: int) -> None:
    record = record_of({"api_calls_last_24_hours": int("9" * digits)})
    assert read_record(encode(record).removesuffix(b"\n")) == record


@pytest.mark.parametrize("key", FIELDS)
def test_the_reason_names_a_missing_key(key: str) -> None:
    assert reason_of(line_of({other: value for other, value in RECORD.items() if other != key})) == f"missing key {key}"


@pytest.mark.parametrize("key", FIELDS)
def test_the_reason_names_the_key_of_a_value_of_another_type(key: str) -> None:
    for value in VALUES_OF_EVERY_TYPE:
        if not is_allowed(key, value) and (key, type(value)) != ("configuration", str):  # see test_line_form
            assert reason_of(line_of({**RECORD, key: value})) == f"{key} is of type {type(value).__name__}"


@pytest.mark.parametrize("key", sorted(set(FIELDS) - {"id", "_collected_at", "_schema"}))
def test_a_value_of_every_allowed_type_is_accepted(key: str) -> None:
    for value in VALUES_OF_EVERY_TYPE:
        if is_allowed(key, value):
            assert read_record(line_of({**RECORD, key: value})) == {**RECORD, key: value}


def test_an_unknown_key_is_rejected() -> None:
    assert reason_of(line_of({**RECORD, SECRET_TEXT: 1})) == "an unknown key"


def test_a_renamed_key_is_rejected() -> None:
    renamed = {("Name" if key == "name" else key): value for key, value in RECORD.items()}
    assert reason_of(line_of(renamed)) == "missing key name"


@pytest.mark.parametrize("schema", [0, 2, -1, 424242, 2**64 - 1])
def test_another_schema_is_rejected(schema: int) -> None:
    assert "schema" in reason_of(line_of({**RECORD, "_schema": schema}))


def test_the_reason_names_a_later_schema_although_its_keys_are_unknown() -> None:
    reason = reason_of(line_of({**RECORD, "_schema": 2, "added": 1}))
    assert reason.startswith("its schema is that of a later version of collector")


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None])
def test_the_schema_is_an_integer_and_not_a_boolean(value: Any) -> None:
    assert reason_of(line_of({**RECORD, "_schema": value})).startswith("_schema is of type ")


@pytest.mark.parametrize(
    "connection_id", ["", SECRET_TEXT, ID.upper(), f"{ID} ", f"{{{ID}}}", ID.replace("-", ""), ID[:-1] + "٣"]
)
def test_an_id_that_is_not_canonical_is_rejected(connection_id: str) -> None:
    assert reason_of(line_of({**RECORD, "id": connection_id})) == "invalid id"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "nan", "1e999"])
@pytest.mark.parametrize("key", ["api_calls_last_24_hours", "_schema", "name"])
def test_a_number_that_json_does_not_allow_is_rejected(number: str, key: str) -> None:
    line = line_of({**RECORD, key: SECRET_TEXT * 3}).replace(f'"{SECRET_TEXT * 3}"'.encode(), number.encode())
    assert number.encode() in line
    reason_of(line)


def test_a_truncated_line_is_rejected() -> None:
    assert read_record(LINE) == RECORD
    for length in range(len(LINE)):
        reason_of(LINE[:length])


def test_a_line_without_its_beginning_is_rejected() -> None:
    for length in range(1, len(LINE)):
        reason_of(LINE[length:])


def test_the_reason_names_an_empty_line() -> None:
    assert reason_of(b"") == "an empty line"


@pytest.mark.parametrize(
    "around", [b" ", b"\t", b"\r", b"\n", b"\0", b"\xef\xbb\xbf", b"\x0b", b"\xc2\xa0", b",", b"{}"]
)
def test_any_bytes_around_a_record_make_the_line_invalid(around: bytes) -> None:
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
def test_a_line_that_is_not_a_json_object_with_these_keys_is_rejected(line: bytes) -> None:
    reason_of(line)


@pytest.mark.parametrize(
    "line",
    [
        line_of({**RECORD, "saved": SECRET_TEXT}),
        line_of({**RECORD, SECRET_TEXT: SECRET_TEXT}),
        line_of({**RECORD, "id": SECRET_TEXT}),
        line_of({**RECORD, "_schema": 424242}),
        LINE.replace(b"Warehouse", SECRET_TEXT.encode() + b"\xff"),
        LINE.replace(b"Warehouse", SECRET_TEXT.encode() + rb"\ud800"),
        LINE.replace(b'"Warehouse"', SECRET_TEXT.encode()),
        LINE.replace(b'"Warehouse"', b"424242424242" * 100),
        LINE.replace(b'"Warehouse"', b"42424.2hunter2"),
        SECRET_TEXT.encode(),
        line_of({SECRET_TEXT: SECRET_TEXT, **RECORD})[:-1],
        line_of({SECRET_TEXT: SECRET_TEXT, **RECORD})[:-1] + b",}",
        LINE + SECRET_TEXT.encode(),
        LINE.replace(b'"name"', SECRET_TEXT.encode()),
    ],
)
def test_the_reason_does_not_quote_the_line(line: bytes) -> None:
    reason = reason_of(line)
    assert SECRET_TEXT not in reason
    assert "4242" not in reason
    assert "\n" not in reason


def test_the_order_of_keys_does_not_matter_even_if_it_exceeds_the_cache() -> None:
    for order in islice(permutations(FIELDS), 2000):
        assert read_record(line_of({key: RECORD[key] for key in order})) == RECORD
        reason_of(line_of({**{key: RECORD[key] for key in order}, "saved": 1}))


@given(st.binary() | anything.map(json.dumps).map(str.encode))
def test_any_other_bytes_raise_only_bad_line(line: bytes) -> None:
    reason_of(line)


@given(st.integers(0, len(LINE)), st.integers(0, 20), st.binary(max_size=20))
def test_a_corrupt_line_is_a_bad_line_or_a_record(start: int, length: int, replacement: bytes) -> None:
    try:
        record = read_record(LINE[:start] + replacement + LINE[start + length :])
    except InvalidLine:
        return
    assert set(record) == set(FIELDS)
    assert canonical_id(record["id"]) == record["id"]
    assert all(is_allowed(key, value) for key, value in record.items())


@pytest.mark.parametrize("timestamp", ["", "today", "2024-01-15T09:30:00Z", "2024-01-15T09:30:00.000000+00:00"])
def test_a_collection_time_that_is_not_utc_is_rejected(timestamp: str) -> None:
    assert reason_of(line_of({**RECORD, "_collected_at": timestamp})) == "_collected_at is not a UTC time"


def test_the_shape_of_many_records_is_checked_once() -> None:
    read_record(LINE)
    before = line_types._problem.cache_info()
    for _ in range(3):
        read_record(LINE)
    after = line_types._problem.cache_info()
    assert (after.hits - before.hits, after.misses) == (3, before.misses)
