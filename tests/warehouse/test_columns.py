"""The typed columns follow from the tables of fields."""

from __future__ import annotations

from collector.model.record import FIELDS
from collector.model.side_tables import SIDE_TABLES
from collector.warehouse.columns import CONNECTIONS, TABLES, ColumnType


def test_every_field_of_every_table_is_a_column_in_the_same_order() -> None:
    fields = {name: tuple(column.name for column in table.columns) for name, table in TABLES.items()}
    rows = {table.name: tuple(field.name for field in table.fields) for table in SIDE_TABLES.values()}
    assert fields == {CONNECTIONS: FIELDS, **rows}


def test_the_key_of_every_table_is_columns_that_are_never_null() -> None:
    for table in TABLES.values():
        required = {column.name for column in table.columns if not column.is_nullable}
        assert required.issuperset(table.key), table.name


def test_only_timestamps_and_integers_of_the_api_can_misfit() -> None:
    assert [column.name for column in TABLES[CONNECTIONS].columns if column.is_fallible] == [
        "api_calls_last_24_hours",
        "created_at",
        "updated_at",
    ]
    assert TABLES[CONNECTIONS].names_of(ColumnType.JSON) == ("rate_limit", "configuration", "extra")
