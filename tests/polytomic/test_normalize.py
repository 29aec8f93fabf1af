"""One API body → one record of schema 1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload
from collector.model.record import FIELDS, SCHEMA, Record
from collector.model.record_form import Timestamps
from collector.model.secret import REDACTED
from collector.model.timestamps import is_utc, to_utc
from collector.polytomic.envelope import read_data
from collector.polytomic.normalize import normalize, path_in
from collector.redaction.detect.rules import Rules
from collector.redaction.redactor import Redactor
from collector.sandbox.inventory import Inventory
from collector.snapshot.lines import count_unparsed, encode, read_record

ID = "248df4b7-aa70-47b8-a036-33ac447e668d"
OTHER = "348df4b7-aa70-47b8-a036-33ac447e668d"
AT, RUN = "2026-01-02T03:04:05.000000Z", "run-1"

TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "type_operations": list,
    "policies": list,
    "saved": bool,
    "api_calls_last_24_hours": int,
    "rate_limit": dict,
    "configuration": dict,
    "extra": dict,
    "_schema": int,
}
NEVER_NULL = {"id", "type_operations", "policies", "extra", "_collected_at", "_run_id", "_schema"}

HOMES = {
    ("name",): "name",
    ("organization_id",): "organization_id",
    ("parent_connection_id",): "parent_connection_id",
    ("type", "id"): "type_id",
    ("type", "name"): "type_name",
    ("type", "operations"): "type_operations",
    ("status",): "status",
    ("status_error",): "status_error",
    ("saved",): "saved",
    ("policies",): "policies",
    ("api_calls_last_24_hours",): "api_calls_last_24_hours",
    ("created_at",): "created_at",
    ("created_by", "id"): "created_by_id",
    ("created_by", "name"): "created_by_name",
    ("created_by", "type"): "created_by_type",
    ("updated_at",): "updated_at",
    ("updated_by", "id"): "updated_by_id",
    ("updated_by", "name"): "updated_by_name",
    ("updated_by", "type"): "updated_by_type",
}
"""Path of an API field → path in the record, if the value has the expected type."""

texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
timestamps = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | texts
ids = st.uuids().map(str) | st.uuids().map(lambda uuid: str(uuid).upper()) | texts


def objects(**expected: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the expected fields, of the expected type or any other, and unknown fields."""
    known = st.fixed_dictionaries({}, optional={key: values | anything for key, values in expected.items()})
    return st.builds(lambda others, fields: {**others, **fields}, st.dictionaries(texts, anything, max_size=2), known)


actors = objects(id=ids, name=texts, type=texts)
connections = objects(
    name=texts,
    organization_id=ids,
    parent_connection_id=ids,
    type=objects(
        id=st.sampled_from(["postgresql", "api", "s3"]),
        name=texts,
        operations=st.lists(texts | st.integers(), max_size=2),
    ),
    status=texts,
    status_error=texts,
    saved=st.booleans(),
    policies=st.lists(ids, max_size=3),
    api_calls_last_24_hours=st.integers(),
    rate_limit=objects(limited_since=timestamps, expires_at=timestamps, password=texts),
    created_at=timestamps,
    created_by=actors,
    updated_at=timestamps,
    updated_by=actors,
    configuration=objects(host=texts, password=anything, headers=anything, url=anything),
    type_operations=anything,
    type_id=anything,
    created_by_id=anything,
    extra=anything,
    _schema=anything,
    api_key=anything,
).filter(lambda connection: "id" not in connection)  # the other fields; the id is given


