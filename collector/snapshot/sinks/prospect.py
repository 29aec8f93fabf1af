"""The prospect of a run: what it would do with the files at its output.

A sink begins on an `OverlayFileSystem`, which changes no file: the decisions are those of the run itself.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from collector.model.outcome import OutcomeKind
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import decode
from collector.snapshot.sinks.resume import ResumedRun
from collector.snapshot.sinks.sink import Sink
from collector.storage.durable_files import Files
from collector.storage.filesystem import FileSystem


class Action(StrEnum):
    """The way a run would begin."""

    START = "start"
    RESUME = "resume"
    PUBLISH = "publish"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"
    WAIT = "wait"


class Prospect(NamedTuple):
    """The way a run would begin at one output path.

    - `run_id`, `started_at`: of the unfinished run, if its header is readable.
    - `records`: those that the run would keep.
    - `tables`: the finished side tables that the run would keep.
    - `reason`: why it would quarantine the unfinished run, or refuse to continue it.
    - `replaces`: the records of the snapshot that it would replace; None if there is none, or if they are unknown.
    """

    action: Action
    run_id: str | None = None
    started_at: str | None = None
    records: int = 0
    reason: str | None = None
    replaces: int | None = None
    tables: frozenset[str] = frozenset()


def prospect_of(sink: Sink, resumed: ResumedRun | None, system: FileSystem, *, is_refused: bool = False) -> Prospect:
    """The prospect of the run of a file sink that has begun on `system` with the result `resumed`, or refused to.

    Blocks. Raises `OutputError`.
    """
    replaces = _records_at(Files(system), SnapshotPaths(Path(sink.place(finished=True))))
    if resumed is not None:
        action = Action.RESUME if sink.tables else Action.PUBLISH
        return Prospect(
            action,
            resumed.run_id,
            resumed.started_at,
            resumed.tally.outcomes[OutcomeKind.OK],
            replaces=replaces if sink.tables else None,  # the snapshot there is then that of the run itself
            tables=sink.tables.finished if sink.tables else frozenset(),
        )
    if (rejected := sink.rejected) is None:
        return Prospect(Action.START, replaces=replaces)
    run_id, started_at = (rejected.header.run_id, rejected.header.started_at) if rejected.header else (None, None)
    found = Prospect(Action.REFUSE, run_id, started_at, reason=rejected.reason)
    return found if is_refused else found._replace(action=Action.QUARANTINE, replaces=replaces)


def _records_at(files: Files, paths: SnapshotPaths) -> int | None:
    if not files.exists(paths.snapshot):
        return None
    try:
        return decode(files.read(paths.manifest) or b"").records_file.records
    except Malformed:
        return None
