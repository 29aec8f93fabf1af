"""Lines of JSON on their way to a file: made, gathered and written a batch at a time."""

from __future__ import annotations

import json
import re

import anyio
import orjson
from anyio import to_thread

from collector.codec import Codec
from collector.journal import Journal
from collector.manifest import FileFacts
from collector.model import Json, Outcome, Record

_BATCH_BYTES = 512 * 1024  # a hand-over to the thread costs as much as a dozen records

# What ends a line for some reader (NEL, LS, PS), or moves a terminal's cursor: escaped, as JSON allows for any.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


def encode(record: Record | dict[str, Json]) -> bytes:
    """One JSON line, safe for readers that split at any Unicode line end. Integers survive exactly."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if line.isascii() and b"\x7f" not in line:
        return line
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()


def error_line(outcome: Outcome) -> bytes:
    """The line of the errors file for an outcome that is not ok."""
    return encode(
        {
            "id": outcome.id,
            "outcome": str(outcome.kind),
            "http_status": outcome.http_status,
            "error": outcome.error,
            "attempts": outcome.attempts,
            "at": outcome.at,
        }
    )


class Batch:
    """Lines on their way to a journal, written a batch at a time, one batch at once."""

    def __init__(self, target: Journal, codec: Codec) -> None:
        self.journal = target
        self.records = 0
        self._codec = codec
        self._lines: list[bytes] = []
        self._size = 0
        self._writing = anyio.Lock()

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    @property
    def is_full(self) -> bool:
        return self._size >= _BATCH_BYTES

    async def flush(self) -> None:
        async with self._writing:
            lines, self._lines, self._size = self._lines, [], 0
            if lines:
                with anyio.CancelScope(shield=True):  # lines that left the buffer are written, or the run fails
                    await to_thread.run_sync(self._write, lines)

    def _write(self, lines: list[bytes]) -> None:
        self.journal.append(self._codec.pack(b"".join(lines)))
        self.records += len(lines)

    async def fill(self) -> None:
        """Write what makes a file without lines a valid one: no bytes are, only where it is not packed."""
        await self.flush()
        if not self.journal.bytes:
            await to_thread.run_sync(self.journal.append, self._codec.pack(b""))

    async def settle(self) -> None:
        await self.flush()
        await to_thread.run_sync(self.journal.sync)

    def facts(self, name: str) -> FileFacts:
        return FileFacts(name, self.records, self.journal.bytes, self.journal.sha256)
