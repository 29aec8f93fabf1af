"""Random rows of a table, for properties of loads."""

from __future__ import annotations

import uuid

from hypothesis import strategies as st

from collector.model.record import Json
from collector.warehouse.columns import Column, ColumnType, Table
from tests.support.odd_records import AT, RUN, TIMES

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
_VALUES: dict[ColumnType, st.SearchStrategy[Json]] = {
    ColumnType.TEXT: TEXTS,
    ColumnType.TIMESTAMP: st.sampled_from(TIMES) | TEXTS,
    ColumnType.BOOLEAN: st.booleans(),
    ColumnType.BIGINT: st.integers(-(2**66), 2**66),
    ColumnType.TEXTS: st.lists(TEXTS, max_size=3),
    ColumnType.JSON: st.dictionaries(TEXTS, JSON, max_size=4),
}


def rows(table: Table) -> st.SearchStrategy[list[dict[str, Json]]]:
    """Up to five rows of the table, with different keys."""
    row = st.fixed_dictionaries({column.name: _column(column) for column in table.columns})
    return st.lists(row, max_size=5).map(lambda found: [_complete(each, at, table) for at, each in enumerate(found)])


def _column(column: Column) -> st.SearchStrategy[Json]:
    values = st.lists(JSON, max_size=3) if column.is_json_array else _VALUES[column.type]
    return st.none() | values if column.is_nullable else values


def _complete(row: dict[str, Json], at: int, table: Table) -> dict[str, Json]:
    key = {name: str(uuid.UUID(int=at)) for name in table.key}
    return {**row, **key, "_collected_at": AT, "_run_id": RUN, "_schema": table.version}
