"""The one rule for a value that does not fit its typed column: the column is null, and `extra` keeps the value. Pure.

Two kinds of columns have such values: a timestamp that is not RFC 3339, and an integer beyond 64 bits. `extra` then
holds the value under the column's name, as it does with `--timestamps strict`. Text without a NUL character and JSON
always fit.
"""

from __future__ import annotations

from typing import Final

from collector.model.record import Json
from collector.model.timestamps import is_utc
from collector.warehouse.columns import ColumnType, Table

_MIN: Final = -(2**63)
_MAX: Final = 2**63 - 1


def fit(table: Table, row: dict[str, Json]) -> tuple[str, ...]:
    """Move values that do not fit from their columns to `extra`, in place. Returns the names of these columns.

    A value of `extra` with that name stays: then the value of the column is discarded, and the line still holds it.
    """
    misfits = tuple(
        column.name for column in table.columns if column.is_fallible and not _fits(column.type, row[column.name])
    )
    if misfits:
        moved = {name: row[name] for name in misfits}
        row.update(dict.fromkeys(misfits), extra={**moved, **row["extra"]})
    return misfits


def _fits(kind: ColumnType, value: Json) -> bool:
    if value is None:
        return True
    if kind is ColumnType.TIMESTAMP:
        return type(value) is str and is_utc(value)
    return type(value) is int and _MIN <= value <= _MAX
