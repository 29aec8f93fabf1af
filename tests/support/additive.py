"""The differences between two versions of the JSON Schemas of all tables that would break a loader. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from collector.model.record import Json

_WORDS: Final = frozenset({"description", "title"})
"""Keywords that change no value."""


def breaking_changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """One line for each change that is not additive. New tables are additive, and so are new columns that may be null.

    A table of a database has rows of earlier runs, which have null in a new column.
    """
    return [
        problem
        for name, schema in old.items()
        for problem in (_changes(schema, new[name]) if name in new else ["the table is gone"])
        for problem in [f"{name}: {problem}"]
    ]


def _changes(old: Json, new: Json) -> Iterator[str]:
    before, after = old["properties"], new["properties"]
    for name, form in before.items():
        if name not in after:
            yield f"{name} is gone"
        elif _plain(after[name]) != _plain(form):
            yield f"{name} has other values"
    yield from (
        f"{name} is new and never null" for name in after.keys() - before.keys() if not _may_be_null(after[name])
    )
    yield from (f"{name} may be absent" for name in old["required"] if name in after and name not in new["required"])
    if [name for name in after if name in before] != [name for name in before if name in after]:
        yield "the columns have another order"
    if new["$id"] != old["$id"]:
        yield "the version has changed"


def _plain(form: Json) -> Json:
    """The schema without the keywords that change no value."""
    match form:
        case dict():
            return {key: _plain(value) for key, value in form.items() if key not in _WORDS}
        case list():
            return [_plain(each) for each in form]
    return form


def _may_be_null(form: Json) -> bool:
    return {"type": "null"} in form.get("anyOf", [])
