"""The one rule for a value that does not fit its typed column: the column is null, and `extra` keeps the value. Pure.

Two kinds of columns have such values: a timestamp that is not RFC 3339, and an integer beyond 64 bits. `extra` then
holds the value under the column's name, as it does with `--timestamps strict`. Text without a NUL character and JSON
always fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from collector.model.record import Json
from collector.model.timestamps import is_utc
from collector.warehouse.columns import ColumnType, Table

MIN_BIGINT: Final = -(2**63)
MAX_BIGINT: Final = 2**63 - 1


class Fitter:
    """Fits the rows of one table."""

    def __init__(self, table: Table) -> None:
        self._times = tuple(
            column.name for column in table.columns if column.is_fallible and column.type is ColumnType.TIMESTAMP
        )
        self._integers = tuple(
            column.name for column in table.columns if column.is_fallible and column.type is ColumnType.BIGINT
        )

    def fit(self, row: dict[str, Json]) -> tuple[str, ...]:
        """Move values that do not fit from their columns to `extra`, in place. Returns the names of these columns.

        A value of `extra` with that name stays: then the value of the column is discarded, and the line still holds it.
        """
        misfits = [name for name in self._times if (value := row[name]) is not None and not _is_time(value)]
        misfits += [name for name in self._integers if (value := row[name]) is not None and not _is_bigint(value)]
        if misfits:
            moved = {name: row[name] for name in misfits}
            row.update(dict.fromkeys(misfits), extra={**moved, **row["extra"]})
        return tuple(misfits)


def fitted(table: Table, rows: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """The rows, each fitted in place."""
    fit_row = Fitter(table).fit
    for row in rows:
        fit_row(row)
        yield row


def fit(table: Table, row: dict[str, Json]) -> tuple[str, ...]:
    """Fit one row, as `Fitter.fit` does."""
    return Fitter(table).fit(row)


def _is_time(value: Json) -> bool:
    return type(value) is str and is_utc(value)


def _is_bigint(value: Json) -> bool:
    return type(value) is int and MIN_BIGINT <= value <= MAX_BIGINT
