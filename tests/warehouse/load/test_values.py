"""Odd values arrive unchanged, or by the documented rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.conftest import Finished
from tests.support.engines import Engine
from tests.support.nights import content_of, write_night

Here = Callable[..., Finished]

HUGE: Final = int("9" * 40)
ODD: Final[dict[int, dict[str, Any]]] = dict(
    enumerate(
        (
            {"type": None, "status": None, "policies": None},
            {"configuration": {"n": HUGE, "m": -HUGE}},
            {"api_calls_last_24_hours": 2**63 - 1},
            {"configuration": {"": 1, "a.b": 2, 'q"': 3, "Case": 4, "case": 5, "'": 6}, "": "empty key"},
            {"name": "", "status_error": ""},
            *(
                {"name": text}
                for text in ('"', '""', "a,b", "a\r\nb", "a\nb", " padded ", "NULL", "null", "\\N", "\\.")
            ),
            *({"name": text} for text in ("'", ",", "{id}", "%s", "%", "\\", "\\u0000", "\u2028 \U0001f600 \ufeff")),
            {"configuration": {"long": "long text " * 10_000, "note": "\\u0000", "deep": [[{"a": []}]]}},
            {"rate_limit": {"limited": True}, "saved": False},
            {"policies": ["not an id", 'a"b,c'], "type": {"id": "x", "operations": ["a,b", ""]}},
        ),
        start=1,
    )
)


def test_every_value_arrives_unchanged(call_here: Here, engine: Engine, tmp_path: Path) -> None:
    path = write_night(tmp_path / "1.jsonl", 1, ODD)
    done = call_here("load", str(path), *engine.target)
    assert done.code == 0, done.err
    wanted = {row["id"]: content_of(row) for row in map(json.loads, path.read_text().splitlines())}
    assert {version.key: version.content for version in engine.history()} == wanted
    assert engine.run(f"SELECT count(DISTINCT row_hash) FROM {engine.dataset}.connections") == [(len(ODD),)]


def test_what_does_not_fit_a_typed_column_moves_to_extra(call_here: Here, duck: Engine, tmp_path: Path) -> None:
    path = write_night(tmp_path / "1.jsonl", 1, {1: {"created_at": "yesterday", "api_calls_last_24_hours": HUGE}})
    assert call_here("load", str(path), *duck.target).code == 0
    [(created, calls, extra)] = duck.rows("created_at, api_calls_last_24_hours, extra", "connections")
    assert (created, calls, json.loads(extra)) == (
        *(None, None),
        {"created_at": "yesterday", "api_calls_last_24_hours": HUGE},
    )


def test_a_nul_character_is_escaped_where_the_database_refuses_it(
    call_here: Here, engine: Engine, tmp_path: Path
) -> None:
    nul: dict[int, dict[str, Any]] = {
        1: {"name": "a\0b", "configuration": {"note": "\0"}, "note": {"\0": 1}},
        2: {"name": "plain"},
    }
    done = call_here("load", str(write_night(tmp_path / "1.jsonl", 1, nul)), *engine.target)
    assert done.code == 0, done.err
    [(name, configuration, extra)] = engine.run(
        f"SELECT name, configuration, extra FROM {engine.dataset}.connections WHERE name <> 'plain'"
    )
    found = [json.loads(text) if isinstance(text, str) else text for text in (configuration, extra)]
    shown = "\0" if engine.name == "duckdb" else "\\u0000"
    assert (name, *found) == (f"a{shown}b", {"note": shown}, {"note": {shown: 1}})
    assert engine.rows("nul_values", "_collector_loads") == [(0 if engine.name == "duckdb" else 3,)]
    assert ("3 values had NUL characters; each is now" in done.err) is (engine.name == "postgres")


def test_the_version_of_a_row_does_not_depend_on_the_order_of_its_keys(
    call_here: Here, duck: Engine, tmp_path: Path
) -> None:
    nights = [
        write_night(tmp_path / "1.jsonl", 1, {1: {"configuration": {"a": 1, "b": 2}, "created_at": "odd", "z": 1}}),
        write_night(tmp_path / "2.jsonl", 2, {1: {"z": 1, "configuration": {"b": 2, "a": 1}, "created_at": "odd"}}),
    ]
    assert call_here("load", *map(str, nights), *duck.target).code == 0
    assert duck.rows("count(*)", "connections") == [(1,)]
