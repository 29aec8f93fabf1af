"""Secrets in a record, and their masks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from itertools import chain
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.model.outcome import Redaction
from collector.model.secret import REDACTED, Secret
from collector.polytomic.normalize import normalize
from collector.redaction.detect.rules import Rules
from collector.redaction.fingerprint import fingerprinter
from collector.redaction.redactor import Redactor
from collector.snapshot.lines import encode, masked_paths

ID = "248df4b7-aa70-47b8-a036-33ac447e668d"
CANARY = "canary-7c1e"
VALUES: list[Any] = [
    CANARY,
    "",
    " ",
    "********",
    5,
    0,
    1.5,
    True,
    False,
    [CANARY],
    [],
    [[{"deep": CANARY}]],
    {"inner": CANARY},
    {},
]


def carried(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((files("collector.model") / "data" / name).read_bytes())
    return loaded


MARKED = carried("sensitive_fields.json")
UNMARKED = carried("unmarked_secret_fields.json")
NAMES: list[str] = MARKED["_names"]
FIELDS_BY_TYPE = sorted(
    (type_id, path)
    for type_id in (MARKED.keys() | UNMARKED.keys()) - {"_names"}
    for path in {
        *MARKED.get(type_id, ()),
        *chain(*(paths for group, paths in UNMARKED.get(type_id, {}).items() if group != "may_embed_secret")),
    }
)


def redact(configuration: dict[str, Any], type_id: str | None) -> int:
    """Mask in place; returns the number of masked values."""
    masked: list[Redaction] = []
    Redactor().redact_configuration(configuration, type_id, masked)
    return len(masked)


def redact_elsewhere(values: dict[str, Any]) -> int:
    """The same for fields outside a configuration."""
    masked: list[Redaction] = []
    Redactor().redact_elsewhere(values, "extra", masked)
    return len(masked)


neutral_keys = st.sampled_from(["host", "port", "region", "value", "options", "names", "x", ""])
neutral_scalars = st.none() | st.booleans() | st.integers() | st.text("abc", max_size=5)
neutral = st.recursive(
    neutral_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(neutral_keys, inner, max_size=3),
    max_leaves=10,
)
neutral_objects = st.dictionaries(neutral_keys, neutral, max_size=4)
spellings = st.sampled_from(
    [
        str,
        str.upper,
        str.title,
        lambda name: name.replace("_", "-"),
        lambda name: name.replace("_", ""),
        lambda name: name.replace("_", " "),
        lambda name: name.replace("_", "."),
        lambda name: name.title().replace("_", ""),
    ]
)


def planted(path: str, value: Any) -> dict[str, Any]:
    """A configuration with `value` at `path`; arrays have two items."""
    head, _, rest = path.partition(".")
    inside = planted(rest, value) if rest else value
    return {head.removesuffix("[]"): [inside, deepcopy(inside)] if head.endswith("[]") else inside}


def leaves(value: Any) -> Iterator[Any]:
    """The scalars of a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize(("type_id", "path"), FIELDS_BY_TYPE)
def test_every_field_known_to_be_secret_is_masked_for_any_value(type_id: str, path: str) -> None:
    for value in VALUES:
        configuration = planted(path, deepcopy(value))
        expected = planted(path, REDACTED)
        count = redact(configuration, type_id)
        assert configuration == expected, value
        assert count == sum(leaf == REDACTED for leaf in leaves(expected))


@pytest.mark.parametrize(("type_id", "path"), FIELDS_BY_TYPE)
def test_null_stays_null(type_id: str, path: str) -> None:
    configuration = planted(path, None)
    assert redact(configuration, type_id) == 0
    assert configuration == planted(path, None)


def test_the_fields_of_all_types_and_groups_are_tested() -> None:
    assert len(FIELDS_BY_TYPE) > 300
    assert {group for groups in UNMARKED.values() for group in groups} == {
        "secret",
        "may_embed_secret",
        "identifier_marked_elsewhere_or_credential_id",
    }


