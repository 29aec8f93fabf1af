"""The names of the parts of a partition: `{part}` in the name of an output stands for 00000, 00001, and so on. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Final

PLACEHOLDER: Final = "{part}"
SUCCESS: Final = "_SUCCESS"
"""The name of the empty file in the folder of a partition that is finished."""

_DIGITS: Final = 5
_NUMBER: Final = rf"[0-9]{{{_DIGITS},}}"
_SEPARATED: Final = re.compile(r"[-_.]*" + re.escape(PLACEHOLDER))


def is_partitioned(name: str) -> bool:
    """Is this the name of an output in parts?"""
    return PLACEHOLDER in name


def without_part(name: str) -> str:
    """The name that the other files beside the parts derive from: `c-{part}.jsonl` becomes `c.jsonl`."""
    return _SEPARATED.sub("", name)


def part_name(template: str, number: int) -> str:
    """The name of a part, counted from 0."""
    return template.replace(PLACEHOLDER, f"{number:0{_DIGITS}}")


def part_pattern(template: str, ending: str = "") -> re.Pattern[str]:
    """A pattern of the names of all parts, followed by `ending`."""
    before, _, after = template.partition(PLACEHOLDER)
    return re.compile(re.escape(before) + _NUMBER + re.escape(after + ending), re.DOTALL)


def templates_of(name: str) -> Iterator[str]:
    """The names of outputs in parts that may have a part of this name."""
    for found in re.finditer(_NUMBER, name):
        for start in range(found.start(), found.end()):  # digits beside {part} belong to the name
            for end in range(start + _DIGITS, found.end() + 1):
                yield f"{name[:start]}{PLACEHOLDER}{name[end:]}"


def parts_among(template: str, names: Collection[str]) -> list[str]:
    """Those of `names` that a run may have left as parts: the numbers are consecutive from 0."""
    found: list[str] = []
    while (name := part_name(template, len(found))) in names:
        found.append(name)
    return found


def part_problem(output: str) -> str | None:
    """The reason why no output in parts may have this path, and the next step."""
    path = PurePath(output)
    if PLACEHOLDER in str(path.parent):
        return f"{PLACEHOLDER} in the name of a folder; write it into the name of the file"
    if output.count(PLACEHOLDER) > 1:
        return f"more than one {PLACEHOLDER}; write it once"
    if is_partitioned(path.name) and not path.name.partition(PLACEHOLDER)[0].strip("-_."):
        return f"begins with {PLACEHOLDER}; write a name before it, as in connections-{PLACEHOLDER}.jsonl"
    return None
