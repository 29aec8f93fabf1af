"""The messages of the tap: every line becomes one message with the same values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.snapshot.lines import encode
from collector.snapshot.sinks.resume import RunHeader
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType, Table
from collector.warehouse.tap.airbyte_messages import AirbyteFraming
from collector.warehouse.tap.singer_messages import SingerFraming
from collector.warehouse.tap.stream_lines import collected_at, milliseconds
from collector.warehouse.tap.streams import Stream
from tests.support.singer_oracle import check_singer

HEADER = RunHeader("20261128T090710Z-c0d66fc3", "2026-11-28T09:07:10.225000Z", "", "http://x", "2025-09-18", 1)
STARTED = 1795856830225
AT = "2026-11-28T09:07:11.307267Z"
NOW = 1795856840.5

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("_collected_at"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["_collected_at", "api_calls_last_24_hours"]), VALUES, max_size=4)
OF_TYPE: dict[ColumnType, st.SearchStrategy[Any]] = {
    ColumnType.TEXT: TEXT,
    ColumnType.TIMESTAMP: st.just("2026-01-02T03:04:05.000006Z"),
    ColumnType.BOOLEAN: st.booleans(),
    ColumnType.BIGINT: st.integers(-(2**63), 2**63 - 1),
    ColumnType.TEXTS: st.lists(TEXT, max_size=3),
}


def rows_of(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """Rows whose values fit their columns."""
    columns: dict[str, st.SearchStrategy[Any]] = {}
    for column in table.columns:
        values = OF_TYPE.get(column.type, st.lists(VALUES, max_size=3) if column.is_json_array else OBJECTS)
        columns[column.name] = values | st.none() if column.is_nullable else values
    drawn = st.fixed_dictionaries(columns | {"_collected_at": st.just(AT)})
    return drawn.map(lambda row: {column.name: row[column.name] for column in table.columns})


def manifest(exit_code: int, **tables: tuple[str, int]) -> bytes:
    """The manifest of a run; `tables` are the status and the skipped connections of side tables."""
    files = [{"table": name, "status": status, "skipped": skipped} for name, (status, skipped) in tables.items()]
    facts = {"exit_code": exit_code, "finished_at": "2026-11-28T09:08:00.000000Z", "files": [{"path": "-"}, *files]}
    return json.dumps(facts).encode()


def singer(*streams: Stream, state: dict[str, Any] | None = None, covers_all: bool = True) -> SingerFraming:
    return SingerFraming(streams or [Stream(TABLES[CONNECTIONS])], state or {}, covers_all=covers_all)


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
def test_a_line_becomes_one_singer_and_one_airbyte_message_with_the_same_values(name: str, data: st.DataObject) -> None:
    table = TABLES[name]
    row = data.draw(rows_of(table))
    line = encode(row)
    framing = singer(Stream(TABLES[CONNECTIONS]), Stream(table))
    out = framing.begin(HEADER) + framing.row(name, line)
    assert check_singer(out).records[name] == [json.loads(line)] == [row]
    message = json.loads(out.splitlines()[-1])
    assert (message["time_extracted"], message["version"]) == (AT, STARTED)
    airbyte = AirbyteFraming([Stream(table)], lambda: NOW)
    status, record, *more = map(json.loads, airbyte.row(name, line).splitlines())
    assert more == []
    assert status["trace"]["stream_status"] == {"stream_descriptor": {"name": name}, "status": "RUNNING"}
    assert record == {"type": "RECORD", "record": {"stream": name, "data": row, "emitted_at": 1795856831307}}
    assert airbyte.row(name, line).count(b"\n") == 1


@given(rows_of(TABLES[CONNECTIONS]), st.sets(st.sampled_from([column.name for column in TABLES[CONNECTIONS].columns])))
def test_only_selected_fields_are_emitted(row: dict[str, Any], fields: set[str]) -> None:
    names = tuple(name for name in row if name in fields | {"id"})
    framing = singer(Stream(TABLES[CONNECTIONS], names))
    out = framing.begin(HEADER) + framing.record(encode(row))
    assert check_singer(out).records[CONNECTIONS] == [{name: row[name] for name in names}]
    assert list(json.loads(out.splitlines()[0])["schema"]["properties"]) == list(names)


@given(rows_of(TABLES[CONNECTIONS]), st.integers(2**63) | st.integers(max_value=-(2**63) - 1))
def test_an_integer_beyond_64_bits_is_null_and_kept_in_extra(row: dict[str, Any], number: int) -> None:
    row["api_calls_last_24_hours"] = number
    framing = singer()
    found = check_singer(framing.begin(HEADER) + framing.record(encode(row))).records[CONNECTIONS][0]
    assert found["api_calls_last_24_hours"] is None
    assert found["extra"] == {"api_calls_last_24_hours": number, **row["extra"]}


def test_a_complete_run_of_all_connections_activates_every_stream_and_ends_with_its_bookmark() -> None:
    framing = singer(Stream(TABLES[CONNECTIONS]), Stream(TABLES["policies"]), state={"other": 1})
    found = check_singer(framing.begin(HEADER) + framing.end(manifest(0)))
    bookmark = {"run_id": HEADER.run_id, "version": STARTED, "completed_at": "2026-11-28T09:08:00.000000Z"}
    assert found.state == {"other": 1, "bookmarks": {"connections": bookmark, "policies": bookmark}}
    assert found.active == {"connections", "policies"}
    assert found.kinds == ["SCHEMA", "SCHEMA", "STATE", "ACTIVATE_VERSION", "ACTIVATE_VERSION", "STATE"]


@pytest.mark.parametrize(("exit_code", "covers_all"), [(3, True), (143, True), (0, False)])
def test_any_other_run_activates_nothing_and_ends_with_the_state_it_was_given(exit_code: int, covers_all: bool) -> None:
    state = {"bookmarks": {"connections": {"version": 5}}}
    framing = singer(state=state, covers_all=covers_all)
    found = check_singer(framing.begin(HEADER) + framing.end(manifest(exit_code)))
    assert (found.active, found.state) == (set(), state)


UNREAD = {"policies": ("unavailable", 0), "users": ("complete", 0), "usage": ("complete", 3)}


def test_a_side_table_that_the_key_could_not_read_is_not_activated() -> None:
    old = {"connections": {"version": 5}, "usage": {"version": 5}}
    framing = singer(*(Stream(TABLES[name]) for name in (CONNECTIONS, *UNREAD)), state={"bookmarks": old})
    found = check_singer(framing.begin(HEADER) + framing.end(manifest(0, **UNREAD)))
    assert found.active == {"connections", "users"}
    assert found.state is not None
    assert found.state["bookmarks"]["usage"] == {"version": 5}
    assert found.state["bookmarks"].keys() == {"connections", "users", "usage"}


def test_an_airbyte_stream_that_the_key_could_not_read_is_incomplete() -> None:
    framing = AirbyteFraming([Stream(TABLES[name]) for name in (CONNECTIONS, *UNREAD)], lambda: NOW)
    *messages, error = framing.end(manifest(0, **UNREAD)).splitlines(keepends=True)
    ends = ["COMPLETE", "INCOMPLETE", "COMPLETE", "INCOMPLETE"]
    assert statuses(b"".join(messages)) == ["STATE", "STATE", *ends]
    assert "every row of policies, usage;" in json.loads(error)["trace"]["error"]["message"]


def test_a_version_that_is_not_of_this_tap_is_ignored() -> None:
    framing = singer(state={"bookmarks": {"connections": {"version": 10**23}}})
    framing.begin(HEADER)
    assert json.loads(framing.end(manifest(0)).splitlines()[0])["version"] == STARTED


def test_the_version_exceeds_the_last_one_although_the_clock_was_set_back() -> None:
    framing = singer(state={"bookmarks": {"connections": {"version": STARTED + 1000}}})
    framing.begin(HEADER)
    assert json.loads(framing.end(manifest(0)).splitlines()[0])["version"] == STARTED + 1001


def statuses(messages: bytes) -> list[str]:
    return [
        message["trace"]["stream_status"]["status"] if message["type"] == "TRACE" else message["type"]
        for message in map(json.loads, messages.splitlines())
    ]


def test_an_airbyte_stream_is_complete_only_after_a_complete_run() -> None:
    framing = AirbyteFraming([Stream(TABLES[CONNECTIONS]), Stream(TABLES["policies"])], lambda: NOW)
    assert statuses(framing.begin(HEADER)) == ["STARTED", "STARTED"]
    assert statuses(framing.end(manifest(0))) == ["STATE", "STATE", "COMPLETE", "COMPLETE"]
    assert statuses(framing.end(manifest(143))) == ["INCOMPLETE", "INCOMPLETE"]
    *_, partial = map(json.loads, framing.end(manifest(3)).splitlines())
    assert partial["trace"]["error"]["failure_type"] == "system_error"


def test_the_time_of_a_line_is_that_of_its_column_and_not_of_a_nested_value() -> None:
    line = encode({"extra": {"_collected_at": "nested"}, "_collected_at": AT, "_run_id": '"_collected_at":"x'})
    assert collected_at(line) == AT
    assert milliseconds(AT) == 1795856831307