def body_of(connection: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({"data": {"id": ID, **connection, **changes}}).encode()


def record_of(connection: dict[str, Any], **changes: Any) -> Record:
    record, _, _ = normalize(read_data(body_of(connection, **changes)), ID, Redactor(), collected_at=AT, run_id=RUN)
    return record


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The paths of all scalars and of empty objects and arrays."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if path in {("policies",), ("type", "operations")} and all(isinstance(item, str) for _, item in inner):
        inner = ()
    if not inner:
        yield path, value
    for key, item in inner:
        yield from paths_of(item, (*path, key))


def found_at(record: Record, path: tuple[Any, ...]) -> Any:
    """The value at `path`, or the mask if it or a value that contains it is masked."""
    value: Any = record
    for key in path:
        if value == REDACTED:
            return REDACTED
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return ...
    return value


def is_same(sent: Any, kept: Any) -> bool:
    """Is it the sent value, its canonical timestamp or id, or its mask?"""
    if kept == REDACTED or (kept == sent and type(kept) is type(sent)):
        return True
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        return all(map(is_same, sent, kept))
    return isinstance(sent, str) and isinstance(kept, str) and kept in (sent.lower(), to_utc(sent))


def is_kept(record: Record, path: tuple[Any, ...], sent: Any) -> bool:
    places = [("extra", *path)]
    if path in HOMES:
        places.append((HOMES[path],))
    if path[0] in ("configuration", "rate_limit"):
        places.append(path)
    return any(is_same(sent, found_at(record, place)) for place in places)


def is_nothing(path: tuple[Any, ...], sent: Any) -> bool:
    """Is it null or an empty object under a known name, which the record may omit?"""
    has_place = path in HOMES or path in {("type",), ("created_by",), ("updated_by",)}
    return (has_place and sent in (None, {})) or (path in {("configuration",), ("rate_limit",)} and sent is None)


@given(connections)
def test_every_object_of_the_id_gives_all_keys_in_order_with_their_type_or_null(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    assert tuple(record) == FIELDS
    for key, value in record.items():
        assert type(value) is TYPES.get(key, str) or (value is None and key not in NEVER_NULL), key
    assert all(isinstance(each, str) for each in record["type_operations"] + record["policies"])
    assert (record["id"], record["_collected_at"], record["_run_id"], record["_schema"]) == (ID, AT, RUN, SCHEMA)


@given(connections)
def test_every_value_that_the_api_sent_is_kept(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    for path, sent in paths_of(connection):
        if path:
            assert is_nothing(path, sent) or is_kept(record, path, sent), path


@given(connections)
def test_a_record_survives_its_line_exactly(connection: dict[str, Any]) -> None:
    record = record_of(connection)
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    assert list(json.loads(line).items()) == list(record.items())


@given(st.integers(-(10**300), 10**300), st.integers(-(10**25), 10**25))
def test_integers_of_any_size_survive_from_the_wire_to_the_line(deep: int, calls: int) -> None:
    record = record_of({"configuration": {"a": [{"n": deep}]}, "unknown": deep, "api_calls_last_24_hours": calls})
    line = json.loads(encode(record))
    assert line["configuration"] == {"a": [{"n": deep}]}
    assert line["extra"] == {"unknown": deep}
    assert line["api_calls_last_24_hours"] == calls
    assert type(line["extra"]["unknown"]) is int


@pytest.mark.parametrize("digits", [310, 4300])
def test_integers_of_4300_digits_survive_from_the_wire_to_the_line(digits: int) -> None:
    number = b"9" * digits
    body = b'{"data":{"id":"%s","configuration":{"n":%s}}}' % (ID.encode(), number)
    record, _, _ = normalize(read_data(body), ID, Redactor(), collected_at=AT, run_id=RUN)
    assert b'{"n":' + number + b"}" in encode(record)


def test_a_connection_as_the_api_documents_it_is_flattened() -> None:
    actor = {"id": OTHER.upper(), "name": "Ada", "type": "user"}
    record = record_of(
        {
            "name": "Warehouse",
            "organization_id": OTHER.upper(),
            "parent_connection_id": None,
            "type": {"id": "postgresql", "name": "PostgreSQL", "operations": ["read", "write"]},
            "status": "healthy",
            "status_error": "",
            "saved": True,
            "policies": [OTHER.upper(), "not-an-Id"],
            "api_calls_last_24_hours": 7,
            "rate_limit": {"limited_since": "2024-01-15T09:30:00Z", "expires_at": None, "reason": "quota"},
            "created_at": "2024-01-15T09:30:00+01:00",
            "created_by": actor,
            "updated_at": "2024-01-15T09:30:00.5Z",
            "updated_by": actor,
            "configuration": {"hostname": "db", "port": 5432, "password": "********"},
        }
    )
    assert record == {
        "id": ID,
        "name": "Warehouse",
        "organization_id": OTHER,
        "parent_connection_id": None,
        "type_id": "postgresql",
        "type_name": "PostgreSQL",
        "type_operations": ["read", "write"],
        "status": "healthy",
        "status_error": "",
        "saved": True,
        "policies": [OTHER, "not-an-Id"],
        "api_calls_last_24_hours": 7,
        "rate_limit": {"limited_since": "2024-01-15T09:30:00.000000Z", "expires_at": None, "reason": "quota"},
        "created_at": "2024-01-15T08:30:00.000000Z",
        "created_by_id": OTHER,
        "created_by_name": "Ada",
        "created_by_type": "user",
        "updated_at": "2024-01-15T09:30:00.500000Z",
        "updated_by_id": OTHER,
        "updated_by_name": "Ada",
        "updated_by_type": "user",
        "configuration": {"hostname": "db", "port": 5432, "password": REDACTED},
        "extra": {},
        "_collected_at": AT,
        "_run_id": RUN,
        "_schema": 1,
    }


def test_a_bare_id_is_a_record_of_nulls_and_empty_arrays() -> None:
    record = record_of({})
    assert {key for key, value in record.items() if value is None} == set(FIELDS) - NEVER_NULL
    assert record["type_operations"] == record["policies"] == []
    assert record["extra"] == {}


def test_the_capitalized_operations_of_older_servers_are_read() -> None:
    record = record_of({"type": {"id": "s3", "name": "S3", "Operations": ["read"]}})
    assert record["type_operations"] == ["read"]
    assert record["extra"] == {}


def test_operations_in_both_spellings_are_both_kept() -> None:
    record = record_of({"type": {"id": "s3", "operations": ["read"], "Operations": ["write"]}})
    assert record["type_operations"] == ["read"]
    assert record["extra"] == {"type": {"Operations": ["write"]}}


def test_operations_with_a_value_that_is_not_text_are_kept_in_extra() -> None:
    record = record_of({"type": {"operations": ["read", 1]}, "type_operations": "theirs"})
    assert record["type_operations"] == []
    assert record["extra"] == {"type": {"operations": ["read", 1]}, "type_operations": "theirs"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 5),
        ("saved", "true"),
        ("saved", 1),
        ("api_calls_last_24_hours", True),
        ("api_calls_last_24_hours", "7"),
        ("api_calls_last_24_hours", 7.0),
        ("policies", {"a": 1}),
        ("policies", ["a", None]),
        ("type", "postgresql"),
        ("type", []),
        ("created_at", 1705311000),
        ("created_by", "Ada"),
        ("rate_limit", 50),
        ("rate_limit", [1]),
        ("organization_id", 7),
    ],
)
def test_a_known_field_of_another_type_is_null_and_kept_in_extra(field: str, value: Any) -> None:
    record = record_of({field: value})
    assert record["extra"] == {field: value}
    assert record.get(field) in (None, [])


@pytest.mark.parametrize("value", ["text", ["a"], 5, True])
def test_a_configuration_that_is_not_an_object_is_masked_entirely(value: Any) -> None:
    record, redactions, _ = normalize(
        read_data(body_of({"configuration": value})), ID, Redactor(), collected_at=AT, run_id=RUN
    )
    assert record["configuration"] is None
    assert record["extra"] == {"configuration": REDACTED}
    assert [each.path for each in redactions] == ["extra.configuration"]


def test_unknown_fields_are_kept_redacted_in_their_nesting() -> None:
    record = record_of({"new": {"api_key": "s", "x": [1]}, "type": {"id": "s3", "icon": "i"}, "created_by": {"e": 1}})
    assert record["extra"] == {"new": {"api_key": REDACTED, "x": [1]}, "type": {"icon": "i"}, "created_by": {"e": 1}}


def test_the_schema_of_its_type_is_applied_to_a_configuration() -> None:
    configuration = {"headers": [{"name": "X", "value": "s"}], "url": "https://u:p@h"}
    api = record_of({"type": {"id": "api"}, "configuration": configuration})
    assert api["configuration"] == {"headers": [{"name": "X", "value": REDACTED}], "url": f"https://{REDACTED}@h"}


def test_redactions_are_counted_in_every_part_of_the_record() -> None:
    body = body_of(
        {
            "configuration": {"password": "p", "host": "***", "port": 1},
            "extra_field": {"token": "***"},
            "rate_limit": {"password": "p"},
        }
    )
    record, redactions, _ = normalize(read_data(body), ID, Redactor(), collected_at=AT, run_id=RUN)
    assert {each.path for each in redactions} == {
        *("configuration.password", "configuration.host", "extra.extra_field.token", "rate_limit.password"),
    }
    assert len(redactions) == len(re.findall(re.escape(REDACTED), json.dumps(record)))


def test_invalid_timestamps_are_kept_verbatim_and_counted() -> None:
    body = body_of({"created_at": "yesterday", "updated_at": "", "rate_limit": {"limited_since": "soon"}})
    record, _, unparsed = normalize(read_data(body), ID, Redactor(), collected_at=AT, run_id=RUN)
    assert (record["created_at"], record["updated_at"]) == ("yesterday", "")
    assert record["rate_limit"] == {"limited_since": "soon"}
    assert unparsed == 3


def strict_record_of(connection: dict[str, Any], redactor: Redactor | None = None) -> tuple[Record, int]:
    record, _, unparsed = normalize(
        *(read_data(body_of(connection)), ID, redactor or Redactor()),
        collected_at=AT,
        run_id=RUN,
        timestamps=Timestamps.STRICT,
    )
    return record, unparsed


@given(connections)
def test_strict_timestamps_are_rfc_3339_or_null_and_the_other_texts_are_in_extra(connection: dict[str, Any]) -> None:
    """Every value is the same as without the option, except for those texts; `verify` counts the same number."""
    kept, (strict, unparsed) = record_of(connection), strict_record_of(connection)
    for name in ("created_at", "updated_at"):
        if kept[name] is None or is_utc(kept[name]):
            assert strict[name] == kept[name]
        else:
            assert strict[name] is None
            assert is_same(kept[name], strict["extra"].pop(name))
            unparsed -= 1
    assert strict["extra"] == kept["extra"]
    assert (
        unparsed
        == count_unparsed(strict)
        == sum(
            isinstance(each, str) and not is_utc(each)
            for each in map((strict["rate_limit"] or {}).get, ("limited_since", "expires_at"))
        )
    )
    assert set(strict) == set(kept)


@pytest.mark.parametrize("timestamps", Timestamps)
def test_a_line_shows_the_number_of_its_invalid_timestamps(timestamps: Timestamps) -> None:
    """Also where a rule of the user masks the fields, which makes text of a number."""
    body = body_of({"created_at": 1705311000, "updated_at": "soon", "rate_limit": {"expires_at": "soon"}})
    for redactor in (Redactor(), Redactor(Rules(also=("created_at", "updated_at")))):
        record, _, unparsed = normalize(
            read_data(body), ID, redactor, collected_at=AT, run_id=RUN, timestamps=timestamps
        )
        assert count_unparsed(read_record(encode(record).removesuffix(b"\n"))) == unparsed >= 2


def test_a_strict_timestamp_is_masked_and_counted_in_extra() -> None:
    secret = "postgres://u:p@h/x"
    record, redactions, unparsed = normalize(
        *(read_data(body_of({"created_at": secret, "updated_at": "2024-01-15 09:30:00+0100"})), ID, Redactor()),
        collected_at=AT,
        run_id=RUN,
        timestamps=Timestamps.STRICT,
    )
    assert (record["created_at"], record["updated_at"]) == (None, "2024-01-15T08:30:00.000000Z")
    assert record["extra"] == {"created_at": f"postgres://{REDACTED}@h/x"}
    assert [each.path for each in redactions] == ["extra.created_at"]
    assert unparsed == 1


@pytest.mark.parametrize("found", [OTHER, "", None, 5, [ID], ID + " ", ID.replace("-", ""), f"{{{ID}}}"])
def test_the_body_of_another_connection_is_rejected(found: Any) -> None:
    with pytest.raises(BadPayload, match="another connection"):
        normalize(read_data(body_of({}, id=found)), ID, Redactor(), collected_at=AT, run_id=RUN)


def test_a_body_without_an_id_is_rejected() -> None:
    with pytest.raises(BadPayload, match="another connection"):
        normalize(read_data(b'{"data":{"name":"x"}}'), ID, Redactor(), collected_at=AT, run_id=RUN)


def test_the_id_is_always_lower_case() -> None:
    assert record_of({}, id=ID.upper())["id"] == ID


@given(st.binary())
def test_a_body_of_any_bytes_is_rejected_without_a_crash(body: bytes) -> None:
    with pytest.raises(BadPayload):
        normalize(read_data(body), ID, Redactor(), collected_at=AT, run_id=RUN)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (("name",), "name"),
        (("type", "name"), "type_name"),
        (("type", "operations", "[]"), "type_operations.[]"),
        (("created_by", "name"), "created_by_name"),
        (("updated_by", "team"), "extra.updated_by.team"),
        (("policies", "[]"), "policies.[]"),
        (("configuration", "a", "b"), "configuration.a.b"),
        (("rate_limit", "limited_since"), "rate_limit.limited_since"),
        (("saved",), "extra.saved"),
        (("new",), "extra.new"),
        (("_run_id",), "extra._run_id"),
        (("type", "new"), "extra.type.new"),
        (("created", "at"), "extra.created.at"),
    ],
)
def test_path_in_finds_a_value_of_the_body_in_the_record(keys: tuple[str, ...], path: str) -> None:
    given = {
        "name": "n",
        "type": {"id": "api", "name": "n", "operations": ["x"], "new": "n"},
        "created_by": {"name": "n"},
        "updated_by": {"name": "n", "team": "n"},
        "policies": ["x"],
        "configuration": {"a": {"b": "n"}},
        "rate_limit": {"limited_since": "n"},
        "saved": "1e400",
        "created": {"at": "n"},
        **{"new": "n", "_run_id": "n"},
    }
    record, _, _ = normalize(read_data(body_of(given)), ID, Redactor(), collected_at=AT, run_id=RUN)
    place = path_in(record, keys)
    assert place is not None
    assert ".".join(place) == path
    found = record
    for key in place:
        found = found[0 if key == "[]" else key]  # type: ignore[index]  # a list, where the path says so


