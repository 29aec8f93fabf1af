"""The connection types Polytomic knows, and their configuration fields as trees.

Made of `model.connection_types`; knows nothing of connections, values or HTTP.
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
    """One configuration field. `children` are those of the object, or of each item of the array of objects.

    `masked`: the vendor's schema marks it as sensitive. `unmasked_secret`: it holds a secret all the same.
    `may_embed_secret`: a URL or text that can carry one.
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
        """The key it has in its object."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ConnectionType:
    """A kind of system that can be connected. `use_oauth` is None where nobody has written it down."""

    id: str
    name: str
    use_oauth: bool | None
    fields: tuple[Field, ...]

    @property
    def logo_url(self) -> str:
        """Where its logo would be."""
        return f"https://connect-assets.polytomic.com/logos/{self.id}.svg"

    @property
    def operations(self) -> tuple[str, ...]:
        """What it can do: a guess, always the same. The API is not consistent in case, so neither is this."""
        number = crc32(self.id.encode())
        return _OPERATIONS[number % len(_OPERATIONS)]


class _Row(TypedDict, total=False):
    """A field as the data file has it: flat, with a dotted name, `[]` standing for an array's items."""

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


class _Entry(TypedDict):
    name: str
    use_oauth: bool | None
    fields: list[_Row]


_Secrets: TypeAlias = Mapping[str, Sequence[str]]


@cache
def catalogue() -> tuple[ConnectionType, ...]:
    """All connection types, by id."""
    entries = cast("Mapping[str, _Entry]", connection_types())
    unmarked = cast("Mapping[str, _Secrets]", unmarked_secret_fields())
    return tuple(_connection_type(id, entry, unmarked.get(id, {})) for id, entry in sorted(entries.items()))


def _connection_type(id: str, entry: _Entry, secrets: _Secrets) -> ConnectionType:
    return ConnectionType(id, entry["name"], entry["use_oauth"], _tree(entry["fields"], "", secrets))


def _tree(rows: Sequence[_Row], parent: str, secrets: _Secrets) -> tuple[Field, ...]:
    return tuple(_field(row, rows, secrets) for row in rows if _parent(row["name"]) == parent)


def _parent(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def _field(row: _Row, rows: Sequence[_Row], secrets: _Secrets) -> Field:
    path = row["name"]
    return Field(
        path=path,
        type=row["type"],
        children=_tree(rows, path, secrets),
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
