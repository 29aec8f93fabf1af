"""Tests of the supply chain: locks, floors, audit, build, bill of materials and workflows."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def script(name: str) -> ModuleType:
    """Import a script of `.ci` as a module, to test its functions."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def toml(path: str) -> dict[str, Any]:
    """Parse a TOML file of the repository."""
    return tomllib.loads((ROOT / path).read_text())


def pins(lock: str) -> dict[str, str]:
    """Name and version of each pin in a lock, read with the function of `.ci/floors.py`."""
    found: dict[str, str] = script("floors").pins_of((ROOT / f"requirements/{lock}.txt").read_text())
    return found
