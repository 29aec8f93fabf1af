"""Objects and texts that are plain whatever the name of their field: queries, columns, references, templates.

Knows how such a value looks; knows nothing of the field it is in.
"""

from __future__ import annotations

import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.model.record import Json
from collector.redaction.detect.field_names import words
from collector.redaction.detect.plain_kinds import is_public_id, is_robot

COLUMN_TYPES: Final = words(
    "varchar char text string str nvarchar clob bytes binary blob int integer bigint smallint number numeric decimal "
    "float double real boolean bool date time datetime timestamp timestamptz json jsonb variant uuid array object null"
)
"""Beside the name of a column, the type of its values."""
_COLUMN_TYPE: Final = lazy_pattern(
    rf"(?:{'|'.join(sorted(COLUMN_TYPES))}|bytea|blob)(?:\([0-9, ]{{1,12}}\))?(?: not null)?"
)
_TEMPLATE: Final = lazy_pattern(r"(?:[A-Za-z-]{1,40}: ?)?(?:(?:Bearer|Basic|Token) )?(?:\{\{[^{}]*\}\}|\$\{[^{}]*\})")
_FLAGS: Final = (0, 1, -1)  # in a projection or a sort order
_QUERY_KEYS: Final = frozenset(
    ("bool", "match", "match_all", "term", "terms", "range", "exists", "aggs", "multi_match")
)
_FEWEST_COLUMNS: Final = 2
_IDENTIFIER: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")
_SECRET_KEY: Final = re.compile(r"[a-z]+(?:[.-][a-z0-9]+)*")


def is_query(value: dict[str, Json]) -> bool:
    """Is it a query of Elasticsearch, whose keys name fields?"""
    return not _QUERY_KEYS.isdisjoint(value) or ("query" in value and isinstance(value["query"], dict))


def names_columns(value: dict[str, Json], *, is_map: bool) -> bool:
    """Does it choose or sort columns, give them types, or, in a field for maps, other names?"""
    if len(value) < _FEWEST_COLUMNS:
        return False
    if set(map(type, value.values())) == {str}:
        has_types = all(_COLUMN_TYPE.fullmatch(each.lower()) for each in value.values())
        return has_types or (is_map and all(map(_IDENTIFIER.fullmatch, value.values())))
    return all(map(is_flag, value.values()))  # a projection, or a sort order


def is_reference(value: dict[str, Json]) -> bool:
    """Does it name a secret of Kubernetes and a key in it (SecretKeySelector)?"""
    if "name" not in value or "key" not in value or value.keys() - {"name", "key", "optional"}:
        return False
    return all(type(text) is str and _SECRET_KEY.fullmatch(text) for text in (value["name"], value["key"]))


def is_flag(value: Json) -> bool:
    """Is it a number that a projection or a sort order has beside the name of a column?"""
    return type(value) is int and value in _FLAGS


def proves_itself(text: str) -> bool:
    """Is a text, whose name is made of words for a secret, of a kind that cannot be one?"""
    if _TEMPLATE.fullmatch(text):
        return True
    return is_robot(text) or is_public_id(text) or _COLUMN_TYPE.fullmatch(text.lower()) is not None
