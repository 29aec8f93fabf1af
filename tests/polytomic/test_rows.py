"""One item of the API → one row of a side table."""

from __future__ import annotations

import copy
import json
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload
from collector.model.record import JSON_TYPES, sent_times
from collector.model.record_form import Timestamps
from collector.model.secret import REDACTED
from collector.model.side_tables import SHARED, SIDE_TABLES, Row, SideTable
from collector.polytomic.rows import NormalizedRow, RowNormalizer
from collector.redaction.detect.rules import Rules
from collector.redaction.redactor import Redactor
from collector.snapshot.lines import encode
from tests.redaction.test_redaction_corpus import everything_in, leaks
from tests.support.secret_corpus import secret_cases

ID = "248df4b7-aa70-47b8-a036-33ac447e668d"
OTHER = "348df4b7-aa70-47b8-a036-33ac447e668d"
ORGANIZATION = "11111111-1111-4111-8111-111111111111"
AT, RUN = "2026-01-02T03:04:05.000000Z", "run-1"

TABLES = list(SIDE_TABLES.values())
LISTS = [table for table in TABLES if not table.is_per_connection]

texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
ids = st.uuids().map(str) | st.uuids().map(lambda uuid: str(uuid).upper())
times = st.datetimes().map(lambda moment: moment.isoformat() + "Z")


def items_of(table: SideTable) -> st.SearchStrategy[dict[str, Any]]:
    """Items with some of the fields of a table, of any type, and unknown ones; with an id if the table needs one."""
    values = ids | times | anything
    own_id = table.key[0] if table.is_per_connection else ""  # as the reply may repeat it
    sources = {field.source.split(".")[0] for field in table.fields if field.source and field.name != own_id} - {"id"}
    nested = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "name", "type", "connection_id"), values))
    known = st.fixed_dictionaries(
        {} if "id" not in table.key else {"id": ids if table is SHARED else ids | texts.filter(bool)},
        optional=dict.fromkeys(sources, values | nested | st.lists(nested, max_size=2)),
    )
    return st.builds(lambda others, fields: {**others, **fields}, st.dictionaries(texts, anything, max_size=2), known)


def normalized(
    table: SideTable,
    item: Any,
    organization_id: str | None = ORGANIZATION,
    redactor: Redactor | None = None,
    timestamps: Timestamps = Timestamps.KEEP,
) -> NormalizedRow | None:
    rows = RowNormalizer(
        table, redactor or Redactor(), run_id=RUN, organization_id=organization_id, timestamps=timestamps
    )
    return rows.normalize(item, collected_at=AT, connection_id=ID if table.is_per_connection else "")


def row_of(name: str, item: Any, **more: Any) -> Row:
    found = normalized(SIDE_TABLES[name], item, **more)
    assert found is not None
    return found.row


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@given(st.data())
def test_every_item_with_an_id_gives_all_keys_in_order_with_their_type_or_null(
    table: SideTable, data: st.DataObject
) -> None:
    found = normalized(table, data.draw(items_of(table)))
    assert found is not None
    assert list(found.row) == [field.name for field in table.fields]
    for field in table.fields:
        value = found.row[field.name]
        assert type(value) is JSON_TYPES[field.kind] or (value is None and field.is_nullable), field.name
    assert [found.row[key] for key in ("_collected_at", "_run_id", "_schema")] == [AT, RUN, 1]
    assert all(found.key)
    assert all(path.startswith(f"{table.name}.") for path, _ in found.redactions)
    assert encode(found.row).count(b"\n") == 1


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@given(st.data())
def test_a_field_of_an_unexpected_type_stays_in_extra(table: SideTable, data: st.DataObject) -> None:
    fields = [field for field in table.fields if field.source and field.name not in table.key]
    field = data.draw(st.sampled_from([field for field in fields if "." not in (field.source or "")]))
    assert field.source is not None
    odd = data.draw(st.sampled_from([7.5, True, ["a", 1], "text", 3]))
    if type(odd) is JSON_TYPES[field.kind]:
        return
    item = {"id": OTHER} if "id" in table.key else {}
    found = normalized(table, {**item, field.source: odd}, None)
    assert found is not None
    assert found.row[field.name] in (None, [])
    assert found.row["extra"] in ({field.source: odd}, {field.source: REDACTED})


