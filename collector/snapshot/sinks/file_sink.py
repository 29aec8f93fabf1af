"""A snapshot: records in a file that appears under its name whole or not at all, with its errors and its manifest.

open     the locks are held, from before the first request to the very end
begin    what a crash left half published is completed; an unfinished file is continued or set aside
put, flush …
settle   all that can be kept is on the disk, and counted
publish  the files take their names          └ or leave   they keep their unfinished ones
close    the locks are given up

There are two locks. That of the lock file is the one that counts: it outlives the renaming of the data. That of the
data holds even where somebody takes the lock file away.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from collector.model.errors import Damaged, NothingCollected, OutputError
from collector.model.ids import IdSet
from collector.model.outcome import Outcome, OutcomeKind
from collector.snapshot.layout import UNKNOWN_RUN, SnapshotPaths
from collector.snapshot.manifest import FileFacts
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.publication import complete, publish, replaced_by_nothing
from collector.snapshot.sinks.quarantine import quarantine
from collector.snapshot.sinks.recovery import Recovered, recover
from collector.snapshot.sinks.resume import Resume, ResumedRun, RunHeader
from collector.snapshot.sinks.sink import NoWriter, Writer
from collector.snapshot.sinks.writer import BatchWriter, OutcomeWriter
from collector.storage import checkpoint
from collector.storage.checkpoint import Checkpoint, RepairNote
from collector.storage.compression import Compression, compression_of
from collector.storage.durable_files import Files, staged_path, translated
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.journal import Journal


class _Writing(NamedTuple):
    """What a run that has begun writes to."""

    lines: OutcomeWriter
    records: Journal
    errors: Journal
    checkpoints: int  # a descriptor


class _NotingRepairs(OutcomeWriter):
    """Notes, for who resumes the run, what was repaired in a record: its line does not tell.

    `notes` takes them; `noted` are those of an earlier process, which a record that came anew replaces.
    """

    def __init__(
        self, records: BatchWriter, errors: BatchWriter, notes: deque[bytes], noted: Mapping[str, tuple[str, ...]]
    ) -> None:
        super().__init__(records, errors)
        self._notes = notes
        self._noted = noted

    def put(self, outcome: Outcome) -> None:
        if outcome.record is not None and (outcome.repairs or outcome.id in self._noted):
            self._notes.append(RepairNote(outcome.id, outcome.repairs).encode())
        super().put(outcome)


class FileSink:
    """Records to a file that appears under its name whole or not at all."""

    is_resumable = True

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        *,
        resume: Resume = Resume.AUTO,
        allow_empty: bool = False,
        system: FileSystem | None = None,
    ) -> None:
        self._names = SnapshotPaths(path)
        self._compression = compression_of(path.name)
        self._warn = warn
        self._resume = resume
        self._allow_empty = allow_empty
        self._files = Files(system or PosixFileSystem(warn), warn)
        self._lock: int | None = None
        self._partial: int | None = None
        self._is_published = False
        self._writing: _Writing | None = None
        self.writer: Writer = NoWriter()
        self._notes: deque[bytes] = deque()  # of repairs, on their way
        self._noted: dict[str, tuple[str, ...]] = {}  # by an earlier process
        self.has_left = False

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        self._files.make_folder(self._names.snapshot)
        self._lock = self._files.open_locked(self._names.lock)
        if self._files.exists(self._names.partial):
            self._lock_partial()

    def _lock_partial(self) -> int:
        if self._partial is None:
            self._partial = self._files.open_locked(self._names.partial)
        return self._partial

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        return await to_thread.run_sync(self._begin, header, ids)

    def _begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        names, files = self._names, self._files
        begun = resume.decode(files.read(names.header) or b"")  # before `complete`, which may remove it
        published = complete(files, names)
        if published and begun and begun.run_id == published.run_id and self._may_end_with(header, begun):
            self._is_published, self.writer = True, NoWriter(published.tally)
            organizations = (published.organization_id,) if published.organization_id else ()
            return ResumedRun(begun.run_id, begun.started_at, published.tally, organizations)
        for sibling in filter(self._is_unfinished, names.other_encodings):
            self._refuse(sibling, begun, f"it is of the output {sibling.snapshot.name}")
            begun = None  # it was that one's
        if self._is_unfinished(names) or self._synced_before():
            try:
                return self._continue(header, begun, ids)
            except Damaged as reason:
                self._refuse(names, begun, str(reason))
        self._start(header)
        return None

    async def resume(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        return await to_thread.run_sync(self._resume_only, header, ids)

    def _resume_only(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        begun = resume.decode(self._files.read(self._names.header) or b"")
        complete(self._files, self._names)
        return self._continue(header, begun, ids) if self._is_unfinished(self._names) else None

    def _may_end_with(self, header: RunHeader, begun: RunHeader) -> bool:
        try:
            header.check_resumable(begun, fresh=self._resume is Resume.AUTO)
        except Damaged:
            return False
        return self._resume is not Resume.NEVER

    def _is_unfinished(self, names: SnapshotPaths) -> bool:
        if not self._files.exists(names.partial):
            return False
        return self._files.size(names.partial) > 0 or self._files.exists(names.partial_errors)

    def _synced_before(self) -> Checkpoint | None:
        """How much a run of this output had synced, be its records there or not."""
        return checkpoint.decode(self._checkpoints)

    @property
    def _checkpoints(self) -> bytes:
        return self._files.read(self._names.checkpoint) or b""

    def _refuse(self, names: SnapshotPaths, begun: RunHeader | None, reason: str) -> None:
        """Set aside what this run does not continue; raises `Damaged` where nothing else was asked for."""
        if self._resume is Resume.ALWAYS:
            raise Damaged(f"{names.partial}: {reason}; --resume auto sets it aside and begins anew")
        place = quarantine(self._files, names, begun.run_id if begun else UNKNOWN_RUN)
        self._warn(f"an unfinished run was found and set aside: {place} ({reason})")

    def _continue(self, header: RunHeader, begun: RunHeader | None, ids: IdSet) -> ResumedRun:
        if self._resume is Resume.NEVER:
            raise Damaged("--resume never")
        begun = header.check_resumable(begun, fresh=self._resume is Resume.AUTO)
        names, system = self._names, self._files.system
        if not self._files.exists(names.partial):
            raise Damaged("its records are gone")
        descriptor = self._lock_partial()
        self._noted = checkpoint.repairs_in(self._checkpoints)
        with translated(names.partial):
            found = recover(
                partial(system.pread, descriptor),
                self._compression,
                synced=self._synced_before(),
                is_checkpointed=self._files.exists(names.checkpoint),
                run_id=begun.run_id,
                ids=ids,
                repairs=self._noted,
            )
            if found.torn:
                system.truncate(descriptor, found.end)
            system.fdatasync(descriptor)  # what was not when its process was killed
        if found.torn:
            self._warn(f"{names.partial}: its last {found.torn} bytes were torn and are cut off")
        self._files.remove(names.partial_errors, names.partial_manifest)  # what had failed is asked for again
        self._write_to(descriptor, found)
        self._note()
        return ResumedRun(begun.run_id, begun.started_at, found.tally, tuple(found.organizations), found.answered)

    def _start(self, header: RunHeader) -> None:
        names, files = self._names, self._files
        files.remove(
            *names.staged, *names.unfinished, *(sibling.partial for sibling in names.other_encodings)
        )  # empty ones
        files.put(names.checkpoint, b"")
        files.put(names.header, header.encode())
        self._let_go(self._partial)  # of a file that was empty, or is set aside
        self._partial = None
        descriptor = self._lock_partial()
        with translated(names.partial):
            files.system.fsync_dir(names.partial.parent)
        self._write_to(descriptor, Recovered())

    def _write_to(self, descriptor: int, found: Recovered) -> None:
        names, files = self._names, self._files
        records = Journal(
            files.system,
            lambda: descriptor,
            str(names.partial),
            path=names.partial,
            size=found.end,
            digest=found.sha256,
        )
        records.open()
        errors_path = names.partial_errors
        errors = Journal(files.system, partial(files.create, errors_path), str(errors_path), path=errors_path)
        self.writer = lines = _NotingRepairs(
            BatchWriter(
                records, self._compression, committed=found.tally, before_write=self._note_repairs, on_sync=self._note
            ),
            BatchWriter(errors, Compression.PLAIN),
            self._notes,
            self._noted,
        )
        self._writing = _Writing(lines, records, errors, files.append_to(names.checkpoint))

    def _note(self) -> None:
        """Add a checkpoint; one that cannot be written is as good as none."""
        writing = self._begun
        with contextlib.suppress(OSError):
            by_rule = +writing.lines.committed_records.by_rule
            noted = Checkpoint(writing.records.synced, writing.records.sha256, by_rule)
            self._files.system.write(writing.checkpoints, noted.encode())

    def _note_repairs(self) -> None:
        """Have on the disk what was repaired, before the lines that do not tell. Raises `OutputError`."""
        if not self._notes:
            return
        system, descriptor = self._files.system, self._begun.checkpoints
        with translated(self._names.checkpoint):
            while self._notes:
                left = memoryview(self._notes[0])
                while left:
                    left = left[system.write(descriptor, left) :]
                self._notes.popleft()
            system.fdatasync(descriptor)

    @property
    def _begun(self) -> _Writing:
        if self._writing is None:
            raise RuntimeError("begin comes first")
        return self._writing

    def facts(self, *, finished: bool) -> list[FileFacts]:
        if self._writing is None:
            return []
        names = self._names
        paths = (names.snapshot, names.errors) if finished else (names.partial, names.partial_errors)
        return self._writing.lines.facts(*(path.name for path in paths))

    async def publish(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._publish, manifest)

    def _publish(self, manifest: bytes) -> None:
        if self._is_published:
            return
        writing = self._begun
        for journal in (writing.records, writing.errors):
            journal.require_unchanged()
        if not self.writer.committed.outcomes[OutcomeKind.OK] and not self._allow_empty:
            self._require_nothing_to_lose()
        publish(self._files, self._names, manifest)

    def _require_nothing_to_lose(self) -> None:
        older = replaced_by_nothing(self._files, self._names)
        if older is not None:
            failed = ", ".join(
                f"{count} {kind}" for kind, count in self.writer.committed.outcomes.most_common() if count
            )
            raise NothingCollected(
                f"no id was ok ({failed}); {older} stays as it was, the errors are in "
                f"{self._names.partial_errors}; check --base-url, the organization and the key, or replace the "
                "snapshot by an empty one with --allow-empty"
            )

    async def leave(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._leave, manifest)

    def _leave(self, manifest: bytes) -> None:
        self.has_left = self._files.exists(staged_path(self._names.manifest))  # which the next start completes
        if self._writing is not None and self._files.exists(self._names.partial):
            for journal in (self._writing.records, self._writing.errors):
                journal.require_in_place()  # there is no account of what is not there
            self.has_left = True
            self._files.put(self._names.partial_manifest, manifest)

    async def close(self) -> None:
        await to_thread.run_sync(self._close)

    def _close(self) -> None:
        """Let everything go, the lock last. What is to be kept was synced, so that no close can lose it any more."""
        if self._writing:
            self._let_go(self._writing.checkpoints)
            with contextlib.suppress(OutputError):
                self._writing.errors.close()
        try:
            if self._lock is not None:
                self._files.remove(self._names.lock)
        finally:
            self._let_go(self._partial)
            self._let_go(self._lock)
            self._partial = self._lock = None

    def _let_go(self, descriptor: int | None) -> None:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                self._files.system.close(descriptor)

    def place(self, *, finished: bool) -> str:
        return str(self._names.snapshot if finished else self._names.partial)
