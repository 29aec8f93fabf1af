"""Each engine as a fixture; the Postgres server starts once per worker."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.engines import Engine, duckdb_engine, postgres_engine
from tests.support.postgres import Server, postgres_server

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as started:
        yield started


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A new database."""
    if request.param == "duckdb":
        return duckdb_engine(tmp_path / "inventory.duckdb")
    return postgres_engine(request.getfixturevalue("server").port, f"load{next(_NUMBERS)}")


@pytest.fixture
def duck(tmp_path: Path) -> Engine:
    """A new file of DuckDB, for rules that do not depend on the database."""
    return duckdb_engine(tmp_path / "inventory.duckdb")