@given(st.sampled_from(NAMES), spellings, neutral_objects, st.sampled_from(VALUES), st.data())
def test_a_name_marked_for_one_type_is_a_secret_in_any_type_depth_and_spelling(
    name: str, spell: Any, around: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    assume(name != "key" or around.get("value") is None)  # beside a value, `key` is a name
    planted_value: Any = {**around, spell(name): deepcopy(value)}
    for as_list in data.draw(st.lists(st.booleans(), max_size=6)):
        planted_value = [planted_value, 1] if as_list else {"options": planted_value, "host": "h"}
    configuration = {"top": planted_value}
    type_id = data.draw(st.sampled_from(["no_such_type", None, "api", "postgresql", "s3"]))
    redact(configuration, type_id)
    found = [leaf for leaf in leaves(configuration) if leaf == REDACTED]
    assert len(found) >= 1
    assert CANARY not in json.dumps(configuration)


@given(st.sampled_from("*•●"), st.integers(1, 300))
def test_a_mask_of_the_server_becomes_one_constant(character: str, length: int) -> None:
    mask = character * length
    configuration: dict[str, Any] = {"host": mask, "options": {"names": [mask, "plain", [mask]]}, "x": REDACTED}
    assert redact(configuration, "postgresql") == 4
    assert configuration == {
        "host": REDACTED,
        "options": {"names": [REDACTED, "plain", [REDACTED]]},
        "x": REDACTED,
    }


@pytest.mark.parametrize("text", ["a*", "*a*", "* *", "[REDACTED", "[redacted] text", "[]", ""])
def test_text_that_is_not_a_mask_stays(text: str) -> None:
    configuration = {"host": text}
    assert redact(configuration, None) == 0
    assert configuration == {"host": text}


@given(neutral_objects)
def test_a_value_that_is_not_a_secret_stays(configuration: dict[str, Any]) -> None:
    before = deepcopy(configuration)
    assert redact(configuration, "postgresql") == 0
    assert redact_elsewhere(configuration) == 0
    assert configuration == before


@given(neutral_objects, st.sampled_from(FIELDS_BY_TYPE), st.sampled_from(NAMES))
def test_masked_values_are_counted_and_masking_is_idempotent(
    around: dict[str, Any], field: tuple[str, str], name: str
) -> None:
    type_id, path = field
    configuration = {**around, **planted(path, CANARY), "more": [{name: [1, 2]}, {name: None}]}
    count = redact(configuration, type_id)
    assert count == sum(leaf == REDACTED for leaf in leaves(configuration))
    again = deepcopy(configuration)
    assert redact(again, type_id) == count
    assert again == configuration


def test_the_verdicts_of_one_type_do_not_apply_to_another() -> None:
    configuration = {"body": "a text", "auth_style": 1}
    assert redact(configuration, "postgresql") == 0
    assert redact(configuration, "api") == 1


def test_a_verdict_on_a_deep_path_leaves_its_neighbours() -> None:
    configuration = {"headers": [{"name": "X-Team", "value": CANARY}], "auth": {"header": {"name": "A", "value": 1}}}
    redact(configuration, "api")
    assert configuration == {
        "headers": [{"name": "X-Team", "value": REDACTED}],
        "auth": {"header": {"name": "A", "value": REDACTED}},
    }


@pytest.mark.parametrize("form", [CANARY, [CANARY], [[CANARY]], [{"value": CANARY}], {"value": CANARY}])
def test_another_value_in_place_of_an_object_with_secrets_is_masked(form: Any) -> None:
    configuration = {"headers": form}
    redact(configuration, "api")
    assert CANARY not in json.dumps(configuration)


@pytest.mark.parametrize("depth", [1, 50, 98])
def test_a_secret_at_the_bottom_of_a_deep_configuration_is_found(depth: int) -> None:
    value: Any = {"api_key": CANARY}
    for _ in range(depth):
        value = {"x": value}
    redact(value, None)
    assert CANARY not in json.dumps(value)


def test_unknown_keys_are_judged_alike_whether_cached_or_not() -> None:
    for index in range(10_000):
        configuration = {f"key{index}": CANARY, f"api_{'_' * (index % 50)}key": CANARY}
        assert redact(configuration, None) == 1


def test_fields_outside_a_configuration_are_masked_by_name_and_mask() -> None:
    values = {"password": CANARY, "note": "***", "inner": [{"api-key": [CANARY]}], "kept": "text", "none": None}
    assert redact_elsewhere(values) == 3
    assert values == {
        "password": REDACTED,
        "note": REDACTED,
        "inner": [{"api-key": REDACTED}],
        "kept": "text",
        "none": None,
    }


def test_an_object_in_place_of_an_array_of_secrets_is_masked_entirely() -> None:
    configuration = {"headers": {"X-Token": "sandbox"}, "parameters": [{"name": "n", "value": "v"}]}
    assert redact(configuration, "api") == 2
    assert configuration == {"headers": REDACTED, "parameters": [{"name": "n", "value": REDACTED}]}


def redacted(configuration: dict[str, Any], redactor: Redactor | None = None) -> tuple[dict[str, Any], list[str]]:
    """A configuration of an unknown type, redacted, and the paths of its masked values."""
    masked: list[Redaction] = []
    (redactor or Redactor()).redact_configuration(configuration, "no_such_type", masked)
    return configuration, [each.path for each in masked]


def test_the_paths_of_masked_values_are_returned() -> None:
    configuration = {
        "password": "p",
        "headers": [{"name": "n", "value": "v"}, {"name": "n", "value": "v"}],
        "note": "see postgres://u:p@h/d",
        "names": ["plain", "token=abc123"],
        "body": '{"password": "p", "x": {"password": "p"}}',
    }
    _, masked = redacted(configuration)
    assert masked == [
        "configuration.password",
        "configuration.headers[].value",
        "configuration.headers[].value",
        "configuration.note",
        "configuration.names[]",
        "configuration.body",
    ]


@pytest.mark.parametrize("label", ["name", "key"])
def test_the_name_in_a_pair_decides_about_its_value(label: str) -> None:
    settings = [{label: "DB_PASSWORD", "value": "hunter2"}, {label: "REGION", "value": "eu-central-1"}]
    assert redacted({"settings": settings})[0]["settings"] == [
        {label: "DB_PASSWORD", "value": REDACTED},
        {label: "REGION", "value": "eu-central-1"},
    ]


@pytest.mark.parametrize(
    "pair",
    [
        {"name": "Display", "key": "password", "value": CANARY},
        {"name": None, "key": "password", "value": CANARY},
        {"header": "Authorization", "value": CANARY},
        {"param": "api_key", "value": CANARY},
        {"name": "prod", "key": CANARY, "value": "x"},
    ],
)
def test_a_pair_may_have_several_names(pair: dict[str, Any]) -> None:
    assert CANARY not in json.dumps(redacted({"items": [pair]})[0])


def test_a_pair_unmarked_by_the_live_schema_is_judged_by_its_name() -> None:
    redactor = Redactor()
    redactor.add_schema("no_such_type", {"items": False, "items[].value": False})
    assert redacted({"items": [{"name": "password", "value": CANARY}]}, redactor)[0]["items"][0]["value"] == REDACTED


@pytest.mark.parametrize("field", ["key", "name", "value"])
def test_the_users_rules_apply_to_the_parts_of_a_pair(field: str) -> None:
    pair = {"key": CANARY + "k", "name": CANARY + "n", "value": CANARY + "v"}
    found, _ = redacted({"items": [pair]}, Redactor(Rules(also=[field])))
    assert found["items"][0][field] == REDACTED
    assert (
        redacted({"items": [{field: CANARY, "value": CANARY}]}, Redactor(Rules(also=[field])))[0]["items"][0][field]
        == REDACTED
    )


@pytest.mark.parametrize("secret", ["auth", "password", "webhook"])
@pytest.mark.parametrize("form", [CANARY, 7_531_902, [CANARY], [{"host": CANARY, "x": CANARY}]])
def test_a_part_that_the_user_keeps_uncovers_no_other_part(secret: str, form: Any) -> None:
    found, _ = redacted({secret: form}, Redactor(Rules(keep=[f"{secret}.region"])))
    assert CANARY not in json.dumps(found).replace(f'"host": "{CANARY}"', "")
    assert "7531902" not in json.dumps(found)


def test_json_text_is_redacted_like_the_value_it_contains() -> None:
    inner = json.dumps({"password": "p", "big": 10**30, "region": "eu"})
    outer = json.dumps({"inner": inner, "list": [{"token": "t"}]})
    found, masked = redacted({"settings": outer, "plain": '{"a": [1, 2]}'})
    assert masked == ["configuration.settings"]
    assert found["plain"] == '{"a": [1, 2]}'
    settings = json.loads(found["settings"])
    assert settings["list"] == [{"token": REDACTED}]
    assert json.loads(settings["inner"]) == {"password": REDACTED, "big": 10**30, "region": "eu"}


@pytest.mark.parametrize(
    "text",
    [
        '{"password":"hunter2-abc","password":null}',
        '{"x":{"password":"hunter2-abc"},"x":1}',
        '[{"auth":{"foo":"hunter2-abc"},"auth":true}]',
        json.dumps('{"headers":{"X-Team":"hunter2-abc"}}'),
        json.dumps(json.dumps([{"name": "password", "value": "hunter2-abc"}])),
        '\ufeff{"headers":{"X-Team":"hunter2-abc"}}',
        '{"postgres://u:hunter2-abc@h/d":1}',
    ],
)
def test_a_duplicate_or_quoted_key_in_json_text_hides_no_secret(text: str) -> None:
    found, masked = redacted({"settings": text})
    assert "hunter2" not in found["settings"]
    assert masked == ["configuration.settings"]


@pytest.mark.parametrize(
    "text", ['{"a" : 1.10, "a" : 2e5 }', ' [ {"b":"x","b" : null}]', '"{\\"a\\": 1}"', '"[x"', "\ufeff"]
)
def test_json_text_without_a_secret_stays_verbatim(text: str) -> None:
    assert redacted({"settings": text}) == ({"settings": text}, [])


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_json_text_nested_too_deeply_to_walk_is_masked_entirely(opening: str) -> None:
    text = CANARY
    for _ in range(5):
        text = opening * 95 + json.dumps(text) + ("}" if opening != "[" else "]") * 95
    assert CANARY not in redacted({"settings": text})[0]["settings"]


def test_a_mask_in_a_field_that_the_user_keeps_is_counted() -> None:
    configuration = {"note": REDACTED, "x": {"note": [f"a {REDACTED} b", {"y": REDACTED, "z": "plain"}]}}
    found, masked = redacted(deepcopy(configuration), Redactor(Rules(keep=["note"])))
    assert found == configuration
    record: Any = {"configuration": found}
    assert sorted(masked) == sorted(masked_paths(encode(record), record))
    assert len(masked) == 3


def test_json_text_in_too_many_layers_is_masked_entirely() -> None:
    text: Any = {"password": CANARY}
    for _ in range(8):
        text = {"x": json.dumps(text)}
    assert CANARY not in json.dumps(redacted(text)[0])


@pytest.mark.parametrize(
    "text", ['{"password": "hunter2-abc"', '[{"password": "hunter2-abc"}, ', '{"password": "hunter2-abc"} x']
)
def test_text_that_only_begins_like_json_is_treated_as_text(text: str) -> None:
    assert "hunter2" not in json.dumps(redacted({"note": text})[0])


def test_a_key_that_is_a_secret_is_masked_and_its_value_kept() -> None:
    token, other = "ghp_" + "a1B2" * 9, "ghp_" + "c3D4" * 9
    found, _ = redacted({"labels": {token: "one", "x": 2, other: "three"}})
    assert found["labels"] == {REDACTED: "one", "x": 2, f"{REDACTED} 2": "three"}


def test_many_keys_that_are_secrets_keep_their_values_in_order() -> None:
    found, _ = redacted({f"password={number:08}": number for number in range(20_000)} | {f"password={REDACTED} 3": -1})
    assert len(found) == 20_001
    assert list(found)[:3] == [f"password={REDACTED}", f"password={REDACTED} 2", f"password={REDACTED} 3"]


def test_the_path_of_a_value_masks_a_key_that_is_a_secret() -> None:
    token, other = "ghp_" + "a1B2" * 9, "ghp_" + "c3D4" * 9
    address = f"postgres://u:{CANARY}@h/d"
    found, masked = redacted(
        {token: {"password": "p"}, "x": [{token: "***", other: "***"}], address: {"password": "p"}}
    )
    record: Any = {"configuration": found}
    assert sorted(masked) == sorted(masked_paths(encode(record), record))
    assert masked == [
        f"configuration.{REDACTED}.password",
        f"configuration.x[].{REDACTED}",
        f"configuration.x[].{REDACTED} 2",
        f"configuration.postgres://{REDACTED}@h/d.password",
    ]


@pytest.mark.parametrize(
    "mask", ["****1234", "xxxxxxxx", "ab***", "XXXX", "<hidden>", "(redacted)", "•••1234", "sk-***"]
)
def test_a_mask_that_shows_a_part_becomes_the_constant(mask: str) -> None:
    assert redacted({"host": mask})[0] == {"host": REDACTED}


@pytest.mark.parametrize("value", [True, False, None])
def test_a_truth_value_under_the_name_of_a_secret_is_not_a_secret(value: Any) -> None:
    assert redacted({"smtp_password": value})[0] == {"smtp_password": value}


def test_a_number_under_the_name_of_a_secret_is_a_secret() -> None:
    assert redacted({"vault_token": 123456})[0] == {"vault_token": REDACTED}


def test_the_users_rules_keep_and_mask_fields() -> None:
    rules = Rules(also=["nickname", "a.b"], keep=["client_id", "auth.realm_key"])
    configuration = {
        "nickname": "n",
        "a": {"b": "x", "c": "y"},
        "client_id": "id",
        "auth": {"realm_key": "k", "other": "o"},
    }
    assert redacted(configuration, Redactor(rules))[0] == {
        "nickname": REDACTED,
        "a": {"b": REDACTED, "c": "y"},
        "client_id": "id",
        "auth": {"realm_key": "k", "other": REDACTED},
    }


def test_a_live_schema_adds_to_the_packaged_one() -> None:
    redactor = Redactor()
    redactor.add_schema("postgresql", {"hostname": True, "made_up": False})
    configuration = {"hostname": "db", "password": "p", "made_up": "m"}
    redactor.redact_configuration(configuration, "postgresql", [])
    assert configuration == {"hostname": REDACTED, "password": REDACTED, "made_up": "m"}


def test_a_fingerprint_distinguishes_secrets_and_is_equal_for_equal_ones() -> None:
    redactor = Redactor(fingerprint=fingerprinter(Secret("a key of many characters")))
    one, _ = redacted({"password": "p", "again": {"secret": "p"}, "token": "q", "api_key": "********"}, redactor)
    two, _ = redacted({"password": "p"}, Redactor(fingerprint=fingerprinter(Secret("another key of many"))))
    assert one["password"] == one["again"]["secret"] != one["token"]
    assert re.fullmatch(r"\[REDACTED:[0-9a-f]{16}\]", one["password"])
    assert one["api_key"] == REDACTED  # a mask of the server has no fingerprint
    assert one["password"] != two["password"]


def test_the_fingerprint_replaces_only_the_secret_in_a_url() -> None:
    redactor = Redactor(fingerprint=fingerprinter(Secret("a key of many characters")))
    found, masked = redacted({"note": "postgres://u:p@h/d"}, redactor)
    assert re.fullmatch(r"postgres://\[REDACTED:[0-9a-f]{16}\]@h/d", found["note"])
    assert masked == ["configuration.note"]
    again, masked = redacted(deepcopy(found), redactor)
    assert (again, masked) == (found, ["configuration.note"])


def test_texts_beyond_the_cache_are_judged_alike() -> None:
    redactor = Redactor()
    for number in range(10_000):
        found, _ = redacted({"host": f"db-{number}.example.com:5432", "note": f"token=abc{number}"}, redactor)
        assert found == {"host": f"db-{number}.example.com:5432", "note": f"token={REDACTED}"}


@pytest.mark.parametrize("rules", [Rules(also=["mysql/note"]), Rules(keep=["s3/note", "s3/password"])])
def test_json_text_safe_for_one_type_is_judged_again_for_another(rules: Rules) -> None:
    redactor = Redactor(rules)
    text = '{"password":"hunter2-abc"}' if rules.names("s3") else '{"note":"hunter2-abc"}'
    one, other = {"options": text}, {"options": text}
    redactor.redact_configuration(one, "s3", [])
    redactor.redact_configuration(other, "mysql", [])
    assert one == {"options": text}
    assert "hunter2" not in other["options"]


def test_a_text_safe_in_one_field_may_be_a_secret_in_the_error() -> None:
    redactor = Redactor()
    text = "key refused: xK9vQ2mZ7pL4tR8wB3nY6cD1"
    for _ in range(2):
        record, _, _ = normalize(
            {"id": ID, "type": {"name": text}, "status_error": text}, ID, redactor, collected_at="", run_id=""
        )
        assert (record["type_name"], record["status_error"]) == (text, f"key refused: {REDACTED}")


def test_a_connection_with_a_hostile_type_id_is_redacted_by_names() -> None:
    redactor = Redactor()
    for number in range(3000):
        configuration: dict[str, Any] = {"password": CANARY}
        redactor.redact_configuration(configuration, f"../{number}", [])
        assert configuration == {"password": REDACTED}


def test_json_text_safe_in_one_type_may_contain_a_secret_of_another() -> None:
    redactor = Redactor(Rules(also=["mysql/nickname"]))
    text = json.dumps({"nickname": "orders of the day"})
    for type_id, expected in (
        ("postgresql", "orders of the day"),
        ("mysql", REDACTED),
        ("postgresql", "orders of the day"),
    ):
        configuration: dict[str, Any] = {"made_up": text}
        redactor.redact_configuration(configuration, type_id, [])
        assert json.loads(configuration["made_up"])["nickname"] == expected


def test_a_key_that_is_a_secret_is_masked_in_paths_and_in_json_text() -> None:
    token = "ghp_" + "a1B2" * 9
    found, masked = redacted({"labels": {token: {"password": "p"}}, "note": json.dumps({token: "plain"})})
    assert found == {
        "labels": {REDACTED: {"password": REDACTED}},
        "note": json.dumps({REDACTED: "plain"}, separators=(",", ":")),
    }
    assert masked == [f"configuration.labels.{REDACTED}.password", "configuration.note"]
