"""Verdicts on the fields of a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.record import Json
from collector.redaction.detect.fields import Marks, marks_of
from collector.redaction.detect.rules import Rules, Verdict, is_rule
from collector.redaction.detect.schemas import fields_of_schema
from collector.sandbox.catalogue import catalogue
from collector.sandbox.schema import json_schema


def verdict(marks: Marks, path: str) -> object:
    """The verdict on what is at a path."""
    node = marks
    *parents, leaf = path.replace("[]", "").split(".")
    for key in parents:
        node = node.inside(node[key])
    return node[leaf]


@pytest.mark.parametrize(
    ("type_id", "path", "expected"),
    [
        ("postgresql", "password", Verdict.WHOLE),
        ("postgresql", "hostname", Verdict.PLAIN),
        ("postgresql", "made_up", Verdict.UNKNOWN),
        ("api", "auth.header.value", Verdict.WHOLE),
        ("api", "auth.header.name", Verdict.PLAIN),
        ("api", "auth.basic.username", Verdict.PLAIN),
        ("api", "auth.header.surprise", Verdict.STRICT),
        ("api", "headers[].value", Verdict.WHOLE),
        ("api", "url", Verdict.ADDRESS),
        ("api", "auth.oauth.token_endpoint", Verdict.ADDRESS),
        ("webhook", "auth_method", Verdict.PLAIN),
        ("gsheets", "spreadsheet_id.value", Verdict.PLAIN),
        ("no_such_type", "client_id", Verdict.WHOLE),
        ("no_such_type", "headers[].value", Verdict.STRICT),
        ("no_such_type", "headers.X-Team", Verdict.STRICT),
        ("no_such_type", "options.auth.anything", Verdict.STRICT),
        ("no_such_type", "auth.username", Verdict.UNKNOWN),
        (None, "smtp_password", Verdict.STRICT),
        (None, "dsn", Verdict.ADDRESS),
        (None, "account_id", Verdict.PLAIN),
    ],
)
def test_schema_place_and_name_say_what_a_field_is(type_id: str | None, path: str, expected: Verdict) -> None:
    assert verdict(marks_of(type_id, Rules()), path) is expected


def test_a_name_that_is_secret_for_some_type_is_secret_where_the_schema_has_no_mark() -> None:
    unmarked = [
        (kind.id, field.path)
        for kind in catalogue()
        for field in kind.fields
        if field.name == "client_id" and not field.masked
    ]
    assert unmarked
    for type_id, path in unmarked:
        assert verdict(marks_of(type_id, Rules()), path) is Verdict.WHOLE


def test_outside_of_a_configuration_no_path_counts() -> None:
    marks = marks_of(None, Rules(also=["a.b", "hush"]), is_configuration=False)
    assert (verdict(marks, "a.b"), verdict(marks, "hush")) == (Verdict.UNKNOWN, Verdict.WHOLE)


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        (Rules(also=["Nick-Name"]), "deep.nickname", Verdict.WHOLE),
        (Rules(also=["a.b[].c"]), "a.b[].c", Verdict.WHOLE),
        (Rules(also=["a.b[].c"]), "a.b[].d", Verdict.UNKNOWN),
        (Rules(also=["postgresql/hostname.x"]), "hostname.x", Verdict.WHOLE),
        (Rules(also=["mysql/hostname"]), "hostname", Verdict.PLAIN),
        (Rules(also=["postgresql/hush"]), "x.hush", Verdict.WHOLE),
        (Rules(also=["mysql/hush"]), "x.hush", Verdict.UNKNOWN),
        (Rules(keep=["client_id"]), "client_id", Verdict.KEPT),
        (Rules(keep=["credentials.region"]), "credentials.region", Verdict.KEPT),
        (Rules(keep=["credentials.region"]), "credentials.other", Verdict.WHOLE),
        (Rules(keep=["credentials.region"]), "credentials.host", Verdict.WHOLE),
        (Rules(keep=["credentials.a.b", "region"]), "credentials.a.c", Verdict.WHOLE),
        (Rules(keep=["credentials.a.b", "region"]), "credentials.a.region", Verdict.KEPT),
        (Rules(keep=["headers.X-Team"]), "headers.X-Team", Verdict.KEPT),
        (Rules(keep=["headers.X-Team"]), "headers.X-Other", Verdict.STRICT),
        (Rules(keep=["headers.X-Team"]), "deeper.headers.X-Team", Verdict.STRICT),
    ],
)
def test_the_users_rules_are_names_at_any_depth_or_paths_for_all_types_or_one(
    rules: Rules, path: str, expected: Verdict
) -> None:
    assert verdict(marks_of("postgresql", rules), path) is expected


def test_a_rule_with_a_bare_name_beats_the_schema() -> None:
    assert verdict(marks_of("postgresql", Rules(also=["hostname"])), "hostname") is Verdict.WHOLE
    assert verdict(marks_of("postgresql", Rules(keep=["password"])), "password") is Verdict.KEPT


@pytest.mark.parametrize("text", ["a", "a.b", "a[].b", "api/a.b[].c", "a-b_c", "Ümlaut", "snow_flake/x[]"])
def test_a_name_or_a_path_is_a_rule(text: str) -> None:
    assert is_rule(text)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "/a", "a/", "a/b/c", "[]", "a[0]", "*"])
def test_anything_else_is_none(text: str) -> None:
    assert not is_rule(text)


@pytest.mark.parametrize("kind", catalogue(), ids=lambda kind: kind.id)
def test_a_live_schema_says_what_the_packaged_one_says(kind: Json) -> None:
    packaged = {field.path: field.masked for field in kind.fields}
    found = fields_of_schema(json_schema(kind))
    assert {path: found[path] for path in packaged if not path.endswith("[]")} == packaged


def test_what_only_the_live_schema_marks_is_a_secret() -> None:
    schema = {
        "properties": {
            "hostname": {"type": "string", "sensitive": True},
            "made": {"properties": {"up": {"writeOnly": True}}},
            "list": {"type": "array", "items": {"properties": {"x": {"format": "password"}, "y": {}}}},
        }
    }
    marks = marks_of("postgresql", Rules(), fields_of_schema(schema))
    for path in ("hostname", "made.up", "list[].x", "password"):
        assert verdict(marks, path) is Verdict.WHOLE
    assert verdict(marks, "list[].y") is Verdict.PLAIN


def test_what_the_live_schema_does_not_mark_may_still_be_a_secret() -> None:
    plain: dict[str, Json] = {
        "hostname": {},
        "password": {},
        "signing_secret": {},
        "headers": {"items": {"properties": {"value": {}}}},
    }
    schema = {"properties": plain | {"auth": {"properties": {"foo": {}}}, "hook_webhook": {}, "made_up": {}}}
    without = marks_of("postgresql", Rules())
    marks = marks_of("postgresql", Rules(), fields_of_schema(schema))
    for path in ("hostname", "password", "signing_secret", "headers[].value", "auth.foo", "auth.bar", "hook_webhook"):
        assert verdict(marks, path) is verdict(without, path), path
    assert verdict(marks, "made_up") is Verdict.PLAIN


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
def test_a_mark_counts_wherever_a_schema_may_have_it(schema: Json) -> None:
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
def test_what_is_no_schema_has_no_fields_and_does_no_harm(schema: Json) -> None:
    marks_of("postgresql", Rules(), fields_of_schema(schema))
