"""The bill of materials matches the runtime lock and reveals nothing about the build machine."""

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
WHEEL_URL = f"pkg:pypi/polytomic-collector@{VERSION}"


def tool_output() -> dict[str, Any]:
    """The output of cyclonedx-py 7.5.0 for the runtime lock, reduced to the keys that the script uses."""
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
    completed: dict[str, Any] = SBOM.completed(tool_output())
    return completed


def test_names_and_versions_match_the_runtime_lock(bill: dict[str, Any]) -> None:
    assert {each["name"]: each["version"] for each in bill["components"]} == pins("run")


def test_the_bill_names_the_wheel_and_its_version(bill: dict[str, Any]) -> None:
    assert bill["metadata"]["component"]["purl"] == WHEEL_URL
    assert bill["metadata"]["component"]["version"] == VERSION


def test_every_component_is_a_dependency_of_the_wheel(bill: dict[str, Any]) -> None:
    """Every component is reachable from the wheel along the dependencies."""
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = set[str](), [WHEEL_URL]
    while waiting:
        reached.add(reference := waiting.pop())
        waiting += [other for other in needs[reference] if other not in reached]
    assert reached == {WHEEL_URL, *(each["bom-ref"] for each in bill["components"])}


def test_the_bill_does_not_refer_to_lines_of_the_lock(bill: dict[str, Any]) -> None:
    assert "requirements" not in json.dumps(bill)


def test_the_runtime_lock_exists() -> None:
    assert ROOT / "requirements/run.txt" in LOCKS


def test_the_script_writes_the_same_bytes_twice_without_local_paths(tmp_path: Path) -> None:
    """Runs against a fake cyclonedx-py, because the test environment does not contain the real one."""
    tool = tmp_path / "cyclonedx-py"
    tool.write_text(f"#!{sys.executable}\nprint({json.dumps(tool_output())!r})\n")
    tool.chmod(0o700)
    for name in ("one", "two"):
        command = [sys.executable, str(ROOT / ".ci/sbom.py"), str(tool), str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
    first = (tmp_path / "one").read_text()
    assert first == (tmp_path / "two").read_text()
    assert str(ROOT) not in first
    assert "timestamp" not in first
    assert "serialNumber" not in first
