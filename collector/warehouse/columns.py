"""The typed columns of the data set: one table for connections and one for each side table. Pure.

Every schema, file and load of this room is derived from these columns. The types are logical; each dialect names its
own.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from collector.model.record import RECORD, SCHEMA, Field, Kind
from collector.model.side_tables import SIDE_TABLES, TABLE_SCHEMA

CONNECTIONS: Final = "connections"
"""The name of the table of records. Side tables have their own names."""


class ColumnType(Enum):
    """The logical type of a column."""

    TEXT = "text"
    TIMESTAMP = "timestamp with time zone, microseconds"
    BOOLEAN = "boolean"
    BIGINT = "integer of 64 bits, signed"
    TEXTS = "array of text, never null"
    JSON = "JSON: an object or an array"


_TYPES: Final = {
    Kind.ID: ColumnType.TEXT,
    Kind.TEXT: ColumnType.TEXT,
    Kind.PROSE: ColumnType.TEXT,
    Kind.TIME: ColumnType.TIMESTAMP,
    Kind.FLAG: ColumnType.BOOLEAN,
    Kind.COUNT: ColumnType.BIGINT,
    Kind.IDS: ColumnType.TEXTS,
    Kind.TEXTS: ColumnType.TEXTS,
    Kind.OBJECT: ColumnType.JSON,
    Kind.ARRAY: ColumnType.JSON,
    Kind.VERSION: ColumnType.BIGINT,
}


class Column(NamedTuple):
    """One column: a field of the record or of a row, and the logical type of its values."""

    field: Field
    type: ColumnType

    @property
    def name(self) -> str:
        """The column's name, which is the key in the JSON line."""
        return self.field.name

    @property
    def is_nullable(self) -> bool:
        """May the column be null?"""
        return self.field.is_nullable

    @property
    def is_json_array(self) -> bool:
        """Are the values arrays of any JSON? Other JSON is an object."""
        return self.field.kind is Kind.ARRAY

    @property
    def is_fallible(self) -> bool:
        """May the API send a value that does not fit the type, so that the typed column is null?"""
        return self.field.source is not None and self.type in (ColumnType.TIMESTAMP, ColumnType.BIGINT)


class Table(NamedTuple):
    """One table. `key` names the columns that identify a row within an organization."""

    name: str
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    version: int

    def names_of(self, *types: ColumnType) -> tuple[str, ...]:
        """The names of the columns of these types, in order."""
        return tuple(column.name for column in self.columns if column.type in types)


def _columns(fields: tuple[Field, ...]) -> tuple[Column, ...]:
    return tuple(Column(field, _TYPES[field.kind]) for field in fields)


TABLES: Final = {
    CONNECTIONS: Table(CONNECTIONS, "one row per connection", ("id",), _columns(RECORD), SCHEMA),
    **{
        table.name: Table(table.name, table.about, table.key, _columns(table.fields), TABLE_SCHEMA)
        for table in SIDE_TABLES.values()
    },
}
"""Every table by its name; connections come first."""
