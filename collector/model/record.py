"""The record's schema: one table of its fields, from which every other list of them is derived. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

SCHEMA = 1
"""Major version of the record. Within a major version, keys are only added."""


class Kind(Enum):
    """The kind of a field's values, as worded in the reference."""

    ID = "text: an id, lower case"
    TEXT = "text"
    PROSE = "text from another system, verbatim"
    TIME = "text: a time, RFC 3339 UTC with microseconds"
    FLAG = "boolean"
    COUNT = "integer"
    IDS = "array of ids"
    TEXTS = "array of texts"
    OBJECT = "object"
    ARRAY = "array"
    VERSION = "integer: the version of this schema"


class Field(NamedTuple):
    """One key of a record.

    `source` is its path below `data` in the API's reply; None if the API has no such field.
    """

    name: str
    kind: Kind
    source: str | None
    about: str
    is_nullable: bool = True


AUDIT_FIELDS: Final = (
    Field("created_at", Kind.TIME, "created_at", "creation time"),
    Field("created_by_id", Kind.ID, "created_by.id", "its creator"),
    Field("created_by_name", Kind.TEXT, "created_by.name", "name of that user"),
    Field("created_by_type", Kind.TEXT, "created_by.type", "type of that user, such as `user`"),
    Field("updated_at", Kind.TIME, "updated_at", "time of the last change"),
    Field("updated_by_id", Kind.ID, "updated_by.id", "author of the last change"),
    Field("updated_by_name", Kind.TEXT, "updated_by.name", "name of that user"),
    Field("updated_by_type", Kind.TEXT, "updated_by.type", "type of that user, such as `user`"),
)
"""Creation and last change. Syncs and models have them too."""

LAST_FIELDS: Final = (
    Field("extra", Kind.OBJECT, None, "all other fields that the API sent, redacted", is_nullable=False),
    Field("_collected_at", Kind.TIME, None, "time of the reply", is_nullable=False),
    Field("_run_id", Kind.TEXT, None, "the run that collected it", is_nullable=False),
    Field("_schema", Kind.VERSION, None, "1", is_nullable=False),
)
"""The last fields of a record, and of a row of a side table."""

RECORD: Final = (
    Field("id", Kind.ID, "id", "the connection", is_nullable=False),
    Field("name", Kind.TEXT, "name", "its name"),
    Field("organization_id", Kind.ID, "organization_id", "the organization it belongs to"),
    Field("parent_connection_id", Kind.ID, "parent_connection_id", "of a shared connection: the one it is a copy of"),
    Field("type_id", Kind.TEXT, "type.id", "the type of system, such as `postgresql`"),
    Field("type_name", Kind.TEXT, "type.name", "the name of the type"),
    Field("type_operations", Kind.TEXTS, "type.operations", "what the type can do", is_nullable=False),
    Field("status", Kind.TEXT, "status", "an open list; only `healthy` is documented"),
    Field("status_error", Kind.PROSE, "status_error", "why it is not healthy"),
    Field("saved", Kind.FLAG, "saved", "is the connection saved?"),
    Field("policies", Kind.IDS, "policies", "the policies that apply to it", is_nullable=False),
    Field("api_calls_last_24_hours", Kind.COUNT, "api_calls_last_24_hours", "calls to the system, if counted"),
    Field("rate_limit", Kind.OBJECT, "rate_limit", "the last rate limit that the system set"),
    *AUDIT_FIELDS,
    Field("configuration", Kind.OBJECT, "configuration", "its settings, redacted"),
    *LAST_FIELDS,
)
"""Every field, in the order of a record's keys."""

FIELDS: Final = tuple(field.name for field in RECORD)
"""Every key of a record, in order; all are always present."""

JSON_TYPES: Final[dict[Kind, type]] = {
    **dict.fromkeys((Kind.ID, Kind.TEXT, Kind.PROSE, Kind.TIME), str),
    Kind.FLAG: bool,
    Kind.COUNT: int,
    Kind.IDS: list,
    Kind.TEXTS: list,
    Kind.OBJECT: dict,
    Kind.ARRAY: list,
    Kind.VERSION: int,
}
"""The Python type of each kind's values after JSON parsing."""


def names_of(*kinds: Kind, fields: Iterable[Field] = RECORD) -> tuple[str, ...]:
    """The names of the fields of these kinds, in order."""
    return tuple(field.name for field in fields if field.kind in kinds)


def sent_times(fields: Iterable[Field] = RECORD) -> tuple[str, ...]:
    """The names of the timestamps that the API sends."""
    return names_of(Kind.TIME, fields=(field for field in fields if field.source is not None))


def count_texts(extra: Mapping[str, Json], names: Iterable[str]) -> int:
    """Count the fields that are text in the redacted `extra`.

    A timestamp is text there if it is not RFC 3339 and did not stay in its field, or if another value was masked.
    """
    return sum(type(extra.get(name)) is str for name in names)


NOT_KEPT: Final = (("type", "logo_url"), ("type", "logo_dark_url"))
"""Known paths below `data` that are deliberately discarded: logos, which are the same for all connections of a type."""

Json: TypeAlias = Any
"""A parsed JSON value: None, bool, int, float, str, or a list or dict of these."""

Record: TypeAlias = dict[str, Json]
"""One connection as written: the keys of `FIELDS`."""


def texts_in(path: str, value: Json) -> Iterator[tuple[str, str]]:
    """Every text in the value at `path`, with its own path, such as `configuration.hosts[]`."""
    pending: list[tuple[str, Json]] = [(path, value)]
    while pending:
        at, inner = pending.pop()
        if type(inner) is dict:
            pending.extend((f"{at}.{key}", each) for key, each in inner.items())
        elif type(inner) is list:
            pending.extend((f"{at}[]", each) for each in inner)
        elif type(inner) is str:
            yield at, inner


_NUL: Final = b"\\u0000"  # NUL as JSON escapes it; an escaped backslash before "u0000" matches too, so values decide


def nul_paths(json_text: bytes, record: Record) -> tuple[str, ...]:
    """The paths of texts with a NUL character, which PostgreSQL and other databases cannot store.

    `json_text` is the body that the record was parsed from, or its line. A repaired body may contain the raw character.
    """
    if (b"\\" not in json_text or _NUL not in json_text) and b"\0" not in json_text:
        return ()
    return tuple(path for key, value in record.items() for path, text in texts_in(key, value) if "\0" in text)
