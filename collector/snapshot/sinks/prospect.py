"""The prospect of a run: what it would do with the files at its output. Reads files, changes none, takes no lock.

It follows the decisions of `file_sink`, so a run that begins now would make the same ones.
"""

from __future__ import annotations

import os
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import Damaged
from collector.model.ids import IdSet
from collector.snapshot.json_document import Malformed
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.manifest import decode
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.recovery import recover
from collector.snapshot.sinks.resume import Resume, RunHeader
from collector.snapshot.sinks.table_files import TableFiles
from collector.storage import checkpoint
from collector.storage.compression import compression_of
from collector.storage.durable_files import Files, staged_path, translated
from collector.storage.filesystem import PosixFileSystem


class Action(StrEnum):
    """The way a run would begin."""

    START = "start"
    RESUME = "resume"
    PUBLISH = "publish"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


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


def prospect_of(path: Path, header: RunHeader, ids: IdSet, policy: Resume) -> Prospect:
    """The prospect of a run with `header` and `ids`, whose ids that it would not request again are marked as done.

    Raises `OutputError` for files that cannot be read.
    """
    files, paths = Files(PosixFileSystem()), SnapshotPaths(path)
    found = Prospect(Action.START, replaces=_records_at(files, paths))
    if files.exists(staged_path(paths.manifest)):
        return found._replace(action=Action.PUBLISH)
    if not files.exists(paths.partial) or not (files.size(paths.partial) or files.exists(paths.partial_errors)):
        return found
    unfinished = resume.decode(files.read(paths.header) or b"")
    if unfinished is not None:
        found = found._replace(run_id=unfinished.run_id, started_at=unfinished.started_at)
    try:
        if policy is Resume.NEVER:
            raise Damaged("--resume never")
        resumable = header.check_resumable(unfinished, fresh=policy is Resume.AUTO)
        records = _recoverable(files, paths, resumable.run_id, ids)
        tables = TableFiles(files, paths, resumable.run_id)
        tables.load()
        return found._replace(action=Action.RESUME, records=records, tables=tables.finished)
    except Damaged as reason:
        action = Action.REFUSE if policy is Resume.ALWAYS else Action.QUARANTINE
        return found._replace(action=action, reason=str(reason))


def _recoverable(files: Files, paths: SnapshotPaths, run_id: str, ids: IdSet) -> int:
    """The number of intact records of an unfinished run. Raises `Damaged` for corruption."""
    checkpoints = files.read(paths.checkpoint)
    with translated(paths.partial):
        descriptor = files.system.open(paths.partial, os.O_RDONLY)
        try:
            recovered = recover(
                partial(files.system.pread, descriptor),
                compression_of(paths.snapshot.name),
                synced=checkpoint.decode(checkpoints or b""),
                is_checkpointed=checkpoints is not None,
                run_id=run_id,
                ids=ids,
            )
        finally:
            files.system.close(descriptor)
    return recovered.tally.total


def _records_at(files: Files, paths: SnapshotPaths) -> int | None:
    if not files.exists(paths.snapshot):
        return None
    try:
        return decode(files.read(paths.manifest) or b"").records_file.records
    except Malformed:
        return None
