"""Locks, lower bounds and installed packages include the fixes of all known vulnerabilities."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from tests.supply import LOCKS, ROOT, pins, script, toml

FLOORS = script("floors")
TABLE = toml("requirements/floors.toml")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_pin_is_below_its_floor(lock: Path) -> None:
    assert FLOORS.below(FLOORS.floors_of((ROOT / "requirements/floors.toml").read_text()), pins(lock.stem)) == []


def test_no_lower_bound_of_the_project_is_below_its_floor() -> None:
    """Users who install without the locks are protected by the bounds only."""
    floors = FLOORS.floors_of((ROOT / "requirements/floors.toml").read_text())
    bounds = FLOORS.bounds_of((ROOT / "pyproject.toml").read_text())
    assert {"aiohttp", "anyio", "orjson"} <= bounds.keys() & floors.keys()
    assert FLOORS.below(floors, bounds) == []


def test_no_installed_runtime_distribution_is_below_its_floor() -> None:
    floors = {name: entry["least"] for name, entry in TABLE.items() if name in pins("run")}
    assert FLOORS.installed(floors).keys() == floors.keys()
    assert FLOORS.below(floors, FLOORS.installed(floors)) == []


@pytest.mark.parametrize("name", TABLE)
def test_each_floor_names_its_advisories_and_their_source(name: str) -> None:
    entry = TABLE[name]
    assert entry.keys() == {"least", "advisories", "why", "seen"}
    assert Version(entry["least"])
    assert all(advisory.startswith(("CVE-", "GHSA-", "PYSEC-")) for advisory in entry["advisories"])
    assert entry["advisories"]
    assert entry["why"]
    assert entry["seen"]


@pytest.mark.parametrize(
    ("version", "low"),
    [("3.14.3", True), ("3.9.9", True), ("3.14.4rc1", True), ("3.14.4", False), ("3.14.10", False), ("4.0", False)],
)
def test_versions_are_compared_as_versions(version: str, low: bool) -> None:
    assert bool(FLOORS.below({"aiohttp": "3.14.4"}, {"aiohttp": version})) is low


def test_a_requirement_without_a_lower_bound_counts_as_version_zero() -> None:
    pyproject = (
        '[project]\ndependencies = ["aiohttp<4"]\noptional-dependencies.x = ["Or_Json ~= 3.11.6", "idna==3.15"]\n'
    )
    assert FLOORS.bounds_of(pyproject) == {"aiohttp": "0", "or-json": "3.11.6", "idna": "3.15"}


def test_a_lock_below_a_floor_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/floors.toml").write_text('[aiohttp]\nleast = "3.14.4"\n')
    (tmp_path / "requirements/run.txt").write_text("aiohttp==3.14.3 \\\n    --hash=sha256:00\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["aiohttp>=3.14.4"]\noptional-dependencies = {}\n'
    )
    assert FLOORS.check(tmp_path) == 1
    assert capsys.readouterr().out == "run.txt: aiohttp 3.14.3 is below 3.14.4\n"
