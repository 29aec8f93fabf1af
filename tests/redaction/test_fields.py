"""Verdicts on the fields of a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.redaction.detect.fields import FieldVerdicts, field_verdicts
from collector.redaction.detect.rules import Rules, Verdict, is_rule
from collector.redaction.detect.schemas import fields_of_schema
from collector.sandbox.catalogue import catalogue
from collector.sandbox.schema import json_schema


def verdict(verdicts: FieldVerdicts, path: str) -> object:
    """The verdict at a path."""
    node = verdicts
    *parents, leaf = path.replace("[]", "").split(".")
    for key in parents:
        node = node.inside(node[key])
    return node[leaf]


@pytest.mark.parametrize(
    ("type_id", "path", "expected"),
    [
        ("postgresql", "password", Verdict.SECRET),
        ("postgresql", "hostname", Verdict.KNOWN_SAFE),
        ("postgresql", "made_up", Verdict.UNKNOWN),
        ("api", "auth.header.value", Verdict.SECRET),
        ("api", "auth.header.name", Verdict.KNOWN_SAFE),
        ("api", "auth.basic.username", Verdict.KNOWN_SAFE),
        ("api", "auth.header.surprise", Verdict.LIKELY_SECRET),
        ("api", "headers[].value", Verdict.SECRET),
        ("api", "url", Verdict.MAY_EMBED_SECRET),
        ("api", "auth.oauth.token_endpoint", Verdict.MAY_EMBED_SECRET),
        ("webhook", "auth_method", Verdict.KNOWN_SAFE),
        ("gsheets", "spreadsheet_id.value", Verdict.KNOWN_SAFE),
        ("no_such_type", "client_id", Verdict.SECRET),
        ("no_such_type", "headers[].value", Verdict.LIKELY_SECRET),
        ("no_such_type", "headers.X-Team", Verdict.LIKELY_SECRET),
        ("no_such_type", "options.auth.anything", Verdict.LIKELY_SECRET),
        ("no_such_type", "auth.username", Verdict.UNKNOWN),
        (None, "smtp_password", Verdict.LIKELY_SECRET),
        (None, "dsn", Verdict.MAY_EMBED_SECRET),
        (None, "account_id", Verdict.KNOWN_SAFE),
    ],
)
def test_schema_position_and_name_decide_the_verdict(type_id: str | None, path: str, expected: Verdict) -> None:
    assert verdict(field_verdicts(type_id, Rules()), path) is expected


def test_a_name_marked_for_one_type_is_a_secret_in_an_unmarked_field() -> None:
    unmarked = [
        (kind.id, field.path)
        for kind in catalogue()
        for field in kind.fields
        if field.name == "client_id" and not field.masked
    ]
    assert unmarked
    for type_id, path in unmarked:
        assert verdict(field_verdicts(type_id, Rules()), path) is Verdict.SECRET


def test_outside_a_configuration_no_path_applies() -> None:
    verdicts = field_verdicts(None, Rules(also=["a.b", "hush"]), is_configuration=False)
    assert (verdict(verdicts, "a.b"), verdict(verdicts, "hush")) == (Verdict.UNKNOWN, Verdict.SECRET)


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        (Rules(also=["Nick-Name"]), "deep.nickname", Verdict.SECRET),
        (Rules(also=["a.b[].c"]), "a.b[].c", Verdict.SECRET),
        (Rules(also=["a.b[].c"]), "a.b[].d", Verdict.UNKNOWN),
        (Rules(also=["postgresql/hostname.x"]), "hostname.x", Verdict.SECRET),
        (Rules(also=["mysql/hostname"]), "hostname", Verdict.KNOWN_SAFE),
        (Rules(also=["postgresql/hush"]), "x.hush", Verdict.SECRET),
        (Rules(also=["mysql/hush"]), "x.hush", Verdict.UNKNOWN),
        (Rules(keep=["client_id"]), "client_id", Verdict.ALLOWED_BY_USER),
        (Rules(keep=["credentials.region"]), "credentials.region", Verdict.ALLOWED_BY_USER),
        (Rules(keep=["credentials.region"]), "credentials.other", Verdict.SECRET),
        (Rules(keep=["credentials.region"]), "credentials.host", Verdict.SECRET),
        (Rules(keep=["credentials.a.b", "region"]), "credentials.a.c", Verdict.SECRET),
        (Rules(keep=["credentials.a.b", "region"]), "credentials.a.region", Verdict.ALLOWED_BY_USER),
        (Rules(keep=["headers.X-Team"]), "headers.X-Team", Verdict.ALLOWED_BY_USER),
        (Rules(keep=["headers.X-Team"]), "headers.X-Other", Verdict.LIKELY_SECRET),
        (Rules(keep=["headers.X-Team"]), "deeper.headers.X-Team", Verdict.LIKELY_SECRET),
    ],
)
def test_the_users_rules_are_names_at_any_depth_or_paths_for_one_type_or_all(
    rules: Rules, path: str, expected: Verdict
) -> None:
    assert verdict(field_verdicts("postgresql", rules), path) is expected


def test_a_rule_with_a_bare_name_overrides_the_schema() -> None:
    assert verdict(field_verdicts("postgresql", Rules(also=["hostname"])), "hostname") is Verdict.SECRET
    assert verdict(field_verdicts("postgresql", Rules(keep=["password"])), "password") is Verdict.ALLOWED_BY_USER


@pytest.mark.parametrize("text", ["a", "a.b", "a[].b", "api/a.b[].c", "a-b_c", "Ümlaut", "snow_flake/x[]"])
def test_a_name_or_a_path_is_a_valid_rule(text: str) -> None:
    assert is_rule(text)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "/a", "a/", "a/b/c", "[]", "a[0]", "*"])
def test_any_other_text_is_not_a_rule(text: str) -> None:
    assert not is_rule(text)


@pytest.mark.parametrize("kind", catalogue(), ids=lambda kind: kind.id)
def test_a_live_schema_gives_the_same_verdicts_as_the_packaged_one(kind: Json) -> None:
    packaged = {field.path: field.masked for field in kind.fields}
    found = fields_of_schema(json_schema(kind))
    assert {path: found[path] for path in packaged if not path.endswith("[]")} == packaged


def test_a_field_marked_only_by_the_live_schema_is_a_secret() -> None:
    schema = {
        "properties": {
            "hostname": {"type": "string", "sensitive": True},
            "made": {"properties": {"up": {"writeOnly": True}}},
            "list": {"type": "array", "items": {"properties": {"x": {"format": "password"}, "y": {}}}},
        }
    }
    verdicts = field_verdicts("postgresql", Rules(), fields_of_schema(schema))
    for path in ("hostname", "made.up", "list[].x", "password"):
        assert verdict(verdicts, path) is Verdict.SECRET
    assert verdict(verdicts, "list[].y") is Verdict.KNOWN_SAFE


def test_a_field_unmarked_by_the_live_schema_may_still_be_a_secret() -> None:
    plain: dict[str, Json] = {
        "hostname": {},
        "password": {},
        "signing_secret": {},
        "headers": {"items": {"properties": {"value": {}}}},
    }
    schema = {"properties": plain | {"auth": {"properties": {"foo": {}}}, "hook_webhook": {}, "made_up": {}}}
    without = field_verdicts("postgresql", Rules())
    verdicts = field_verdicts("postgresql", Rules(), fields_of_schema(schema))
    for path in ("hostname", "password", "signing_secret", "headers[].value", "auth.foo", "auth.bar", "hook_webhook"):
        assert verdict(verdicts, path) is verdict(without, path), path
    assert verdict(verdicts, "made_up") is Verdict.KNOWN_SAFE


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": {"password": True}}},
        {"oneOf": [{"properties": {"x": {}}}, {"properties": {"x": {"sensitive": True}}}]},
        {"allOf": [{"anyOf": [{"properties": {"x": {"sensitive": True}}}]}]},
        {"properties": {"x": {"oneOf": [{"type": "null"}, {"sensitive": True}]}}},
        {"properties": {"x": {"type": "array", "items": {"sensitive": True}}}},
        {"properties": {"x": {"type": "object", "additionalProperties": {"writeOnly": True}}}},
    ],
)
def test_a_mark_counts_anywhere_in_a_schema(schema: Json) -> None:
    assert fields_of_schema(schema) == {"x": True}


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["properties", "items", "sensitive", "oneOf", "format", "a"]), inner, max_size=3
            )
        ),
    )
)
def test_an_invalid_schema_has_no_fields(schema: Json) -> None:
    field_verdicts("postgresql", Rules(), fields_of_schema(schema))
