"""The views answer how a connection's health went, and what changed when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Finished
from tests.support.engines import Engine
from tests.support.nights import connection_id, write_night

Here = Callable[..., Finished]


def test_the_views_show_health_and_changes(call_here: Here, engine: Engine, tmp_path: Path) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"name": "a", "status": "healthy"}, 2: {"name": "b"}}),
        write_night(tmp_path / "2.jsonl", 2, {1: {"name": "A", "status": "healthy"}, 2: {"name": "b"}}),
        write_night(
            tmp_path / "3.jsonl", 3, {1: {"name": "A", "status": "bad", "status_error": "x", "configuration": {"p": 1}}}
        ),
        write_night(tmp_path / "4.jsonl", 4, {1: {"name": "A", "status": "healthy"}, 2: {"name": "b"}}),
    ]
    done = call_here("load", *map(str, nights), *engine.target)
    assert done.code == 0, done.err
    one, two = connection_id(1), connection_id(2)
    day = "extract(day from {} at time zone 'UTC')::int".format
    health = engine.rows(
        f"id, status, status_error, {day('valid_from')}, {day('valid_to')}", "connection_health_history"
    )
    assert health == [
        (one, "bad", "x", 3, 4),
        (one, "healthy", None, 1, 3),
        (one, "healthy", None, 4, None),
        (two, None, None, 1, 3),
        (two, None, None, 4, None),
    ]
    assert engine.rows(f"id, {day('changed_at')}, change, columns", "connection_changes") == [
        (one, 1, "appeared", None),
        (one, 2, "changed", "name"),
        (one, 3, "changed", "status,status_error,configuration"),
        (one, 4, "changed", "status,status_error,configuration"),
        (two, 1, "appeared", None),
        (two, 3, "disappeared", None),
        (two, 4, "appeared", None),
    ]
    assert engine.rows("id", "connections_current") == [(one,), (two,)]
