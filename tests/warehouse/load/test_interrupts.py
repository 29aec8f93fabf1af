"""A signal ends a load cleanly: the exit code names it, no data stays outside the database, and a rerun is right."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

from collector.model.errors import Interrupted
from collector.warehouse.load.destination import parse_destination
from collector.warehouse.load.load import Options, load_snapshots
from tests.support.engines import Engine
from tests.support.nights import implied_history
from tests.warehouse.load.test_kills import assert_right, command, prepared

_PATIENCE = 60


def files_below(folder: Path) -> list[Path]:
    """The files that a load left in its state, except its lock."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_load_cleanly_and_the_same_command_continues(
    duck: Engine, tmp_path: Path, signum: signal.Signals
) -> None:
    nights, environ = prepared(tmp_path, duck)
    process = subprocess.Popen(command(nights, duck), env=environ, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + _PATIENCE
    while not files_below(tmp_path / "home") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signum)
    _, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, err.splitlines()[-1]) == (128 + signum, f"collector: interrupted by {signum.name}")
    assert files_below(tmp_path / "home") == []
    subprocess.run(command(nights, duck), env=environ, capture_output=True, check=True)
    assert_right(duck, nights)


def test_a_load_that_is_interrupted_at_any_check_is_right_after_the_same_call(engine: Engine, tmp_path: Path) -> None:
    nights, _ = prepared(tmp_path, engine)
    destination, interrupted = parse_destination(engine.url, engine.dataset), 0
    for moment in count(1, 5):
        calls = count(1)

        def check(moment: int = moment, calls: count[int] = calls) -> None:
            if next(calls) == moment:
                raise Interrupted(signal.SIGINT)

        try:
            load_snapshots(
                nights, destination, Options(), tmp_path / "s", password=None, report=lambda _: None, check=check
            )
        except Interrupted:
            interrupted += 1
            assert files_below(tmp_path / "s") == []
        else:
            break
    assert interrupted > 3
    assert engine.history() == implied_history(nights)
    assert_right(engine, nights)
