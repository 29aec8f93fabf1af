"""The columns of a table in Markdown. Pure."""

from __future__ import annotations

from collector.warehouse.columns import Column, Table


def markdown(table: Table) -> str:
    """A title and one row for each column."""
    rows = "\n".join(map(_row, table.columns))
    return (
        f"# {table.name}\n\n{table.about}. Schema version {table.version}. Key: {', '.join(map(_code, table.key))}.\n\n"
        f"| column | type | nullable | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _row(column: Column) -> str:
    about = column.field.about.replace("|", "\\|")
    return f"| {_code(column.name)} | {column.type.value} | {'yes' if column.is_nullable else 'no'} | {about} |"


def _code(name: str) -> str:
    return f"`{name}`"
