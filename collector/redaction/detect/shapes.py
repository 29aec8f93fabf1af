"""Objects and texts that are safe in a field of any name: queries, columns, references, templates.

Knows the shape of such values; must not know the field.
"""

from __future__ import annotations

import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.model.record import Json
from collector.redaction.detect.field_names import words
from collector.redaction.detect.known_safe import is_public_id, is_service_account

COLUMN_TYPES: Final = words(
    "varchar char text string str nvarchar clob bytes binary blob int integer bigint smallint number numeric decimal "
    "float double real boolean bool date time datetime timestamp timestamptz json jsonb variant uuid array object null"
)
"""Types of columns, in lower case."""
_COLUMN_TYPE: Final = lazy_pattern(
    rf"(?:{'|'.join(sorted(COLUMN_TYPES))}|bytea|blob)(?:\([0-9, ]{{1,12}}\))?(?: not null)?"
)
_TEMPLATE: Final = lazy_pattern(r"(?:[A-Za-z-]{1,40}: ?)?(?:(?:Bearer|Basic|Token) )?(?:\{\{[^{}]*\}\}|\$\{[^{}]*\})")
_FLAGS: Final = (0, 1, -1)  # in a projection or a sort order
_QUERY_KEYS: Final = frozenset(
    ("bool", "match", "match_all", "term", "terms", "range", "exists", "aggs", "multi_match")
)
_MIN_COLUMNS: Final = 2
_IDENTIFIER: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")
_SECRET_KEY: Final = re.compile(r"[a-z]+(?:[.-][a-z0-9]+)*")


def is_query(value: dict[str, Json]) -> bool:
    """Is it an Elasticsearch query, whose keys are field names?"""
    return not _QUERY_KEYS.isdisjoint(value) or ("query" in value and isinstance(value["query"], dict))


def names_columns(value: dict[str, Json], *, is_map: bool) -> bool:
    """Does it select, sort or type columns, or, in a field for maps, rename them?"""
    if len(value) < _MIN_COLUMNS:
        return False
    if set(map(type, value.values())) == {str}:
        has_types = all(_COLUMN_TYPE.fullmatch(each.lower()) for each in value.values())
        return has_types or (is_map and all(map(_IDENTIFIER.fullmatch, value.values())))
    return all(map(is_flag, value.values()))  # a projection, or a sort order


def is_reference(value: dict[str, Json]) -> bool:
    """Is it a reference to a Kubernetes secret and a key in it (SecretKeySelector)?"""
    if "name" not in value or "key" not in value or value.keys() - {"name", "key", "optional"}:
        return False
    return all(type(text) is str and _SECRET_KEY.fullmatch(text) for text in (value["name"], value["key"]))


def is_flag(value: Json) -> bool:
    """Is it a number that a projection or a sort order assigns to a column?"""
    return type(value) is int and value in _FLAGS


def is_safe_by_form(text: str) -> bool:
    """Can this text not be a secret, although the name of its field suggests one?"""
    if _TEMPLATE.fullmatch(text):
        return True
    return is_service_account(text) or is_public_id(text) or _COLUMN_TYPE.fullmatch(text.lower()) is not None
