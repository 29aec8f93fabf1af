"""How much of an unfinished file is known to be on the disk. Pure.

It decides nothing but what a flaw in the file means: behind the checkpoint a crash of the machine explains it, before
it nothing does. Which ids are done the file alone says.

Checkpoints are appended, one after each sync, a line each that carries its own check sum; what they say only grows, so
that the last whole one counts. They are not synced themselves: what a crash of the machine loses of them only makes the
part larger that it may have torn.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple


class Checkpoint(NamedTuple):
    """The first `size` bytes of the file are synced, `sha256` (hex) is their digest, `repairs` values were repaired.

    The file itself does not tell how many were.
    """

    size: int
    sha256: str
    repairs: int = 0

    def encode(self) -> bytes:
        """A line, behind the end of whatever half a line a crash may have left before it."""
        text = f"{self.size} {self.sha256}" + (f" {self.repairs}" if self.repairs else "")
        return f"\n{text} {zlib.crc32(text.encode()):08x}\n".encode()


def decode(content: bytes) -> Checkpoint | None:
    """The last checkpoint of a file of them, or None when none is whole. Never raises."""
    whole_lines = content.split(b"\n")[:-1]
    return next(filter(None, map(_decode, reversed(whole_lines))), None)


def _decode(line: bytes) -> Checkpoint | None:
    try:
        size, sha256, *repairs, _ = line.decode("ascii").split(" ")
        found = Checkpoint(int(size), sha256, *map(int, repairs))
    except (ValueError, TypeError):
        return None
    return found if found.size >= 0 and found.encode().strip() == line else None
