"""How much of an unfinished file is known to be on the disk. Pure.

It decides nothing but what a flaw in the file means: behind the checkpoint a crash of the machine explains it, before
it nothing does. Which ids are done the file alone says.

Checkpoints are appended, one after each sync, a line each that carries its own check sum; what they say only grows, so
that the last whole one counts. They are not synced themselves: what a crash of the machine loses of them only makes the
part larger that it may have torn.

Between them stand notes of the values that were repaired, since the lines of the file do not tell. A note is synced
before its line is written, and means nothing while the file has no such line. The last whole note of an id counts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson


class Checkpoint(NamedTuple):
    """The first `size` bytes of the file are synced, and `sha256` (hex) is their digest.

    Its lines do not tell by which rule their values were masked: `by_rule` counts them.
    """

    size: int
    sha256: str
    by_rule: Mapping[str, int] = MappingProxyType({})

    def encode(self) -> bytes:
        """A line, behind the end of whatever half a line a crash may have left before it."""
        text = f"{self.size} {self.sha256}"
        return _line(f"{text} {orjson.dumps(dict(self.by_rule)).decode()}" if self.by_rule else text)


class RepairNote(NamedTuple):
    """The paths of the repaired values of one record."""

    id: str
    paths: tuple[str, ...]

    def encode(self) -> bytes:
        """A line, as that of a checkpoint."""
        return _line(f"repaired {self.id} {json.dumps(self.paths, separators=(',', ':'))}")


def decode(content: bytes) -> Checkpoint | None:
    """The last checkpoint of a file of them, or None when none is whole. Never raises."""
    whole_lines = content.split(b"\n")[:-1]
    return next(filter(None, map(_decode, reversed(whole_lines))), None)


def repairs_in(content: bytes) -> dict[str, tuple[str, ...]]:
    """The paths of the repaired values of each id, as the notes in a file of checkpoints have them. Never raises."""
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
