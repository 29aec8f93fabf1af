"""What the project is made of and how it is built and published: locks, floors, audit, bill of materials, workflows."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def script(name: str) -> ModuleType:
    """A script of CI as a module, to call its functions."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def toml(path: str) -> dict[str, Any]:
    """A TOML file of the tree."""
    return tomllib.loads((ROOT / path).read_text())


def pins(lock: str) -> dict[str, str]:
    """Name and version of each pin of a lock, by the script's own reading."""
    found: dict[str, str] = script("floors").pins_of((ROOT / f"requirements/{lock}.txt").read_text())
    return found
