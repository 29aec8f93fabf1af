"""A load that is killed at any moment is right after the same command again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.support.engines import Engine
from tests.support.nights import implied_history, user, write_night

_MOMENTS = 30


def command(nights: list[Path], engine: Engine) -> list[str]:
    return [sys.executable, "-m", "collector", "load", *map(str, nights), *engine.target]


def prepared(folder: Path, engine: Engine) -> tuple[list[Path], dict[str, str]]:
    """Three nights, of which the first is loaded."""
    environ = clean_environment(folder)
    nights = [
        write_night(
            folder / f"{night}.jsonl",
            night,
            {
                number: {"name": f"{number} of {night if number % 10 == 0 else 0}"}
                for number in range(night, 300 + night)
            },
            tables={"users": [user(number, f"{night if number == 1 else 0}@x") for number in range(30)]},
        )
        for night in (1, 2, 3)
    ]
    subprocess.run(command(nights[:1], engine), env=environ, check=True, capture_output=True)
    return nights, environ


def kill_and_repeat(folder: Path, engine: Engine, fractions: list[float]) -> None:
    """Kill the load at one moment after the other, then let it end."""
    nights, environ = prepared(folder, engine)
    started = time.monotonic()
    subprocess.run([*command(nights, engine)[:-1], f"{engine.dataset}x"], env=environ, check=True, capture_output=True)
    usual = time.monotonic() - started
    for fraction in fractions:
        process = subprocess.Popen(command(nights, engine), env=environ, stderr=subprocess.DEVNULL)
        time.sleep(usual * fraction)
        process.kill()
        process.wait()
        done = subprocess.run(command(nights, engine), env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert_right(engine, nights)
        if engine.name == "duckdb":
            Path(engine.url.removeprefix("duckdb:///")).unlink()
        else:
            for schema in (engine.dataset, f"{engine.dataset}_staging"):
                engine.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def assert_right(engine: Engine, nights: list[Path]) -> None:
    assert engine.history() == implied_history(nights)
    assert engine.history("users") == implied_history(nights, "users")
    assert engine.rows("count(*), count(DISTINCT run_id)", "_collector_loads") == [(3, 3)]
    for table in ("connections", "users"):
        assert engine.rows("count(*)", table) == [(len(engine.history(table)),)], "a version was inserted twice"


def test_a_killed_load_is_right_after_the_same_command(engine: Engine, tmp_path: Path) -> None:
    kill_and_repeat(tmp_path, engine, [0.7])


@pytest.mark.soak
def test_a_load_that_is_killed_at_thirty_moments_is_right(engine: Engine, tmp_path: Path) -> None:
    kill_and_repeat(tmp_path, engine, [0.2 + 0.8 * moment / _MOMENTS for moment in range(_MOMENTS)])
