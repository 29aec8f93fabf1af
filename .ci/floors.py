"""No lock, no installed distribution and no lower bound may be below the floor table.

python .ci/floors.py   exit code 1, and one line for each that is too low
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
    print("\n".join(low) if low else f"nothing below the {len(floors)} floors")
    return 1 if low else 0


def locks(root: Path) -> list[Path]:
    """The lock files, all of them."""
    return sorted((root / "requirements").glob("*.txt"))


def floors_of(table: str) -> dict[str, str]:
    """The least version of each distribution named in the table."""
    return {name: entry["least"] for name, entry in tomllib.loads(table).items()}


def pins_of(lock: str) -> dict[str, str]:
    """Name and version of each pin of a lock."""
    return {canonicalize_name(name): version for name, version in PIN.findall(lock)}


def installed(names: dict[str, str]) -> dict[str, str]:
    """Which of these distributions this interpreter has, and in which version."""
    found: dict[str, str] = {canonicalize_name(each.name): each.version for each in metadata.distributions()}
    return {name: found[name] for name in names if name in found}


def bounds_of(pyproject: str) -> dict[str, str]:
    """The lower bound of each requirement of the project and its extras; "0" where there is none."""
    project = tomllib.loads(pyproject)["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    bounds: dict[str, str] = {}
    for requirement in map(Requirement, lines):
        least = [each.version for each in requirement.specifier if each.operator in (">=", "==", "~=")]
        bounds[canonicalize_name(requirement.name)] = least[0] if least else "0"
    return bounds


def below(floors: dict[str, str], versions: dict[str, str]) -> list[str]:
    """A line for each version under its floor."""
    return [
        f"{name} {versions[name]} is below {least}"
        for name, least in sorted(floors.items())
        if name in versions and Version(versions[name]) < Version(least)
    ]


if __name__ == "__main__":
    sys.exit(check(Path(__file__).parent.parent))
