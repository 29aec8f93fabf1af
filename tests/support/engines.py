"""The databases that tests load into: DuckDB in a file, and a real Postgres server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg2  # type: ignore[import-untyped]

from collector.warehouse.columns import TABLES, ColumnType
from tests.support.nights import Version, content_of


class Engine(NamedTuple):
    """A database: the URL for `--to`, a data set in it, and a function that runs SQL."""

    name: str
    url: str
    dataset: str
    run: Callable[[str], list[tuple[Any, ...]]]

    @property
    def target(self) -> tuple[str, ...]:
        """The arguments of `collector load`."""
        return ("--to", self.url, "--dataset", self.dataset)

    def rows(self, select: str, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table or view, sorted."""
        return sorted(self.run(f"SELECT {select} FROM {self.dataset}.{table}"), key=repr)

    def history(self, table: str = "connections") -> set[Version]:
        """Every version in a table."""
        columns = [column for column in TABLES[table].columns if not column.name.startswith("_")]
        names = ", ".join(column.name for column in columns)
        return {
            Version(
                row[0],
                content_of({each.name: _value(value, each.type) for each, value in zip(columns, row, strict=False)}),
                _time(row[-2]),
                row[-1] and _time(row[-1]),
            )
            for row in self.run(f"SELECT {names}, valid_from, valid_to FROM {self.dataset}.{table}")
        }

    def dump(self) -> list[Any]:
        """Everything that a second load must not change."""
        tables = [name for name in TABLES if self.run(_exists(self.dataset, name))]
        return [self.rows("*", table) for table in [*tables, "_collector_loads"]]


def _exists(dataset: str, table: str) -> str:
    return f"SELECT 1 FROM information_schema.tables WHERE table_schema = '{dataset}' AND table_name = '{table}'"


def _value(value: Any, kind: ColumnType) -> Any:
    if isinstance(value, datetime):
        return _time(value)
    if kind in (ColumnType.JSON, ColumnType.TEXTS) and isinstance(value, str):
        return json.loads(value)
    return value


def _time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def duckdb_engine(path: Path, dataset: str = "collector") -> Engine:
    """A file of DuckDB."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path)) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    return Engine("duckdb", f"duckdb:///{path}", dataset, run)


def postgres_engine(port: int, dataset: str) -> Engine:
    """A schema of the server on this port."""
    url = f"postgresql://collector@127.0.0.1:{port}/postgres"

    def run(sql: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            found = cursor.fetchall() if cursor.description else []
        connection.close()
        return found

    return Engine("postgres", url, dataset, run)
