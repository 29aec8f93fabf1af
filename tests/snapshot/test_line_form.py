"""The form of lines: records and rows as each form writes them, and lines in another form than the stated one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from collector.model.ids import canonical_id
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record import Record
from collector.model.record_form import ConfigurationAs, RecordForm, Timestamps
from collector.model.side_tables import SIDE_TABLES
from collector.snapshot.lines import (
    InvalidLine,
    encode,
    encode_as,
    encode_outcome,
    read_record,
    read_row,
    tally_entry_of_line,
)
from tests.polytomic.test_normalize import AT, ID, connections, record_of
from tests.polytomic.test_rows import normalized

STRING, OBJECT = ConfigurationAs.STRING, ConfigurationAs.OBJECT


def line_as(form: ConfigurationAs, record: Record) -> bytes:
    return encode_as(form, record).removesuffix(b"\n")


@given(connections)
def test_a_configuration_as_text_is_that_of_the_object_and_is_read_like_it(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    as_text, as_object = line_as(STRING, record), line_as(OBJECT, record)
    text = json.loads(as_text)["configuration"]
    if record["configuration"] is None:
        assert text is None
    else:
        assert f'"configuration":{text},"extra":'.encode() in as_object
    assert read_record(as_text) == read_record(as_object)
    assert tally_entry_of_line(as_text, read_record(as_text)) == tally_entry_of_line(as_object, read_record(as_object))


@pytest.mark.parametrize("digits", [20, 400])
@pytest.mark.parametrize("field", ["configuration", "unknown"])
def test_the_text_of_a_configuration_keeps_huge_integers(field: str, digits: int) -> None:
    """A line with such an integer is written by another encoder, with another notation of floats."""
    number = int("9" * digits)
    record = record_of({"configuration": {"x": 1e20}, field: {"n": number, "x": 1e20}})
    as_object = line_as(OBJECT, record)
    assert f'"configuration":{json.loads(line_as(STRING, record))["configuration"]},'.encode() in as_object
    assert str(number).encode() in line_as(STRING, record)


def test_masks_and_nul_characters_are_found_in_the_text() -> None:
    record = record_of({"configuration": {"password": "p", "a.b": ["x\0", "\u2028"]}})
    line = line_as(STRING, record)
    entry = tally_entry_of_line(line, read_record(line))
    assert [each.path for each in entry.redactions] == ["configuration.password"]
    assert entry.nuls == ("configuration.a.b[]",)
    assert line.isascii()


@pytest.mark.parametrize("text", ["hunter2", "[]", "null", "1", "", "{", '{"a":1} x'])
def test_text_that_is_not_the_json_of_an_object_is_rejected_and_not_quoted(text: str) -> None:
    with pytest.raises(InvalidLine, match="configuration is text, but not the JSON of an object") as caught:
        read_record(encode({**record_of({}), "configuration": text}).removesuffix(b"\n"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("stated", "written", "connection", "problem"),
    [
        (RecordForm(), STRING, {"configuration": {}}, "configuration is of type str, but its manifest states object"),
        (
            *(RecordForm(configuration_as=STRING), OBJECT, {"configuration": {}}),
            "configuration is of type dict, but its manifest states string",
        ),
        (
            *(RecordForm(timestamps=Timestamps.STRICT), OBJECT, {"created_at": "soon"}),
            "created_at is not RFC 3339, but its manifest states strict timestamps",
        ),
        (RecordForm(max_bytes=900), OBJECT, {"name": "x" * 900}, "bytes, but its manifest states max_record_bytes 900"),
    ],
)
def test_a_record_in_another_form_than_the_stated_one_is_rejected(
    stated: RecordForm, written: ConfigurationAs, connection: dict[str, Any], problem: str
) -> None:
    line = line_as(written, record_of(connection))
    assert canonical_id(read_record(line)["id"]) == ID
    with pytest.raises(InvalidLine, match=problem):
        read_record(line, stated)
    assert read_record(line_as(stated.configuration_as, record_of({})), stated)["configuration"] is None


def test_a_row_in_another_form_than_the_stated_one_is_rejected() -> None:
    row = normalized(SIDE_TABLES["models"], {"id": ID, "configuration": {"a": 1}, "created_at": "soon"})
    assert row is not None
    assert read_row(encode_as(STRING, row.row)[:-1], "models", RecordForm(configuration_as=STRING)) == row.row
    with pytest.raises(InvalidLine, match="configuration is of type str"):
        read_row(encode_as(STRING, row.row)[:-1], "models", RecordForm())
    with pytest.raises(InvalidLine, match="created_at is not RFC 3339"):
        read_row(encode_as(OBJECT, row.row)[:-1], "models", RecordForm(timestamps=Timestamps.STRICT))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 1}, "name is of type int"),
        ({"policies": [1]}, "an array contains a value that is not text"),
        ({"id": None}, "id is of type NoneType"),
        ({"_schema": 2, "added": 1}, "its schema is that of a later version of collector"),
        ({"added": 1}, "not a row of models"),
    ],
)
def test_a_row_with_other_types_or_keys_is_rejected(change: dict[str, Any], problem: str) -> None:
    found = normalized(SIDE_TABLES["models"], {"id": ID})
    assert found is not None
    assert read_row(encode(found.row)[:-1], "models") == found.row
    with pytest.raises(InvalidLine, match=problem):
        read_row(encode({**found.row, **change})[:-1], "models")


def outcome(record: Record) -> Outcome:
    return Outcome(ID, OutcomeKind.OK, 2, AT, record, 200, retried_s=1.5)


@pytest.mark.parametrize("configuration_as", ConfigurationAs)
def test_a_record_at_the_limit_is_kept_and_a_longer_one_is_too_large(configuration_as: ConfigurationAs) -> None:
    found = outcome(record_of({"configuration": {"note": '"' * 50}}))
    size = len(line_as(configuration_as, found.record or {}))
    for limit in (0, size):
        assert encode_outcome(found, RecordForm(limit, configuration_as)).outcome is found
    failed, line = encode_outcome(found, RecordForm(size - 1, configuration_as))
    assert (failed.kind, failed.record, failed.attempts, failed.http_status) == (OutcomeKind.TOO_LARGE, None, 2, 200)
    assert line == b""
    assert f"{size} bytes, more than the {size - 1} of --max-record-bytes" in str(failed.error)
