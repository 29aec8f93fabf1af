"""The connection types and their fields as trees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files

from collector.sandbox.catalogue import Field, catalogue


def test_the_catalogue_has_all_247_types_sorted_by_id() -> None:
    ids = [connection_type.id for connection_type in catalogue()]
    assert len(ids) == len(set(ids)) == 247
    assert ids == sorted(ids)


def test_the_trees_contain_every_field_of_the_data_file() -> None:
    rows = json.loads((files("collector.model") / "data" / "connection_types.json").read_bytes())
    for connection_type in catalogue():
        paths = [field.path for field in _all(connection_type.fields)]
        assert sorted(paths) == sorted(row["name"] for row in rows[connection_type.id]["fields"])


def test_the_masked_fields_match_the_list_of_sensitive_fields() -> None:
    sensitive = json.loads((files("collector.model") / "data" / "sensitive_fields.json").read_bytes())
    for connection_type in catalogue():
        masked = {field.path for field in _all(connection_type.fields) if field.masked}
        assert masked == set(sensitive[connection_type.id])


def test_nested_fields_are_children_of_their_parent() -> None:
    (api,) = [connection_type for connection_type in catalogue() if connection_type.id == "api"]
    (auth,) = [field for field in api.fields if field.name == "auth"]
    (query,) = [field for field in auth.children if field.name == "query"]
    assert [(field.name, field.unmasked_secret) for field in query.children] == [
        ("name", False),
        ("value", True),
    ]


def test_operations_vary_and_some_types_have_none() -> None:
    operations = {connection_type.operations for connection_type in catalogue()}
    assert () in operations
    assert len(operations) > 3


def _all(fields: Iterable[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _all(field.children)