@pytest.mark.parametrize("picture", ["logo_url", "logo_dark_url"])
def test_the_logos_of_a_type_are_discarded(picture: str) -> None:
    given = {"type": {"id": "api", picture: "https://connect-assets.polytomic.com/logos/api.svg"}}
    record, _, _ = normalize(read_data(body_of(given)), ID, Redactor(), collected_at=AT, run_id=RUN)
    assert record["extra"] == {}
    assert path_in(record, ("type", picture)) is None


@pytest.mark.parametrize("odd", [1, True, [], {"light": "x"}])
def test_a_logo_of_an_unexpected_type_is_kept_in_extra(odd: object) -> None:
    record, _, _ = normalize(
        read_data(body_of({"type": {"logo_url": odd}})), ID, Redactor(), collected_at=AT, run_id=RUN
    )
    assert record["extra"] == {"type": {"logo_url": odd}}
    assert path_in(record, ("type", "logo_url")) == ("extra", "type", "logo_url")


def test_a_null_logo_is_discarded() -> None:
    record, _, _ = normalize(
        read_data(body_of({"type": {"logo_url": None}})), ID, Redactor(), collected_at=AT, run_id=RUN
    )
    assert record["extra"] == {}


def test_extra_is_empty_for_every_field_that_the_api_documents() -> None:
    inventory = Inventory(1000, seed=7)
    for one in map(inventory.connection, range(1000)):
        unknown = {"healthcheck_interval"} & one.keys()  # by the API reference, only in replies to changes
        record, _, _ = normalize(
            read_data(json.dumps({"data": one}).encode()), one["id"], Redactor(), collected_at=AT, run_id=RUN
        )
        assert record["extra"].keys() == unknown
