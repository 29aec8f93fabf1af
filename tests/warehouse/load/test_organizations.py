"""Loads of a run of several organizations, whose snapshots share one run id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Finished
from tests.support.engines import Engine
from tests.support.nights import ORGANIZATION, write_night

Here = Callable[..., Finished]
OTHER = ORGANIZATION.replace("1", "2")


@pytest.fixture
def organizations(tmp_path: Path) -> list[str]:
    """Two nights of two organizations; a connection of each is gone in the second night."""
    return [
        str(write_night(tmp_path / f"{night}{letter}.jsonl", night, connections, organization=organization))
        for night, last in ((1, 2), (2, 1))
        for letter, organization, first in (("a", ORGANIZATION, 10), ("b", OTHER, 20))
        for connections in [{first + number: {"name": f"{letter}{number}"} for number in range(last)}]
    ]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("mode", "rows", "current"), [("scd2", 4, 2), ("merge", 2, 2), ("append", 6, 2)], ids=["scd2", "merge", "append"]
)
def test_each_organization_of_a_run_is_loaded(
    call_here: Here, engine: Engine, organizations: list[str], mode: str, rows: int, current: int, at_once: bool
) -> None:
    for snapshots in [organizations] if at_once else [[each] for each in organizations]:
        done = call_here("load", *snapshots, *engine.target, "--mode", mode)
        assert done.code == 0, done.err
    assert engine.rows("count(*)", "connections") == [(rows,)]
    assert engine.rows("name", "connections_current") == [("a0",), ("b0",)][:current]
    assert engine.rows("count(*)", "_collector_loads") == [(4,)]
    before = engine.dump()
    assert "is loaded already" in call_here("load", *organizations, *engine.target, "--mode", mode).err
    assert engine.dump() == before


def test_the_report_counts_the_versions_of_one_organization(
    call_here: Here, duck: Engine, organizations: list[str]
) -> None:
    done = call_here("load", *organizations, *duck.target)
    assert done.err.count("2 versions begin and 0 end with this run") == 2
    assert done.err.count("0 versions begin and 1 end with this run") == 2
