"""How much of an unfinished file is known to be on disk. Pure.

A checkpoint only distinguishes a torn tail from corruption. A crash of the machine can explain a defect after the
checkpoint, but not one before it. The lines of the file decide which ids are done.

After each sync, one checkpoint is appended, as a line with its own checksum. Sizes only grow, so the last whole
checkpoint is the valid one. Checkpoints are not synced: losing some in a crash only enlarges the part that may be torn.

Between them are notes of repaired values, because the lines of the file do not show repairs. A note is synced before
its line is written, and has no effect while that line is missing. The last whole note of an id is the valid one.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson


class Checkpoint(NamedTuple):
    """The first `size` bytes of the file are synced; `sha256` (hex) is their digest.

    `by_rule` counts their masked values by rule, because the lines do not show the rule.
    """

    size: int
    sha256: str
    by_rule: Mapping[str, int] = MappingProxyType({})

    def encode(self) -> bytes:
        """One line. A line feed before it ends a partial line that a crash may have left."""
        text = f"{self.size} {self.sha256}"
        return _line(f"{text} {orjson.dumps(dict(self.by_rule)).decode()}" if self.by_rule else text)


class RepairNote(NamedTuple):
    """The paths of the repaired values of one record."""

    id: str
    paths: tuple[str, ...]

    def encode(self) -> bytes:
        """One line, in the same form as that of a checkpoint."""
        return _line(f"repaired {self.id} {json.dumps(self.paths, separators=(',', ':'))}")


def decode(content: bytes) -> Checkpoint | None:
    """The last whole checkpoint in a file of checkpoints, or None. Never raises."""
    whole_lines = content.split(b"\n")[:-1]
    return next(filter(None, map(_decode, reversed(whole_lines))), None)


def repairs_in(content: bytes) -> dict[str, tuple[str, ...]]:
    """Id → paths of its repaired values, from the notes in a file of checkpoints. Never raises."""
    whole_lines = content.split(b"\n")[:-1]
    notes = map(_decode_note, filter(lambda line: line.startswith(b"repaired "), whole_lines))
    return {note.id: note.paths for note in notes if note}


def _line(text: str) -> bytes:
    return f"\n{text} {zlib.crc32(text.encode()):08x}\n".encode()


def _decode_note(line: bytes) -> RepairNote | None:
    text, _, _ = line.decode("ascii", "replace").rpartition(" ")
    if _line(text).strip() != line:
        return None
    _, one, paths = text.split(" ", 2)
    return RepairNote(one, tuple(json.loads(paths)))


def _decode(line: bytes) -> Checkpoint | None:
    try:
        size, sha256, *by_rule, _ = line.decode("ascii").split(" ")
        found = Checkpoint(int(size), sha256, *map(orjson.loads, by_rule))
        return found if found.size >= 0 and found.encode().strip() == line else None
    except (ValueError, TypeError, AttributeError):
        return None
