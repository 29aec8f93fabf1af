"""`collector load` keeps the history of the connections, as the snapshots imply it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.model.side_tables import TableStatus
from tests.conftest import Finished
from tests.support.engines import Engine
from tests.support.nights import collect_nights, connection_id, implied_history, started_at, user, write_night

Here = Callable[..., Finished]


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four nights of the sandbox, the second of them partial."""
    return asyncio.run(collect_nights(tmp_path_factory.mktemp("nights"), 120))


def test_the_history_of_several_nights_is_that_of_the_sandbox(
    call_here: Here, engine: Engine, nights: list[Path]
) -> None:
    done = call_here("load", *map(str, nights), *engine.target)
    assert done.code == 0, done.err
    for table in ("connections", "users", "models", "roles"):
        assert engine.history(table) == implied_history(nights, "" if table == "connections" else table)
    before = engine.dump()
    for again in (nights, nights[::-1], nights[1:2]):
        assert call_here("load", *map(str, again), *engine.target).code == 0
        assert engine.dump() == before


def test_a_night_loaded_alone_gives_the_same_history(call_here: Here, engine: Engine, nights: list[Path]) -> None:
    for night in nights:
        assert call_here("load", str(night), *engine.target).code == 0
    assert engine.history() == implied_history(nights)
    births = {version.valid_from for version in engine.history()}
    assert len(births) == len(nights) - 1, "the partial run and the run after it find the same generation"
