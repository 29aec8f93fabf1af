"""Which values are secrets, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redact import REDACTED, Redactor

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
    loaded: dict[str, Any] = json.loads((files("collector") / "data" / name).read_bytes())
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
    """Mask in place; returns how many values."""
    masked: list[str] = []
    Redactor().redact_configuration(configuration, type_id, masked)
    return len(masked)


def redact_elsewhere(values: dict[str, Any]) -> int:
    """The same for what is no configuration."""
    masked: list[str] = []
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
    """What stands where there is neither an object nor an array."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize(("type_id", "path"), FIELDS_BY_TYPE)
def test_every_field_known_to_be_secret_for_its_type_is_masked_whatever_is_in_it(type_id: str, path: str) -> None:
    for value in VALUES:
        configuration = planted(path, deepcopy(value))
        expected = planted(path, REDACTED)
        count = redact(configuration, type_id)
        assert configuration == expected, value
        assert count == sum(leaf == REDACTED for leaf in leaves(expected))


@pytest.mark.parametrize(("type_id", "path"), FIELDS_BY_TYPE)
def test_null_stays_null_for_it_says_that_nothing_is_there(type_id: str, path: str) -> None:
    configuration = planted(path, None)
    assert redact(configuration, type_id) == 0
    assert configuration == planted(path, None)


def test_the_fields_of_all_types_and_of_all_three_groups_are_tried() -> None:
    assert len(FIELDS_BY_TYPE) > 300
    assert {group for groups in UNMARKED.values() for group in groups} == {
        "secret",
        "may_embed_secret",
        "identifier_marked_elsewhere_or_credential_id",
    }


@given(st.sampled_from(NAMES), spellings, neutral_objects, st.sampled_from(VALUES), st.data())
def test_a_name_marked_for_some_type_is_a_secret_in_any_type_at_any_depth_in_any_spelling(
    name: str, spell: Any, around: dict[str, Any], value: Any, data: st.DataObject
) -> None:
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
def test_what_the_server_masked_is_one_constant_whatever_its_length(character: str, length: int) -> None:
    mask = character * length
    configuration: dict[str, Any] = {"host": mask, "options": {"names": [mask, "plain", [mask]]}, "x": REDACTED}
    assert redact(configuration, "postgresql") == 4
    assert configuration == {
        "host": REDACTED,
        "options": {"names": [REDACTED, "plain", [REDACTED]]},
        "x": REDACTED,
    }


@pytest.mark.parametrize("text", ["a*", "*a*", "* *", "[REDACTED", "[redacted] text", "[]", ""])
def test_text_that_is_no_mask_stays(text: str) -> None:
    configuration = {"host": text}
    assert redact(configuration, None) == 0
    assert configuration == {"host": text}


@given(neutral_objects)
def test_what_is_no_secret_is_not_touched(configuration: dict[str, Any]) -> None:
    before = deepcopy(configuration)
    assert redact(configuration, "postgresql") == 0
    assert redact_elsewhere(configuration) == 0
    assert configuration == before


@given(neutral_objects, st.sampled_from(FIELDS_BY_TYPE), st.sampled_from(NAMES))
def test_the_count_is_that_of_masked_values_and_masking_twice_changes_nothing(
    around: dict[str, Any], field: tuple[str, str], name: str
) -> None:
    type_id, path = field
    configuration = {**around, **planted(path, CANARY), "more": [{name: [1, 2]}, {name: None}]}
    count = redact(configuration, type_id)
    assert count == sum(leaf == REDACTED for leaf in leaves(configuration))
    again = deepcopy(configuration)
    assert redact(again, type_id) == count
    assert again == configuration


def test_the_marks_of_one_type_are_not_those_of_another() -> None:
    configuration = {"body": "a text", "auth_style": 1}
    assert redact(configuration, "postgresql") == 0
    assert redact(configuration, "api") == 1


def test_a_path_marked_deep_leaves_its_neighbours() -> None:
    configuration = {"headers": [{"name": "X-Team", "value": CANARY}], "auth": {"header": {"name": "A", "value": 1}}}
    redact(configuration, "api")
    assert configuration == {
        "headers": [{"name": "X-Team", "value": REDACTED}],
        "auth": {"header": {"name": "A", "value": REDACTED}},
    }


@pytest.mark.parametrize("form", [CANARY, [CANARY], [[CANARY]], [{"value": CANARY}], {"value": CANARY}])
def test_secrets_marked_deeper_are_masked_too_where_another_form_stands_in_their_place(form: Any) -> None:
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


def test_many_foreign_keys_are_judged_alike_whether_they_are_remembered_or_not() -> None:
    for index in range(10_000):
        configuration = {f"key{index}": CANARY, f"api_{'_' * (index % 50)}key": CANARY}
        assert redact(configuration, None) == 1


def test_fields_outside_of_a_configuration_are_masked_by_name_and_mask() -> None:
    values = {"password": CANARY, "note": "***", "inner": [{"api-key": [CANARY]}], "kept": "text", "none": None}
    assert redact_elsewhere(values) == 3
    assert values == {
        "password": REDACTED,
        "note": REDACTED,
        "inner": [{"api-key": REDACTED}],
        "kept": "text",
        "none": None,
    }


def test_an_object_where_the_schema_has_an_array_of_secrets_is_masked_whole() -> None:
    configuration = {"headers": {"X-Token": "sandbox"}, "parameters": [{"name": "n", "value": "v"}]}
    assert redact(configuration, "api") == 2
    assert configuration == {"headers": REDACTED, "parameters": [{"name": "n", "value": REDACTED}]}
