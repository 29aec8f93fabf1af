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


def test_a_night_loaded_alone_gives_the_same_history(call_here: Here, duck: Engine, nights: list[Path]) -> None:
    for night in nights:
        assert call_here("load", str(night), *duck.target).code == 0
    assert duck.history() == implied_history(nights)


def test_a_run_that_is_not_of_all_or_is_partial_closes_no_missing_row(
    call_here: Here, engine: Engine, tmp_path: Path
) -> None:
    first = write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {"name": "b"}, 3: {"name": "c"}})
    listed = write_night(tmp_path / "2.jsonl", 2, {1: {"name": "changed"}}, of_all=False)
    done = call_here("load", str(first), str(listed), *engine.target)
    assert done.code == 0, done.err
    assert "not a complete run of --all, so rows that it does not have stay as they are" in done.err
    assert engine.rows("name, valid_to IS NULL", "connections") == [
        *(("a", False), ("b", True), ("c", True), ("changed", True)),
    ]


def test_a_row_that_came_back_has_a_gap_in_its_history(call_here: Here, duck: Engine, tmp_path: Path) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {"name": "b"}}),
        write_night(tmp_path / "2.jsonl", 2, {2: {"name": "b"}}),
        write_night(tmp_path / "3.jsonl", 3, {1: {"name": "a"}, 2: {"name": "b"}}),
    ]
    assert call_here("load", *map(str, nights), *duck.target).code == 0
    assert duck.history() == implied_history(nights)
    assert {(version.valid_from, version.valid_to) for version in duck.history()} == {
        (started_at(1), started_at(2)),
        (started_at(3), None),
        (started_at(1), None),
    }


def test_another_organization_stays_open(call_here: Here, duck: Engine, tmp_path: Path) -> None:
    other = connection_id(99)
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {"name": "b"}}),
        write_night(tmp_path / "2.jsonl", 2, {7: {"name": "other"}}, organization=other),
        write_night(tmp_path / "3.jsonl", 3, {2: {"name": "b"}}),
    ]
    assert call_here("load", *map(str, nights), *duck.target).code == 0
    assert duck.rows("name", "connections_current") == [("b",), ("other",)]
    older = write_night(tmp_path / "0.jsonl", 1, {8: {"name": "o"}}, organization=connection_id(98))
    assert call_here("load", str(older), *duck.target).code == 0, "its organization has no newer night"


def test_a_run_without_an_organization_closes_nothing(call_here: Here, duck: Engine, tmp_path: Path) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {"name": "b"}}, organization=None),
        write_night(tmp_path / "2.jsonl", 2, {2: {"name": "changed"}}, organization=None),
    ]
    assert call_here("load", *map(str, nights), *duck.target).code == 0
    assert duck.rows("name", "connections_current") == [("a",), ("changed",)]


@pytest.mark.parametrize(
    ("status", "rows", "current"),
    [
        (TableStatus.COMPLETE, [user(1, "a")], [("a",)]),
        (TableStatus.COMPLETE, [], []),
        (TableStatus.UNAVAILABLE, [], [("a",), ("b",)]),
    ],
)
def test_only_a_complete_side_table_closes_its_missing_rows(
    call_here: Here,
    duck: Engine,
    tmp_path: Path,
    status: TableStatus,
    rows: list[dict[str, object]],
    current: list[tuple[str]],
) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {}}, tables={"users": [user(1, "a"), user(2, "b")]}),
        write_night(tmp_path / "2.jsonl", 2, {1: {}}, tables={"users": rows}, table_status=status),
    ]
    done = call_here("load", *map(str, nights), *duck.target)
    assert done.code == 0, done.err
    assert duck.run(f"SELECT email FROM {duck.dataset}.users WHERE valid_to IS NULL ORDER BY 1") == current
