"""How much of an unfinished file is known to be on the disk. Pure.

It decides nothing but what a flaw in the file means: behind the checkpoint a crash of the machine explains it, before
it nothing does. Which ids are done the file alone says. A checkpoint that was lost, or half written, only makes the
part larger that a crash may have torn.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple


class Checkpoint(NamedTuple):
    """The first `size` bytes of the file are synced, and `sha256` (hex) is their digest."""

    size: int
    sha256: str

    def encode(self) -> bytes:
        """One line that carries its own check sum."""
        text = f"{self.size} {self.sha256}"
        return f"{text} {zlib.crc32(text.encode()):08x}\n".encode()


def decode(line: bytes) -> Checkpoint | None:
    """The checkpoint a line says, or None when the line is not whole."""
    try:
        size, sha256, _ = line.decode("ascii").split(" ")
        found = Checkpoint(int(size), sha256)
    except ValueError:
        return None
    return found if found.size >= 0 and found.encode() == line else None
