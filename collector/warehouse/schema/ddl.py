"""The definition of a table in a dialect of SQL. Pure."""

from __future__ import annotations

from collector.warehouse.columns import Table
from collector.warehouse.schema.dialects import Dialect


def create_table(dialect: Dialect, table: Table) -> str:
    """The statement that creates the table unless it exists."""
    columns = ",\n".join(f"  {dialect.quote(column.name)} {dialect.type_of(column)}" for column in table.columns)
    return f"CREATE TABLE IF NOT EXISTS {dialect.quote(table.name)} (\n{columns}\n){dialect.ending(table)};"
