"""How much of an unfinished file is known to be on the disk. Pure.

It decides nothing but what a flaw in the file means: behind the checkpoint a crash of the machine explains it, before
it nothing does. Which ids are done the file alone says.

Checkpoints are appended, one after each sync, a line each that carries its own check sum; what they say only grows, so
that the last whole one counts. They are not synced themselves: what a crash of the machine loses of them only makes the
part larger that it may have torn.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson


class Checkpoint(NamedTuple):
    """The first `size` bytes of the file are synced, and `sha256` (hex) is their digest.

    Its lines do not tell how many of their values were repaired, and by which rule others were masked: `repairs` and
    `by_rule` do.
    """

    size: int
    sha256: str
    repairs: int = 0
    by_rule: Mapping[str, int] = MappingProxyType({})

    def encode(self) -> bytes:
        """A line, behind the end of whatever half a line a crash may have left before it."""
        text = f"{self.size} {self.sha256}"
        if self.repairs or self.by_rule:
            text += f" {orjson.dumps([self.repairs, dict(self.by_rule)]).decode()}"
        return f"\n{text} {zlib.crc32(text.encode()):08x}\n".encode()


def decode(content: bytes) -> Checkpoint | None:
    """The last checkpoint of a file of them, or None when none is whole. Never raises."""
    whole_lines = content.split(b"\n")[:-1]
    return next(filter(None, map(_decode, reversed(whole_lines))), None)


def _decode(line: bytes) -> Checkpoint | None:
    try:
        size, sha256, *counts, _ = line.decode("ascii").split(" ")
        found = Checkpoint(int(size), sha256, *(orjson.loads(counts[0]) if counts else ()))
        return found if found.size >= 0 and found.encode().strip() == line else None
    except (ValueError, TypeError, AttributeError):
        return None
