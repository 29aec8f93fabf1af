"""The modes of `collector load`, the contracts, and the loads that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Finished
from tests.support.engines import Engine
from tests.support.nights import write_night

Here = Callable[..., Finished]


@pytest.fixture
def nights(tmp_path: Path) -> list[str]:
    """Two complete nights, and one of a list."""
    return [
        str(write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a"}, 2: {"name": "b"}, 3: {"name": "c"}})),
        str(write_night(tmp_path / "2.jsonl", 2, {1: {"name": "a"}, 2: {"name": "changed"}})),
        str(write_night(tmp_path / "3.jsonl", 3, {1: {"name": "again"}}, of_all=False)),
    ]


def test_merge_keeps_the_last_version_and_deletes_only_what_a_complete_run_does_not_have(
    call_here: Here, engine: Engine, nights: list[str]
) -> None:
    assert call_here("load", *nights, *engine.target, "--mode", "merge").code == 0
    assert engine.rows("name", "connections") == engine.rows("name", "connections_current")
    assert engine.rows("name", "connections") == [("again",), ("changed",)]


def test_append_adds_each_run_once(call_here: Here, duck: Engine, nights: list[str]) -> None:
    for order in (nights[::-1], nights):
        assert call_here("load", *order, *duck.target, "--mode", "append").code == 0
    assert duck.rows("count(*)", "connections") == [(6,)]
    assert duck.rows("name", "connections_current") == [("again",)]


def test_replace_keeps_one_run(call_here: Here, engine: Engine, nights: list[str]) -> None:
    for night in nights[:2]:
        done = call_here("load", night, *engine.target, "--mode", "replace")
        assert done.code == 0, done.err
    assert engine.rows("name", "connections_current") == [("a",), ("changed",)]
    done = call_here("load", *nights, *engine.target, "--mode", "replace")
    assert (done.code, "name only the newest one" in done.err) == (2, True)


def test_replace_refuses_a_run_that_is_not_of_all(call_here: Here, duck: Engine, nights: list[str]) -> None:
    assert call_here("load", nights[0], *duck.target, "--mode", "replace").code == 0
    before = duck.dump()
    done = call_here("load", nights[2], *duck.target, "--mode", "replace")
    assert (done.code, "not a complete run of --all, so --mode replace would delete" in done.err) == (2, True)
    assert duck.dump() == before


def test_an_older_night_is_refused_after_a_load_that_was_killed(
    call_here: Here, engine: Engine, nights: list[str]
) -> None:
    assert call_here("load", nights[1], *engine.target).code == 0
    engine.run(f"UPDATE {engine.dataset}._collector_loads SET loaded_at = NULL")  # as a kill before the end leaves it
    done = call_here("load", nights[0], *engine.target)
    assert (done.code, "which began to load; history cannot be inserted later" in done.err) == (2, True)
    done = call_here("load", nights[1], *engine.target)
    assert (done.code, "is loaded already" in done.err) == (0, False)
    assert engine.rows("count(*), count(loaded_at)", "_collector_loads") == [(1, 1)]
    assert engine.rows("name, valid_to", "connections") == [("a", None), ("changed", None)]


def test_a_table_has_one_mode(call_here: Here, duck: Engine, nights: list[str]) -> None:
    assert call_here("load", nights[0], *duck.target).code == 0
    done = call_here("load", nights[1], *duck.target, "--mode", "merge")
    assert (done.code, "were loaded with --mode scd2" in done.err) == (2, True)


def test_an_older_night_is_refused_and_changes_nothing(call_here: Here, duck: Engine, nights: list[str]) -> None:
    assert call_here("load", nights[1], *duck.target).code == 0
    before = duck.dump()
    done = call_here("load", nights[0], nights[2], *duck.target)
    assert done.code == 2
    assert "1.jsonl: its run started at 2026-01-01" in done.err
    assert "history cannot be inserted later; load all snapshots in order into a new --dataset" in done.err
    assert duck.dump() == before


def test_a_damaged_snapshot_is_refused_and_changes_nothing(
    call_here: Here, engine: Engine, nights: list[str], tmp_path: Path
) -> None:
    assert call_here("load", nights[0], *engine.target).code == 0
    before = engine.dump()
    path = tmp_path / "2.jsonl"
    path.write_bytes(path.read_bytes().replace(b"changed", b"CHANGED"))
    done = call_here("load", *nights, *engine.target)
    assert done.code == 8, done.err
    assert "its SHA-256 digest is not that in its manifest" in done.err
    assert engine.dump() == before
    path.write_bytes(path.read_bytes().replace(b"CHANGED", b"changed"))
    assert call_here("load", *nights, *engine.target).code == 0


def test_evolve_adds_a_missing_column_and_freeze_refuses_it(call_here: Here, engine: Engine, nights: list[str]) -> None:
    """An older version, which did not know the column, made the table."""
    assert call_here("load", nights[0], *engine.target).code == 0
    forget_column(engine, "parent_connection_id")
    before = engine.dump()
    done = call_here("load", nights[1], *engine.target, "--contract", "freeze")
    assert done.code == 2, done.err
    assert "has no column parent_connection_id, and --contract freeze refuses to add it" in done.err
    assert engine.dump() == before
    done = call_here("load", nights[1], *engine.target)
    assert done.code == 0, done.err
    assert engine.rows("name, parent_connection_id", "connections_current") == [("a", None), ("changed", None)]


def forget_column(engine: Engine, name: str) -> None:
    """Remove a column from the table, and what dlt knows of the table."""
    for view in ("connections_current", "connection_health_history", "connection_changes"):
        engine.run(f"DROP VIEW {engine.dataset}.{view}")
    engine.run(f"ALTER TABLE {engine.dataset}.connections DROP COLUMN {name}")
    for table in ("connections",):
        engine.run(f"ALTER TABLE {engine.dataset}_staging.{table} DROP COLUMN {name}")
    engine.run(f"DELETE FROM {engine.dataset}._dlt_version")
    engine.run(f"DELETE FROM {engine.dataset}_staging._dlt_version")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP COLUMN name", "lacks the column name; the table was changed by hand"),
        ("ALTER COLUMN saved TYPE varchar", "has a column of another type: saved (text, not bool)"),
    ],
)
def test_a_table_that_was_changed_by_hand_is_refused(
    call_here: Here, engine: Engine, nights: list[str], change: str, message: str
) -> None:
    assert call_here("load", nights[0], *engine.target).code == 0
    for view in ("connections_current", "connection_health_history", "connection_changes"):
        engine.run(f"DROP VIEW {engine.dataset}.{view}")
    engine.run(f"ALTER TABLE {engine.dataset}.connections {change}")
    done = call_here("load", nights[1], *engine.target)
    assert done.code == 2, done.err
    assert f"table {engine.dataset}.connections {message}" in done.err


def test_a_table_of_another_program_is_refused(call_here: Here, duck: Engine, nights: list[str]) -> None:
    duck.run(f"CREATE SCHEMA {duck.dataset}")
    duck.run(f"CREATE TABLE {duck.dataset}.connections (id integer, name varchar)")
    done = call_here("load", nights[0], *duck.target)
    assert done.code == 2, done.err
    assert duck.rows("*", "connections") == []


def test_a_row_added_column_of_the_user_stays(call_here: Here, duck: Engine, nights: list[str]) -> None:
    assert call_here("load", nights[0], *duck.target).code == 0
    duck.run(f"ALTER TABLE {duck.dataset}.connections ADD COLUMN note varchar")
    duck.run(f"UPDATE {duck.dataset}.connections SET note = 'mine'")
    done = call_here("load", nights[1], *duck.target)
    assert done.code == 0, done.err
    assert duck.rows("name, note", "connections_current") == [("a", "mine"), ("changed", None)]
