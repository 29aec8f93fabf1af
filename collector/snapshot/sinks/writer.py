"""Write lines to files in batches, in a thread."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import accumulate, takewhile
from typing import Final, Protocol

import anyio
from anyio import to_thread

from collector.model.errors import OutputError
from collector.model.ledger import Tally, TallyEntry, tally_entry
from collector.model.outcome import Outcome
from collector.snapshot.lines import error_line
from collector.snapshot.manifest import FileEntry
from collector.storage.compression import Compression
from collector.storage.journal import Journal

_BATCH_BYTES: Final = 512 * 1024  # starting the thread costs as much as a dozen records
_SYNC_LINES: Final = 1000
_SYNC_SECONDS: Final = 0.75  # checked at each `flush`, several times per second


class BatchWriter:
    """Writes lines to a journal, one batch at a time, and syncs at least once per second.

        put ─▸ enqueued ─ flush, wait_for_capacity ─▸ written ─ sync ─▸ committed

    `committed` counts the outcomes whose lines are safe: synced or, if the target is not durable, written. A compressed
    batch is one member and is synced immediately.

    With a disk, the writer is full once a batch is complete. The reader of a stream may stall for hours. So a stream's
    writer is also full once more than `backlog` lines are enqueued or being written. With `backlog` tasks that each put
    one line, at most 2 * `backlog` lines are unwritten.
    """

    def __init__(
        self,
        target: Journal,
        compression: Compression,
        *,
        is_durable: bool = True,
        backlog: int | None = None,
        committed: Tally | None = None,
        before_write: Callable[[], None] = lambda: None,
        on_sync: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = target
        self.committed = Tally()
        self.committed += committed or Tally()
        self._compression = compression
        self._is_durable = is_durable
        self._backlog = math.inf if backlog is None else backlog
        self._batch_lines = _SYNC_LINES if backlog is None else max(1, backlog // 2)
        self._before_write = before_write
        self._on_sync = on_sync
        self._clock = clock
        self._synced_at = clock()
        self._lines: list[bytes] = []
        self._outcomes: list[TallyEntry] = []
        self._size = 0
        self._unsynced = Tally()  # written but not synced
        self._lines_in_thread = 0  # that the thread is writing
        self._write_lock = anyio.Lock()

    def put(self, line: bytes, outcome: Outcome) -> None:
        self._lines.append(line)
        self._outcomes.append(tally_entry(outcome))
        self._size += len(line)

    @property
    def is_full(self) -> bool:
        """Must the caller `wait_for_capacity` before the next `put`?"""
        return self._is_batch_full() or self._lines_in_thread + len(self._lines) > self._backlog

    async def wait_for_capacity(self) -> None:
        """Wait for the batch being written, then write the next one if it is complete. Raises as `flush` does."""
        async with self._write_lock:
            if self._is_batch_full():
                await self._write_in_thread()

    async def flush(self) -> None:
        """Write the enqueued lines, and sync if a sync is due.

        Raises `OutputError`, and `Interrupted` if the pipe has lost its reader.
        """
        async with self._write_lock:
            if self._has_work():
                await self._write_in_thread()

    async def write(self, block: bytes) -> None:
        """Write the enqueued lines, then a block that is no outcome. Raises as `flush` does."""
        async with self._write_lock:
            await self._write_in_thread()
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self.journal.append, block)

    async def _write_in_thread(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        outcomes, self._outcomes = self._outcomes, []
        with anyio.CancelScope(shield=True):  # lines that left the buffer are written, or the run fails
            self._lines_in_thread = len(lines)
            try:
                await to_thread.run_sync(self._write, lines, outcomes)
            finally:
                self._lines_in_thread = 0

    def _is_batch_full(self) -> bool:
        return self._size >= _BATCH_BYTES or len(self._lines) + self._unsynced.total >= self._batch_lines

    def _has_work(self) -> bool:
        if self._compression is Compression.PLAIN:
            return bool(self._lines or self._unsynced.total)
        return bool(self._lines) and (self._is_batch_full() or self._is_time_to_sync())

    def _is_time_to_sync(self) -> bool:
        return self._clock() - self._synced_at >= _SYNC_SECONDS

    def _write(self, lines: list[bytes], outcomes: list[TallyEntry]) -> None:
        if lines:
            self._append(lines, outcomes)
        if not self._is_durable:
            self._commit()
        elif (
            self._compression is not Compression.PLAIN or self._unsynced.total >= _SYNC_LINES or self._is_time_to_sync()
        ):
            self._sync()

    def _append(self, lines: list[bytes], outcomes: list[TallyEntry]) -> None:
        self._before_write()
        before = self.journal.bytes
        is_lines = self._compression is Compression.PLAIN
        try:
            self.journal.append(self._compression.compress(b"".join(lines)), is_lines=is_lines)
        finally:
            if is_lines:
                outcomes = outcomes[: _count_whole_lines(lines, self.journal.bytes - before)]
            elif self.journal.bytes == before:
                outcomes = []
            for outcome in outcomes:
                self._unsynced.add_written(outcome)

    def _sync(self) -> None:
        before = self.journal.synced
        try:
            self.journal.sync()
        except OutputError:
            self._unsynced = Tally()  # truncated, or in a file that is gone
            raise
        if self.journal.synced > before:
            self._on_sync()
        self._synced_at = self._clock()
        self._commit()

    def _commit(self) -> None:
        self.committed += self._unsynced
        self._unsynced = Tally()

    async def finish(self, *, is_complete: bool = False) -> None:
        """Write and sync all lines. A complete but empty compressed file gets an empty member, so that it is valid.

        Raises `OutputError` and `Interrupted` if the system refused a write, now or before. The lines that are safe
        nevertheless are `committed`.
        """
        async with self._write_lock:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._finish_in_thread, is_complete)

    def _finish_in_thread(self, is_complete: bool) -> None:
        before = self.journal.failure
        try:
            if self._lines:
                self._append(self._lines, self._outcomes)
            elif is_complete and not self.journal.bytes and (empty := self._compression.compress(b"")):
                self.journal.append(empty)
        finally:
            self._lines, self._outcomes, self._size = [], [], 0
            if self._is_durable:
                self._sync()
            else:
                self._commit()
        if before:
            raise before

    def file_entry(self, name: str) -> FileEntry:
        """The manifest entry of the file, with `name` as its path."""
        return FileEntry(name, self.committed.total, self.journal.bytes, self.journal.sha256)


def _count_whole_lines(lines: list[bytes], size: int) -> int:
    """The number of leading `lines` that fit into `size` bytes."""
    ends = accumulate(map(len, lines))
    return sum(1 for end in takewhile(lambda end: end <= size, ends))


class LineWriter(Protocol):
    """Accepts lines: a `BatchWriter`, or a writer that only prints them."""

    def file_entry(self, name: str) -> FileEntry | None:
        """The manifest entry of the file, with `name` as its path, or None without a file."""

    def put(self, line: bytes, outcome: Outcome) -> None:
        """Enqueue the line of an outcome. Never blocks."""

    @property
    def is_full(self) -> bool:
        """Must the caller `wait_for_capacity` before the next `put`?"""

    async def wait_for_capacity(self) -> None:
        """Wait until the writer accepts lines again."""

    async def flush(self) -> None:
        """Write the enqueued lines."""

    async def finish(self) -> None:
        """Write and sync all lines."""

    @property
    def committed(self) -> Tally:
        """The outcomes whose lines are synced, or written if the target is not durable."""


class OutcomeWriter:
    """Writes the lines of a run: records to one writer, outcomes that are not ok to the other."""

    def __init__(
        self, records: BatchWriter, errors: LineWriter, frame: Callable[[bytes], bytes] = lambda line: line
    ) -> None:
        """`frame` turns the line of a record into the lines that are written for it."""
        self._writers = (records, errors)
        self._frame = frame

    def put(self, outcome: Outcome, line: bytes) -> None:
        records, errors = self._writers
        if outcome.record is not None:
            records.put(self._frame(line), outcome)
        else:
            errors.put(error_line(outcome), outcome)

    @property
    def is_full(self) -> bool:
        records, errors = self._writers
        return records.is_full or errors.is_full

    async def wait_for_capacity(self) -> None:
        for each in self._writers:
            if each.is_full:
                await each.wait_for_capacity()

    async def flush(self) -> None:
        for each in self._writers:
            await each.flush()

    async def finish(self, *, is_complete: bool) -> None:
        """Finish both writers, even if the first fails. Raises the error of either."""
        records, errors = self._writers
        try:
            await records.finish(is_complete=is_complete)
        finally:
            await errors.finish()

    @property
    def committed(self) -> Tally:
        total = Tally()
        for each in self._writers:
            total += each.committed
        return total

    @property
    def committed_records(self) -> Tally:
        """The records whose lines are synced, or written if the target is not durable."""
        records, _ = self._writers
        return records.committed

    def file_entries(self, records_name: str, errors_name: str) -> list[FileEntry]:
        """The manifest entries of the records and, if any id failed, of the errors file, with these names as paths."""
        records, errors = self._writers
        errors_entry = errors.file_entry(errors_name) if errors.committed.total else None
        return [records.file_entry(records_name), *([errors_entry] if errors_entry else [])]
