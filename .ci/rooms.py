"""Write docs/explanation/rooms.md: a map of the package, generated from the import contracts in pyproject.toml.

python .ci/rooms.py            write the page
python .ci/rooms.py --check    exit code 1 when the page does not match the contracts
"""

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from page import write_or_check

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "rooms.md"

HEAD = """\
# The rooms

A room is a folder of the package; its doors are the modules that other rooms may import. A room imports only rooms on
lower floors, and only through their doors. The second block shows the direct imports, without those that others imply.

`python .ci/rooms.py` generates this page from the import contracts in `pyproject.toml`, and a test checks that it is
current. `make check` enforces the same contracts.

"""


class Room(NamedTuple):
    """A folder of the package: its floor, the rooms it may import, and the modules that other rooms may import."""

    name: str
    floor: int
    purpose: str
    sub_rooms: tuple[str, ...]
    may_import: frozenset[str]
    doors: tuple[str, ...] | None  # None: all modules


def main(arguments: list[str]) -> int:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return write_or_check(PAGE, page_of(rooms_of(contracts)), arguments)


def rooms_of(linter: dict[str, Any]) -> list[Room]:
    contracts: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in linter["contracts"]}
    layers = [layer.split(" | ") for layer in reversed(contracts["floors"]["layers"])]
    floor_of = {name: floor for floor, names in enumerate(layers) for name in names}
    return [
        Room(
            name,
            floor,
            purpose_of(ROOT / "collector" / name),
            tuple(sorted(path.parent.name for path in (ROOT / "collector" / name).glob("*/__init__.py"))),
            frozenset(other for other, below in floor_of.items() if below < floor) - forbidden_to(name, contracts),
            doors_of(name, contracts),
        )
        for name, floor in floor_of.items()
    ]


def purpose_of(folder: Path) -> str:
    """The first line of a room's docstring."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    return docstring.partition("\n")[0]


def forbidden_to(name: str, contracts: dict[str, dict[str, Any]]) -> frozenset[str]:
    contract = contracts.get(f"{name}-knows", {"forbidden_modules": []})
    return frozenset(module.removeprefix("collector.") for module in contract["forbidden_modules"])


def doors_of(name: str, contracts: dict[str, dict[str, Any]]) -> tuple[str, ...] | None:
    contract = contracts.get(f"doors-of-{name}")
    if contract is None:
        return None
    doors = {entry.rpartition(" -> ")[2].removeprefix(f"collector.{name}.") for entry in contract["ignore_imports"]}
    return tuple(sorted(doors))


def page_of(rooms: list[Room]) -> str:
    return "".join((HEAD, floors(rooms), "\n", arrows(rooms), "\n", table(rooms)))


def floors(rooms: list[Room]) -> str:
    width = max(len(name_of(room)) for room in rooms)
    lines = [f"{room.floor}  {name_of(room):{width}}  {room.purpose}".rstrip() for room in reversed(rooms)]
    for upper in range(len(lines) - 1, 0, -1):
        if lines[upper][0] == lines[upper - 1][0]:  # the same floor
            lines[upper] = " " + lines[upper][1:]
    return "\n".join(("```text", *lines, "```")) + "\n"


def name_of(room: Room) -> str:
    return f"{room.name}/ {' '.join(f'[{each}]' for each in room.sub_rooms)}".rstrip()


def arrows(rooms: list[Room]) -> str:
    """The rooms that each room imports, without those that it also reaches through another one."""
    allowed = {room.name: room.may_import for room in rooms}
    width = max(len(room.name) for room in rooms)
    lines = []
    for room in reversed(rooms):
        direct = [each for each in sorted(room.may_import) if not any(each in allowed[it] for it in room.may_import)]
        lines += [f"{room.name:{width}} → {' '.join(direct)}"] if direct else []
    return "\n".join(("```text", *lines, "```")) + "\n"


def table(rooms: list[Room]) -> str:
    rows = [f"| `{room.name}` | {rooms_text(room)} | {doors_text(room)} |" for room in reversed(rooms)]
    return "\n".join(("| room | may import | doors |", "|---|---|---|", *rows)) + "\n"


def rooms_text(room: Room) -> str:
    return " ".join(sorted(room.may_import)) or "none"


def doors_text(room: Room) -> str:
    if room.name == "cli":
        return "none, except the console script"
    return "all modules" if room.doors is None else " ".join(f"`{door}`" for door in room.doors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
