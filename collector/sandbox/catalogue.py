"""Polytomic's connection types, and their configuration fields as trees.

Built from `model.connection_types`. Must not know connections, values or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias, TypedDict, cast
from zlib import crc32

from collector.model.connection_types import connection_types, unmarked_secret_fields
from collector.model.record import Json

_OPERATIONS: Final = (
    ("bulksyncsource",),
    ("bulksyncsource", "fieldsetquery", "supportssql"),
    ("BulkSyncSource", "Filters", "IdentityFunctions"),
    ("FIELDSETQUERY", "TARGET", "TargetCreator", "IsTruncatable"),
    (),
)

FieldType: TypeAlias = Literal["string", "boolean", "integer", "array", "object"]


@dataclass(frozen=True, slots=True)
class Field:
    """One configuration field. `children` are the fields of the object, or of each item of an array of objects.

    `masked`: the vendor's schema marks the field as sensitive. `unmasked_secret`: the schema does not mark it, but it
    holds a secret. `may_embed_secret`: a URL or text that can contain a secret.
    """

    path: str
    type: FieldType
    children: tuple[Field, ...] = ()
    item_type: FieldType | None = None
    required: bool = False
    masked: bool = False
    unmasked_secret: bool = False
    may_embed_secret: bool = False
    read_only: bool = False
    hidden: bool = False
    format: str | None = None
    choices: tuple[Json, ...] = ()
    default: Json = None

    @property
    def name(self) -> str:
        """The field's key in its parent object."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ConnectionType:
    """A kind of system that Polytomic can connect to. `use_oauth` is None where it is not documented."""

    id: str
    name: str
    use_oauth: bool | None
    fields: tuple[Field, ...]

    @property
    def logo_url(self) -> str:
        """A URL in the form that the API uses for logos."""
        return f"https://connect-assets.polytomic.com/logos/{self.id}.svg"

    @property
    def operations(self) -> tuple[str, ...]:
        """Supported operations: invented, but constant for each type. Case is inconsistent, as it is in the API."""
        number = crc32(self.id.encode())
        return _OPERATIONS[number % len(_OPERATIONS)]


class _FieldRow(TypedDict, total=False):
    """One field as the data file stores it: flat, with a dotted name in which `[]` denotes the items of an array."""

    name: str
    type: FieldType
    items: FieldType
    values: FieldType
    required: bool
    sensitive: bool
    read_only: bool
    hidden: bool
    format: str
    enum: list[Json]
    default: Json


class _TypeEntry(TypedDict):
    name: str
    use_oauth: bool | None
    fields: list[_FieldRow]


_UnmarkedSecrets: TypeAlias = Mapping[str, Sequence[str]]


@cache
def catalogue() -> tuple[ConnectionType, ...]:
    """All connection types, sorted by id."""
    entries = cast("Mapping[str, _TypeEntry]", connection_types())
    unmarked = cast("Mapping[str, _UnmarkedSecrets]", unmarked_secret_fields())
    return tuple(_connection_type(id, entry, unmarked.get(id, {})) for id, entry in sorted(entries.items()))


def _connection_type(id: str, entry: _TypeEntry, secrets: _UnmarkedSecrets) -> ConnectionType:
    return ConnectionType(id, entry["name"], entry["use_oauth"], _build_tree(entry["fields"], "", secrets))


def _build_tree(rows: Sequence[_FieldRow], parent: str, secrets: _UnmarkedSecrets) -> tuple[Field, ...]:
    return tuple(_build_field(row, rows, secrets) for row in rows if _parent_path(row["name"]) == parent)


def _parent_path(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def _build_field(row: _FieldRow, rows: Sequence[_FieldRow], secrets: _UnmarkedSecrets) -> Field:
    path = row["name"]
    return Field(
        path=path,
        type=row["type"],
        children=_build_tree(rows, path, secrets),
        item_type=row.get("items", row.get("values")),
        required=row.get("required", False),
        masked=row.get("sensitive", False),
        unmasked_secret=path in secrets.get("secret", ()),
        may_embed_secret=path in secrets.get("may_embed_secret", ()),
        read_only=row.get("read_only", False),
        hidden=row.get("hidden", False),
        format=row.get("format"),
        choices=tuple(row.get("enum", ())),
        default=row.get("default"),
    )
