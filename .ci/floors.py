"""Checks that locks, installed distributions and lower bounds are not below the versions in floors.toml.

python .ci/floors.py   exit code 1 and one line per version below its floor
"""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def check(root: Path) -> int:
    floors = floors_of((root / "requirements/floors.toml").read_text())
    low = [
        *(f"{lock.name}: {line}" for lock in locks(root) for line in below(floors, pins_of(lock.read_text()))),
        *(f"installed: {line}" for line in below(floors, installed(floors))),
        *(f"pyproject.toml: {line}" for line in below(floors, bounds_of((root / "pyproject.toml").read_text()))),
    ]
    print("\n".join(low) if low else f"all versions are at or above their {len(floors)} floors")
    return 1 if low else 0


def locks(root: Path) -> list[Path]:
    """All lock files."""
    return sorted((root / "requirements").glob("*.txt"))


def floors_of(table: str) -> dict[str, str]:
    """The minimum version of each distribution in the table."""
    return {name: entry["least"] for name, entry in tomllib.loads(table).items()}


def pins_of(lock: str) -> dict[str, str]:
    """Name and version of each pin in a lock."""
    return {canonicalize_name(name): version for name, version in PIN.findall(lock)}


def installed(names: dict[str, str]) -> dict[str, str]:
    """The installed versions of these distributions; distributions that are not installed are omitted."""
    found: dict[str, str] = {canonicalize_name(each.name): each.version for each in metadata.distributions()}
    return {name: found[name] for name in names if name in found}


def bounds_of(pyproject: str) -> dict[str, str]:
    """The lower bound of each requirement of the project and its extras; "0" without a lower bound."""
    project = tomllib.loads(pyproject)["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    bounds: dict[str, str] = {}
    for requirement in map(Requirement, lines):
        least = [each.version for each in requirement.specifier if each.operator in (">=", "==", "~=")]
        bounds[canonicalize_name(requirement.name)] = least[0] if least else "0"
    return bounds


def below(floors: dict[str, str], versions: dict[str, str]) -> list[str]:
    """One line per version below its floor."""
    return [
        f"{name} {versions[name]} is below {least}"
        for name, least in sorted(floors.items())
        if name in versions and Version(versions[name]) < Version(least)
    ]


if __name__ == "__main__":
    sys.exit(check(Path(__file__).parent.parent))
