"""The catalog, the state and the configuration of the tap: what they select, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import ConfigError
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.tap.catalog import airbyte_catalog, airbyte_selection, singer_catalog, singer_selection
from collector.warehouse.tap.config import KEYS, config_schema, read_config
from collector.warehouse.tap.state import next_version, read_state

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def catalog(change: dict[str, Any] | None = None, *, stream: str = CONNECTIONS) -> bytes:
    """The catalog of --discover; `change` updates the metadata of one stream, by the name of a field or "" for it."""
    found: Any = singer_catalog()
    entry = next(each for each in found["streams"] if each["stream"] == stream)
    for each in entry["metadata"]:
        each["metadata"].update((change or {}).get(each["breadcrumb"][-1] if each["breadcrumb"] else "", {}))
    return json.dumps(found).encode()


def names(content: bytes, tables: tuple[str, ...] = ()) -> list[str]:
    return [stream.name for stream in singer_selection(content, "catalog.json", tables)]


def test_the_discovered_catalog_selects_connections_and_the_configured_side_tables() -> None:
    assert names(catalog()) == ["connections"]
    assert names(catalog(), ("policies",)) == ["connections", "policies"]
    assert names(json.dumps(singer_catalog(["users"])).encode()) == ["connections", "users"]


def test_a_catalog_selects_a_side_table_and_deselects_a_configured_one() -> None:
    assert names(catalog({"": {"selected": True}}, stream="users")) == ["connections", "users"]
    assert names(catalog({"": {"selected": False}}, stream="users"), ("users",)) == ["connections"]


def test_fields_are_deselected_but_the_key_never() -> None:
    changed = catalog({"configuration": {"selected": False}, "id": {"selected": False}, "name": {"selected": True}})
    [stream] = singer_selection(changed, "catalog.json")
    columns = [column.name for column in TABLES[CONNECTIONS].columns]
    assert stream.fields == tuple(name for name in columns if name != "configuration")


def test_a_field_that_is_not_selected_by_default_is_emitted_only_if_it_is_selected() -> None:
    rare = {"selected-by-default": False}
    changed = catalog({"configuration": rare, "extra": {**rare, "selected": True}, "id": rare})
    [stream] = singer_selection(changed, "catalog.json")
    columns = [column.name for column in TABLES[CONNECTIONS].columns]
    assert stream.fields == tuple(name for name in columns if name != "configuration")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (catalog({"": {"selected": False}}), "does not select connections"),
        (catalog({"": {"replication-method": "INCREMENTAL"}}), "set FULL_TABLE"),
        (b'{"streams":[{"stream":"conections","selected":true}]}', "did you mean connections"),
        (b'{"streams":[{"stream":"connections","metadata":[{}]}]}', "invalid metadata"),
        (catalog({"": {"selected": "false"}}), "selected in the stream connections must be true or false"),
        (catalog({"name": {"selected": "false"}}), "selected in the stream connections must be true or false"),
        (b'{"streams":[5]}', "without a list of streams"),
        (b"[]", "without a list of streams"),
        (b"{", "not JSON"),
    ],
)
def test_a_wrong_catalog_is_refused_with_advice(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        singer_selection(content, "catalog.json")


def configured(name: str, mode: str = "full_refresh") -> bytes:
    streams = {each["name"]: each for each in airbyte_catalog()}
    both = [{"stream": streams[each], "sync_mode": mode, "destination_sync_mode": "overwrite"} for each in (name,)]
    return json.dumps({"streams": both}).encode()


def test_a_configured_airbyte_catalog_selects_streams() -> None:
    assert [stream.name for stream in airbyte_selection(configured("connections"), "c.json")] == ["connections"]
    with pytest.raises(ConfigError, match="does not select connections"):
        airbyte_selection(configured("users"), "c.json")
    with pytest.raises(ConfigError, match="set full_refresh"):
        airbyte_selection(configured("connections", "incremental"), "c.json")


def test_the_states_of_both_protocols_are_read() -> None:
    bookmark = {"version": 7}
    assert read_state(json.dumps({"bookmarks": {"connections": bookmark}}).encode(), "s") == {
        "bookmarks": {"connections": bookmark}
    }
    stream = {"stream_descriptor": {"name": "connections"}, "stream_state": bookmark}
    assert read_state(json.dumps([{"type": "STREAM", "stream": stream}]).encode(), "s") == {
        "bookmarks": {"connections": bookmark}
    }
    assert read_state(b"\n", "s") == {}


def test_a_whole_state_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="pass only its value"):
        read_state(b'{"type":"STATE","value":{"bookmarks":{}}}', "s")


def problem_of(read: Callable[[bytes, str], Any], value: Any) -> str:
    """The message that refuses the value; empty if it is read."""
    try:
        read(json.dumps(value).encode(), "f.json")
    except ConfigError as error:
        return str(error)
    return ""


@given(JSON)
def test_any_state_is_read_or_refused_in_plain_words(value: Any) -> None:
    if problem := problem_of(read_state, value):
        assert problem.startswith("--state f.json: ")
    else:
        assert next_version(read_state(json.dumps(value).encode(), "f.json"), ["connections"], 5) >= 5


ENTRIES = st.fixed_dictionaries(
    {"stream": st.sampled_from(list(TABLES)) | JSON},
    optional={
        "metadata": JSON | st.lists(st.fixed_dictionaries({"breadcrumb": JSON, "metadata": JSON})),
        "schema": JSON,
    },
)


@given(JSON | st.fixed_dictionaries({"streams": st.lists(ENTRIES)}))
def test_any_catalog_is_read_or_refused_in_plain_words(value: Any) -> None:
    for select in (singer_selection, airbyte_selection):
        if problem := problem_of(select, value):
            assert problem.startswith("--catalog f.json: ")
        else:
            assert select(json.dumps(value).encode(), "f.json")[0].name == CONNECTIONS


@given(JSON | st.dictionaries(st.sampled_from([key.name for key in KEYS]), JSON))
def test_any_configuration_is_read_or_refused_in_plain_words(value: Any) -> None:
    if problem := problem_of(read_config, value):
        assert problem.startswith("--config f.json: ")
    else:
        assert None not in read_config(json.dumps(value).encode(), "f.json").values()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"api_kee":"SECRET"}', "did you mean api_key"),
        (b'{"rate":"SECRET"}', "rate has another type; give: number"),
        (b'{"ids":[]}', "ids is empty; remove it"),
        (b'{"ids":[1]}', "ids has another type; give: array of texts"),
        (b'{"api_key":"SECRET","key_file":"x"}', "several sources of the key"),
        (b'{"api_key":"SECRET"', "not JSON"),
        (b'["SECRET"]', "not a JSON object"),
    ],
)
def test_a_wrong_configuration_is_refused_without_showing_a_value(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        read_config(content, "config.json")
    assert "SECRET" not in str(refusal.value)


def test_the_schema_marks_the_key_as_a_secret_and_allows_no_other_keys() -> None:
    schema = config_schema()
    assert [name for name, each in schema["properties"].items() if each.get("airbyte_secret")] == ["api_key"]
    assert schema["additionalProperties"] is False
