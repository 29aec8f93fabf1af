"""Configurations have realistic values, and fake secrets where a real configuration might have secrets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b

import pytest

from collector.model.record import Json
from collector.sandbox.catalogue import Field, catalogue
from collector.sandbox.configuration import configuration_factory
from collector.sandbox.fake_values import CANARY

SAMPLES = 120
"""Configurations examined per type: enough for the rarest field of the largest type."""

_PYTHON_TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
_SECRET = re.compile(re.escape(CANARY) + "[0-9a-f]{16}")


def test_every_field_of_every_type_has_a_value_in_some_configuration() -> None:
    missing = [(id, field.path) for id, field in _fields() if not _values_by_path()[id][field.path]]
    assert missing == []


def test_values_have_the_type_of_their_field() -> None:
    for id, field in _fields():
        if not field.masked:
            assert {type(value) for value in _values_by_path()[id][field.path]} == {_PYTHON_TYPES[field.type]}


def test_values_are_among_the_choices() -> None:
    for id, field in _fields():
        if field.choices:
            assert set(_values_by_path()[id][field.path]) <= set(field.choices)


def test_required_fields_are_always_present() -> None:
    for id, field in _fields():
        if field.required and not field.masked:
            assert len(_values_by_path()[id][field.path]) == SAMPLES


def test_marked_fields_are_masked_at_varying_lengths_or_empty_or_absent() -> None:
    for id, field in _fields():
        if field.masked:
            values = _values_by_path()[id][field.path]
            assert all(set(value) <= {"*"} for value in values)
            assert "" in values
            assert len({len(value) for value in values}) > 3
            assert len(values) < SAMPLES


def test_unmarked_secret_fields_contain_an_unmasked_fake_secret() -> None:
    secrets = [(id, field) for id, field in _fields() if field.unmasked_secret]
    assert {id for id, _ in secrets} == {"api", "csv", "httpenrichment", "webhook"}
    for id, field in secrets:
        assert all(_SECRET.fullmatch(value) for value in _values_by_path()[id][field.path])


def test_fields_that_can_embed_a_secret_sometimes_do() -> None:
    embedding = [(id, field) for id, field in _fields() if field.may_embed_secret]
    assert embedding
    for id, field in embedding:
        texts = [str(value) for value in _values_by_path()[id][field.path]]
        embedded = [text for text in texts if CANARY in text]
        assert 0 < len(embedded) < len(texts)
        assert all(re.search(f"https://svc:{_SECRET.pattern}@[a-z]+[.]example/", text) for text in embedded)


def test_all_other_fields_contain_no_secret() -> None:
    for id, field in _fields():
        if not (field.unmasked_secret or field.may_embed_secret or field.children):
            assert not any(CANARY in str(value) for value in _values_by_path()[id][field.path])


def test_exactly_one_authentication_field_is_present() -> None:
    (webhook,) = [connection_type for connection_type in catalogue() if connection_type.id == "webhook"]
    configure = configuration_factory(webhook)
    for entropy in _entropies():
        assert len({"basic", "header", "query", "oauth"} & configure(entropy).keys()) == 1


def test_hosts_are_in_the_reserved_example_domain() -> None:
    text = str([values for fields in _values_by_path().values() for values in fields.values()])
    hosts = set(re.findall(r"(?:https://|@)(?:[^@/' ]*@)?([a-z0-9.-]+)", text))
    assert hosts
    assert all(host.endswith(".example") for host in hosts)


@pytest.mark.parametrize("id", ["mixpanel", "postgresql"])
def test_the_same_entropy_gives_an_equal_configuration(id: str) -> None:
    (connection_type,) = [each for each in catalogue() if each.id == id]
    for entropy in _entropies():
        assert configuration_factory(connection_type)(entropy) == configuration_factory(connection_type)(entropy)


def test_some_integers_are_too_large_for_a_float() -> None:
    assert all(float(value) != value for value in _values_by_path()["mixpanel"]["project_id"])


def _fields() -> Iterator[tuple[str, Field]]:
    for connection_type in catalogue():
        for field in _all(connection_type.fields):
            yield connection_type.id, field


def _all(fields: Iterable[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _all(field.children)


def _entropies() -> list[bytes]:
    return [blake2b(number.to_bytes(2)).digest() for number in range(SAMPLES)]


@cache
def _values_by_path() -> dict[str, dict[str, list[Json]]]:
    """Type → dotted path → all its values."""
    seen: dict[str, dict[str, list[Json]]] = {}
    for connection_type in catalogue():
        configure = configuration_factory(connection_type)
        seen[connection_type.id] = paths = defaultdict(list)
        for entropy in _entropies():
            for path, value in _walk(configure(entropy), ""):
                paths[path].append(value)
    return seen


def _walk(configuration: dict[str, Json], prefix: str) -> Iterator[tuple[str, Json]]:
    for key, value in configuration.items():
        yield prefix + key, value
        for inner, opening in ((value, "."),) if isinstance(value, dict) else ():
            yield from _walk(inner, prefix + key + opening)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict):
                yield from _walk(item, f"{prefix}{key}[].")
