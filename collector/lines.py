"""Lines of JSON on their way to a file: made, gathered and written a batch at a time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from itertools import accumulate, takewhile
from typing import Final

import anyio
import orjson
from anyio import to_thread

from collector.account import Counted, Tally
from collector.codec import Codec
from collector.journal import Journal
from collector.manifest import FileFacts
from collector.model import Json, Outcome, Record

_BATCH_BYTES: Final = 512 * 1024  # a hand-over to the thread costs as much as a dozen records
_SYNC_LINES: Final = 1000
_SYNC_SECONDS: Final = 0.75  # looked at whenever `flush` is called, which is several times a second

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
    """Lines on their way to a journal, in batches, one batch at once, synced at least every second.

        put ─▸ waiting ─ flush ─▸ written ─ sync ─▸ settled

    `settled` counts the outcomes whose lines will not be lost any more: those that were synced, or, where the target
    is no file of ours, written. A packed batch is one member, and is synced with it.
    """

    def __init__(
        self,
        target: Journal,
        codec: Codec,
        *,
        is_durable: bool = True,
        settled: Tally | None = None,
        on_sync: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = target
        self.settled = settled or Tally()
        self._codec = codec
        self._is_durable = is_durable
        self._on_sync = on_sync
        self._clock = clock
        self._synced_at = clock()
        self._lines: list[bytes] = []
        self._waiting: list[Counted] = []
        self._size = 0
        self._written = Tally()  # but not synced
        self._writing = anyio.Lock()

    def put(self, line: bytes, outcome: Outcome) -> None:
        self._lines.append(line)
        self._waiting.append((outcome.kind, outcome.redactions, outcome.unparsed_timestamps))
        self._size += len(line)

    @property
    def is_full(self) -> bool:
        return self._size >= _BATCH_BYTES or len(self._lines) + self._written.total >= _SYNC_LINES

    async def flush(self) -> None:
        """Write what waits, and sync when it is time. Raises `OutputError` and BrokenPipeError."""
        async with self._writing:
            if not self._is_due():
                return
            lines, self._lines, self._size = self._lines, [], 0
            outcomes, self._waiting = self._waiting, []
            with anyio.CancelScope(shield=True):  # lines that left the buffer are written, or the run fails
                await to_thread.run_sync(self._write, lines, outcomes)

    def _is_due(self) -> bool:
        if self._codec is Codec.PLAIN:
            return bool(self._lines or self._written.total)
        return bool(self._lines) and (self.is_full or self._is_time_to_sync())

    def _is_time_to_sync(self) -> bool:
        return self._clock() - self._synced_at >= _SYNC_SECONDS

    def _write(self, lines: list[bytes], outcomes: list[Counted]) -> None:
        if lines:
            self._append(lines, outcomes)
        if not self._is_durable:
            self._settle()
        elif self._codec is not Codec.PLAIN or self._written.total >= _SYNC_LINES or self._is_time_to_sync():
            self._sync()

    def _append(self, lines: list[bytes], outcomes: list[Counted]) -> None:
        before = self.journal.bytes
        is_lines = self._codec is Codec.PLAIN
        try:
            self.journal.append(self._codec.pack(b"".join(lines)), is_lines=is_lines)
        finally:
            if is_lines:
                outcomes = outcomes[: _whole(lines, self.journal.bytes - before)]
            elif self.journal.bytes == before:
                outcomes = []
            for outcome in outcomes:
                self._written.add(*outcome)

    def _sync(self) -> None:
        if self.journal.synced < self.journal.bytes:
            self.journal.sync()
            self._on_sync()
        self._synced_at = self._clock()
        self._settle()

    def _settle(self) -> None:
        self.settled += self._written
        self._written = Tally()

    async def settle(self, *, is_whole: bool) -> None:
        """Write and sync all; a file that is whole and has no lines gets what makes it a valid one, when packed.

        Raises `OutputError` when the journal was refused anything, now or before; what could be kept is `settled`.
        """
        async with self._writing:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._finish, is_whole)

    def _finish(self, is_whole: bool) -> None:
        try:
            if self._lines:
                self._append(self._lines, self._waiting)
            elif is_whole and not self.journal.bytes:
                self.journal.append(self._codec.pack(b""))
        finally:
            self._lines, self._waiting, self._size = [], [], 0
            if self._is_durable:
                self._sync()
            else:
                self._settle()

    def facts(self, name: str) -> FileFacts:
        return FileFacts(name, self.settled.total, self.journal.bytes, self.journal.sha256)


def _whole(lines: list[bytes], size: int) -> int:
    """How many of `lines`, from the first, fit into `size` bytes."""
    ends = accumulate(map(len, lines))
    return sum(1 for end in takewhile(lambda end: end <= size, ends))