@pytest.mark.parametrize("table", [*LISTS, SHARED], ids=lambda table: table.name)
@pytest.mark.parametrize("item", [5, "text", None, [], {}, {"id": None}, {"id": 7}, {"id": ""}])
def test_an_item_without_an_id_is_not_a_row(table: SideTable, item: Any) -> None:
    assert normalized(table, item) is None


@given(anything)
def test_an_item_of_any_json_never_raises(item: Any) -> None:
    for table in TABLES:
        normalized(table, copy.deepcopy(item))


def test_a_bulk_sync_is_flattened_like_a_record() -> None:
    row = row_of(
        "bulk_syncs",
        {
            "id": OTHER.upper(),
            "organization_id": OTHER.upper(),
            "source_connection_id": ID.upper(),
            "policies": [ID.upper(), "not-an-Id"],
            "created_at": "2024-01-15T09:30:00+01:00",
            "created_by": {"id": ID.upper(), "name": "Ada", "type": "user", "team": "data"},
            "data_cutoff_timestamp": "soon",
            "concurrency_limit": 4,
            "source_configuration": {"password": "p", "schema": "crm"},
            "additional_schedules": [{"frequency": "daily", "token": "abcdefghij1234567890"}],
            "new": 1,
        },
    )
    assert (row["id"], row["organization_id"], row["source_connection_id"]) == (OTHER, OTHER, ID)
    assert row["policies"] == [ID, "not-an-Id"]
    assert row["created_at"] == "2024-01-15T08:30:00.000000Z"
    assert (row["created_by_id"], row["created_by_name"], row["created_by_type"]) == (ID, "Ada", "user")
    assert row["data_cutoff_timestamp"] == "soon"
    assert row["concurrency_limit"] == 4
    assert row["source_configuration"] == {"password": REDACTED, "schema": "crm"}
    assert row["additional_schedules"] == [{"frequency": "daily", "token": REDACTED}]
    assert row["extra"] == {"created_by": {"team": "data"}, "new": 1}


def test_redactions_and_invalid_timestamps_are_counted_below_the_name_of_the_table() -> None:
    item = {
        "id": OTHER,
        "name": "https://user:pass-word-1@host",
        "created_at": "yesterday",
        "configuration": {"password": "p"},
        "fields": [{"name": "a", "api_key": "Tr0ub4dor-fko7"}],
        "enricher": {"connection_id": ID, "configuration": {"token": "t"}},
        "unknown": {"secret": "s"},
    }
    found = normalized(SIDE_TABLES["models"], item)
    assert found is not None
    assert {path for path, _ in found.redactions} == {
        *("models.name", "models.configuration.password", "models.fields[].api_key"),
        *("models.enricher.configuration.token", "models.extra.unknown.secret"),
    }
    assert found.unparsed_timestamps == 1


def test_the_enricher_of_a_model_is_a_column_of_its_own() -> None:
    row = row_of("models", {"id": OTHER, "enricher": {"connection_id": ID.upper(), "mappings": {"email": "email"}}})
    assert row["enricher_connection_id"] == ID
    assert row["enricher"] == {"mappings": {"email": "email"}}


def test_examples_of_the_customers_data_are_discarded() -> None:
    fields = [{"name": "email", "example": "ada@example.org"}, "odd", {"name": "id", "example": None}]
    row = row_of("models", {"id": OTHER, "fields": copy.deepcopy(fields), "enricher": {"fields": fields}})
    assert row["fields"] == row["enricher"]["fields"] == [{"name": "email"}, "odd", {"name": "id"}]


def test_the_kinds_of_calls_in_usage_are_kept_unless_the_users_rules_mask_them() -> None:
    item = {"bySync": [{"syncId": OTHER, "categories": [{"key": "bulk", "label": "Bulk API", "calls": 5}]}]}
    [sync] = row_of("usage", copy.deepcopy(item))["by_sync"]
    assert sync["categories"] == [{"key": "bulk", "label": "Bulk API", "calls": 5}]
    [sync] = row_of("usage", copy.deepcopy(item), redactor=Redactor(Rules(also=["key"])))["by_sync"]
    assert sync["categories"][0]["key"] == REDACTED
    [sync] = row_of("usage", copy.deepcopy(item), redactor=Redactor(Rules(also=["by_sync"])))["by_sync"]
    assert sync == REDACTED


