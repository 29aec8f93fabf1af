"""Where outcomes go: a snapshot with its errors file and manifest, or a stream.

A sink takes outcomes from many tasks and writes them in batches, in a thread, so that a slow disk or reader holds the
crew back instead of the event loop. What it counts as a record is a whole line.

    open ─ begin ─ writer: (put, flush)… settle ─ publish ─ close   a run that finished: the snapshot has its name
                                                └ leave ──┘         a run that stopped: what there is keeps its own
"""

from __future__ import annotations

from typing import Protocol

from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.outcome import Outcome
from collector.snapshot.manifest import FileFacts
from collector.snapshot.sinks.resume import ResumedRun, RunHeader


class Writer(Protocol):
    """What takes the outcomes of a run, once its output has begun."""

    def put(self, outcome: Outcome) -> None:
        """Take an outcome; never blocks."""

    @property
    def is_full(self) -> bool:
        """Is it time to `wait_for_capacity` before more is put?"""

    async def wait_for_capacity(self) -> None:
        """Wait until more may be put, writing what there is if need be."""

    async def flush(self) -> None:
        """Write what was taken so far."""

    async def finish(self, *, is_complete: bool) -> None:
        """Have what was put on disk; `is_complete` says that nothing is missing. What could be is `committed`."""

    @property
    def committed(self) -> Tally:
        """The outcomes whose lines will not be lost any more."""


class NoWriter:
    """Stands for the writer of a sink that has nothing to write: not yet, or since all of its run is `committed`."""

    is_full = False

    def __init__(self, committed: Tally | None = None) -> None:
        self.committed = committed or Tally()

    def put(self, outcome: Outcome) -> None:
        raise RuntimeError("begin comes first")

    async def wait_for_capacity(self) -> None:
        pass

    async def flush(self) -> None:
        pass

    async def finish(self, *, is_complete: bool) -> None:
        pass


class Sink(Protocol):
    """The contract of every output. Raises `OutputError` when the system refuses; `open` also `OutputLocked`.

    `is_resumable` says that the next run can resume one that stopped, `has_left` that this one left what it needs.
    `writer` takes the outcomes; `open`, `begin` and `resume` may replace it.
    """

    is_resumable: bool
    has_left: bool
    writer: Writer

    async def open(self) -> None:
        """Claim the output, before the first request."""

    async def resume(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Instead of `begin`: resume what an unfinished run left, complete what was half published, never start anew.

        Raises `Damaged` for a run that cannot be resumed, and leaves it as it is.
        """

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        """Before the first record: go on with what an unfinished run left, whose ids are ticked off; else None.

        Raises `Damaged` where that is asked for and cannot be.
        """

    def facts(self, *, finished: bool) -> list[FileFacts]:
        """For the manifest, once the writer has settled: what the files are, under their final or unfinished names.

        The records come first, then the errors file, if there is one; none at all when nothing was begun.
        """

    async def publish(self, manifest: bytes) -> None:
        """Finish, once the writer has settled: everything under its final name, the manifest last.

        Raises `NothingCollected` instead of replacing a snapshot that holds records by an empty one.
        """

    async def leave(self, manifest: bytes) -> None:
        """Stop, once the writer has settled or a `publish` has failed: everything whole under its unfinished name."""

    async def close(self) -> None:
        """Let go of the output, whatever came before."""

    def place(self, *, finished: bool) -> str:
        """Where the records are, for a message."""
