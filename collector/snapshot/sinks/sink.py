"""The interface of every output: a snapshot with its errors file, side tables and manifest, or a stream.

A sink accepts outcomes from many tasks and writes them in batches, in a thread. A slow disk or reader therefore slows
down the workers and never blocks the event loop. A sink counts a record only once its whole line is written.

    open ─ begin ─ writer: (put, flush)… finish ─ prepare ─ publish ─ close   a finished run: final names
                                                └────── leave ──────┘         a stopped run: unfinished names
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.outcome import Outcome
from collector.model.side_tables import SideTable, TableEnd
from collector.snapshot.manifest import FileEntry, TableEntry
from collector.snapshot.sinks.resume import RejectedRun, ResumedRun, RunHeader


class Writer(Protocol):
    """Writes the outcomes of a run after `begin`."""

    def put(self, outcome: Outcome, line: bytes) -> None:
        """Enqueue an outcome, with the line of its record; empty without one. Never blocks."""

    @property
    def is_full(self) -> bool:
        """Must the caller `wait_for_capacity` before the next `put`?"""

    async def wait_for_capacity(self) -> None:
        """Wait until the writer accepts outcomes again. Writes enqueued outcomes if necessary."""

    async def flush(self) -> None:
        """Write the outcomes enqueued so far."""

    async def finish(self, *, is_complete: bool) -> None:
        """Write and sync every enqueued outcome; those that succeed are `committed`.

        `is_complete` is True if no outcome of the run is missing.
        """

    @property
    def committed(self) -> Tally:
        """The outcomes whose lines are safe on the disk, or written if the target is a stream."""


class NoWriter:
    """A writer for a sink that has not begun, or whose whole run is already `committed`."""

    is_full = False

    def __init__(self, committed: Tally | None = None) -> None:
        self.committed = committed or Tally()

    def put(self, outcome: Outcome, line: bytes) -> None:
        raise RuntimeError("call begin first")

    async def wait_for_capacity(self) -> None:
        pass

    async def flush(self) -> None:
        pass

    async def finish(self, *, is_complete: bool) -> None:
        pass


class RowWriter(Protocol):
    """Writes the rows of one side table."""

    async def put(self, line: bytes) -> None:
        """Add the line of a row; may wait until a batch is written. Raises `OutputError`."""


class Tables(Protocol):
    """Writes the side tables of a run, one after the other."""

    @property
    def finished(self) -> frozenset[str]:
        """The tables that need not be read again."""

    async def open(self, table: str) -> RowWriter:
        """Begin a table, without rows. Raises `OutputError`."""

    async def finish(self, table: SideTable, end: TableEnd) -> None:
        """Write every row of the table that is open, and note how it ended. Raises `OutputError`."""

    def entries(self, *, finished: bool) -> list[TableEntry]:
        """The entries for the manifest, by their final or unfinished names."""


class Sink(Protocol):
    """The interface of every output. Any method can raise `OutputError`, `open` also `OutputLocked`.

    `is_resumable` is True if a later run can resume a stopped one. `has_unfinished_files` is True if this run left the
    files that resuming needs. `writer` accepts the outcomes; `open`, `begin` and `resume` may replace it. `tables`
    holds the side tables of a run that has begun; None for a plain stream and for a run that is published already.
    `rejected` is the first unfinished run that `begin` did not resume, but quarantined or refused to continue.
    `written_manifest` is the file of the manifest that describes this run, once it exists.
    """

    is_resumable: bool
    has_unfinished_files: bool
    writer: Writer
    tables: Tables | None
    rejected: RejectedRun | None
    written_manifest: Path | None

    async def open(self) -> None:
        """Lock the output before the first request."""

    async def resume(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Resume an unfinished run or complete its publication, but never start a new run. Replaces `begin`.

        Raises `Damaged` for a run that cannot be resumed, and leaves its files unchanged.
        """

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Resume an unfinished run and mark its ids as done, or start a new run and return None.

        Raises `Damaged` if the user requires resuming and the run cannot be resumed.
        """

    async def prepare(self, check: Callable[[], None]) -> None:
        """Make the published form of the records, after the writer of a complete run has finished.

        Does nothing if the records are published as they were written. Calls `check` for each record, in a thread; its
        exception ends the preparation.
        """

    def file_entries(self, *, finished: bool) -> list[FileEntry]:
        """The entries of the files for the manifest, by their final or unfinished names. Requires a finished writer.

        The records are first, then the errors file if one was written. Empty before `begin`.
        """

    async def publish(self, manifest: bytes) -> None:
        """Give every file its final name, the manifest last, after the writer has finished.

        Raises `NothingCollected` instead of replacing a snapshot that contains records with an empty one.
        """

    async def leave(self, manifest: bytes) -> None:
        """Leave whole files under their unfinished names, after the writer has finished or `publish` has failed."""

    async def close(self) -> None:
        """Release the output in every case."""

    def place(self, *, finished: bool) -> str:
        """The location of the records, for a message."""
