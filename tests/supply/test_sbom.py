"""The bill of materials names what the runtime lock names, and nothing of the machine that wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.version import VERSION
from tests.supply import LOCKS, ROOT, pins, script

SBOM = script("sbom")
OWN = f"pkg:pypi/polytomic-collector@{VERSION}"


def bill_of_a_tool() -> dict[str, Any]:
    """What cyclonedx-py 7.5.0 writes for the runtime lock, shortened to what the script touches."""
    return {
        "metadata": {"component": {"bom-ref": "root-component", "name": "polytomic-collector", "type": "application"}},
        "components": [
            {
                "bom-ref": f"requirements-L{line}",
                "description": f"requirements line {line}: {name}=={version}",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
            }
            for line, (name, version) in enumerate(pins("run").items())
        ],
        "dependencies": [],
    }


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    completed: dict[str, Any] = SBOM.completed(bill_of_a_tool())
    return completed


def test_names_and_versions_are_those_of_the_runtime_lock(bill: dict[str, Any]) -> None:
    assert {each["name"]: each["version"] for each in bill["components"]} == pins("run")


def test_the_wheel_itself_is_named_with_its_version(bill: dict[str, Any]) -> None:
    assert bill["metadata"]["component"]["purl"] == OWN
    assert bill["metadata"]["component"]["version"] == VERSION


def test_everything_is_there_because_the_wheel_needs_it(bill: dict[str, Any]) -> None:
    """From the wheel one comes along the dependencies to each component."""
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = set[str](), [OWN]
    while waiting:
        reached.add(reference := waiting.pop())
        waiting += [other for other in needs[reference] if other not in reached]
    assert reached == {OWN, *(each["bom-ref"] for each in bill["components"])}


def test_no_line_of_the_lock_is_spoken_of(bill: dict[str, Any]) -> None:
    assert "requirements" not in json.dumps(bill)


def test_the_lock_that_it_is_made_from_is_there() -> None:
    assert ROOT / "requirements/run.txt" in LOCKS


def test_the_script_writes_the_same_bytes_twice_and_no_path(tmp_path: Path) -> None:
    """Against a stand-in for cyclonedx-py, which is not among what the tests may install."""
    tool = tmp_path / "cyclonedx-py"
    tool.write_text(f"#!{sys.executable}\nprint({json.dumps(bill_of_a_tool())!r})\n")
    tool.chmod(0o700)
    for name in ("one", "two"):
        command = [sys.executable, str(ROOT / ".ci/sbom.py"), str(tool), str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
    first = (tmp_path / "one").read_text()
    assert first == (tmp_path / "two").read_text()
    assert str(ROOT) not in first
    assert "timestamp" not in first
    assert "serialNumber" not in first