@pytest.mark.parametrize("value", ["text", ["a"], 5])
def test_a_configuration_that_is_not_an_object_is_masked_entirely(value: Any) -> None:
    row = row_of("bulk_syncs", {"id": OTHER, "destination_configuration": value})
    assert row["destination_configuration"] is None
    assert row["extra"] == {"destination_configuration": REDACTED}


def test_a_row_without_an_organization_gets_that_of_the_run() -> None:
    assert row_of("roles", {"id": OTHER})["organization_id"] == ORGANIZATION
    assert row_of("roles", {"id": OTHER, "organization_id": ID})["organization_id"] == ID
    assert row_of("roles", {"id": OTHER}, organization_id=None)["organization_id"] is None


def test_a_copy_in_another_organization_does_not_get_the_organization_of_the_run() -> None:
    row = row_of("shared", {"id": OTHER.upper(), "type": {"id": "postgresql"}, "configuration": {"password": "p"}})
    assert (row["id"], row["parent_connection_id"], row["organization_id"]) == (OTHER, ID, None)
    assert (row["type_id"], row["configuration"]) == ("postgresql", {"password": REDACTED})


@pytest.mark.parametrize(("name", "key"), [("usage", "connectionId"), ("shared", "parent_connection_id")])
def test_the_item_of_another_connection_is_rejected(name: str, key: str) -> None:
    assert row_of(name, {"id": OTHER, key: ID.upper()})["extra"] in ({}, {"id": OTHER})
    with pytest.raises(BadPayload, match="another connection"):
        normalized(SIDE_TABLES[name], {"id": OTHER, key: OTHER})


def test_no_secret_of_the_corpus_remains_in_a_row() -> None:
    """Secrets that only the schema of a connection type marks are excluded: no schema describes a side table."""
    redactor = Redactor()
    normalizers = {
        name: RowNormalizer(SIDE_TABLES[name], redactor, run_id=RUN, organization_id=None)
        for name in ("bulk_syncs", "models")
    }
    places = cycle([("bulk_syncs", "source_configuration"), ("bulk_syncs", "unknown"), ("models", "relations")])
    cases = [case for case in secret_cases() if not case.label.startswith("unmarked/")]
    leaking = []
    for case, (name, key) in zip(cases, places, strict=False):
        value = [case.configuration] if key == "relations" else case.configuration
        found = normalizers[name].normalize(json.loads(json.dumps({"id": OTHER, key: value})), collected_at=AT)
        assert found is not None
        if leaks(case.secrets, everything_in(encode(found.row))):
            leaking.append(f"{name}.{key}: {case.label}")
    assert leaking == []
    assert len(cases) > 10_000


def test_names_queries_and_mappings_of_a_model_stay() -> None:
    configuration = {"query": "SELECT id, email FROM customers WHERE updated_at > now()", "schema": "crm", "table": "x"}
    fields = [{"id": "f1", "name": "email", "label": "E-mail", "type": "string", "remote_type": "VARCHAR(255)"}]
    relations = [{"from": "id", "to": {"model_id": OTHER, "field": "customer_id"}}]
    item = {"id": OTHER, "configuration": configuration, "fields": fields, "relations": relations, "labels": ["vip"]}
    row = row_of("models", copy.deepcopy(item))
    assert {key: row[key] for key in item} == item


@pytest.mark.parametrize("table", [table for table in TABLES if sent_times(table.fields)], ids=lambda table: table.name)
def test_strict_timestamps_of_a_row_are_null_and_their_text_is_in_extra(table: SideTable) -> None:
    times = sent_times(table.fields)
    assert all(field.source == field.name for field in table.fields if field.name in times)  # the name in `extra`
    item = {"id": OTHER, **dict.fromkeys(times[1:], "soon"), times[0]: "2024-01-15T09:30:00Z"}
    if table.is_per_connection and table is not SHARED:
        del item["id"]
    kept = normalized(table, copy.deepcopy(item))
    strict = normalized(table, item, timestamps=Timestamps.STRICT)
    assert kept is not None
    assert strict is not None
    assert kept.unparsed_timestamps == strict.unparsed_timestamps == len(times) - 1
    assert strict.row == {**kept.row, **dict.fromkeys(times[1:]), "extra": dict.fromkeys(times[1:], "soon")}
