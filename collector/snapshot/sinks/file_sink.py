"""The file sink: the snapshot appears under its name whole or not at all, with its other files.

The other files are the errors file, the side tables and the manifest.

open     acquire the locks before the first request
begin    complete an interrupted publication; resume or quarantine an unfinished run
put, flush …
finish   write, sync and count every outcome that can be kept
prepare  convert the journal, if the snapshot has another format than JSON Lines
publish  give the files their final names    └ or leave   keep their unfinished names
close    release the locks

There are two locks. The lock file is authoritative, because its lock survives the renaming of the data. The lock on the
data itself still protects a run whose lock file was deleted.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from collector.model.errors import Damaged, NothingCollected, OutputError, UsageError
from collector.model.ids import IdSet
from collector.model.outcome import Outcome, OutcomeKind
from collector.model.record_form import RecordForm
from collector.snapshot.layout import UNKNOWN_RUN, SnapshotPaths
from collector.snapshot.manifest import FileEntry
from collector.snapshot.sinks import resume
from collector.snapshot.sinks.conversion import Converter, RunJournal, convert, split
from collector.snapshot.sinks.part_files import PartLimits, remove_staged
from collector.snapshot.sinks.partition import require_unfinished
from collector.snapshot.sinks.publication import (
    PublishedRun,
    complete,
    publish,
    replaced_snapshot,
    snapshot_in_other_encoding,
)
from collector.snapshot.sinks.quarantine import quarantine
from collector.snapshot.sinks.recovery import Recovered, recover
from collector.snapshot.sinks.resume import RejectedRun, Resume, ResumedRun, RunHeader
from collector.snapshot.sinks.sink import NoWriter, Tables, Writer
from collector.snapshot.sinks.table_files import TableFiles
from collector.snapshot.sinks.writer import BatchWriter, OutcomeWriter
from collector.storage import checkpoint
from collector.storage.checkpoint import Checkpoint, RepairNote
from collector.storage.compression import Compression, compression_of
from collector.storage.durable_files import Files, staged_path, translated
from collector.storage.filesystem import FileSystem, PosixFileSystem
from collector.storage.journal import Journal


class _OpenOutput(NamedTuple):
    """The writers, journals and checkpoint file of a run that has begun."""

    lines: OutcomeWriter
    records: Journal
    errors: Journal
    checkpoints: int  # a descriptor


class _RepairNoteWriter(OutcomeWriter):
    """Notes the repaired values of each record for a process that resumes the run, because the line lacks them.

    It appends the notes to `pending_notes`. `earlier_repairs` holds the paths that an earlier process noted, by id. The
    note of a new record replaces them.
    """

    def __init__(
        self,
        records: BatchWriter,
        errors: BatchWriter,
        pending_notes: deque[bytes],
        earlier_repairs: Mapping[str, tuple[str, ...]],
    ) -> None:
        super().__init__(records, errors)
        self._pending_notes = pending_notes
        self._earlier_repairs = earlier_repairs

    def put(self, outcome: Outcome, line: bytes) -> None:
        if outcome.record is not None and (outcome.repairs or outcome.id in self._earlier_repairs):
            self._pending_notes.append(RepairNote(outcome.id, outcome.repairs).encode())
        super().put(outcome, line)


class FileSink:
    """Writes records to a file that appears under its name whole or not at all."""

    is_resumable = True

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        *,
        resume: Resume = Resume.AUTO,
        allow_empty: bool = False,
        tables: Collection[str] = (),
        converter: Converter | None = None,
        limits: PartLimits = PartLimits(),  # noqa: B008  # frozen
        system: FileSystem | None = None,
    ) -> None:
        """`tables` are the side tables that the run is to write. Only a rehearsal may lack the `converter`.

        `limits` are those of the parts of a partition.
        """
        self._paths = SnapshotPaths(path)
        self._compression = compression_of(path.name)
        self._warn = warn
        self._resume = resume
        self._allow_empty = allow_empty
        self._wanted_tables = frozenset(tables)
        self._converter = converter
        self._limits = limits
        self._converted: list[FileEntry] = []
        self._files = Files(system or PosixFileSystem(warn), warn)
        self._run_id: str | None = None
        self._lock: int | None = None
        self._partial: int | None = None
        self._is_published = False
        self.tables: Tables | None = None
        self.rejected: RejectedRun | None = None
        self.written_manifest: Path | None = None
        self._output: _OpenOutput | None = None
        self.writer: Writer = NoWriter()
        self._pending_notes: deque[bytes] = deque()  # repair notes that are not yet written
        self._earlier_repairs: dict[str, tuple[str, ...]] = {}  # from an earlier process
        self.has_unfinished_files = False

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        self._files.make_folder(self._paths.snapshot)
        self._lock = self._files.open_locked(self._paths.lock)
        if self._files.exists(self._paths.partial):
            self._lock_partial()

    def _lock_partial(self) -> int:
        if self._partial is None:
            self._partial = self._files.open_locked(self._paths.partial)
        return self._partial

    async def begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        return await to_thread.run_sync(self._begin, header, ids)

    def _begin(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        paths, files = self._paths, self._files
        unfinished = resume.decode(files.read(paths.header) or b"")  # read before `complete`, which may remove it
        published = complete(files, paths)
        if published and unfinished and self._may_adopt(header, unfinished, published):
            self._is_published, self.writer = True, NoWriter(published.tally)
            organizations = (published.organization_id,) if published.organization_id else ()
            return ResumedRun(unfinished.run_id, unfinished.started_at, published.tally, organizations)
        require_unfinished(files, paths)
        for other in filter(self._is_unfinished, paths.other_encodings):
            self._quarantine_or_raise(other, unfinished, f"it belongs to the output {other.snapshot.name}")
            files.remove(*other.staged)
            unfinished = None  # the header belonged to that output
        if self._is_unfinished(paths) or self._last_checkpoint():
            try:
                return self._resume_unfinished(header, unfinished, ids)
            except Damaged as reason:
                self._quarantine_or_raise(paths, unfinished, str(reason))
        self._start(header)
        return None

    async def resume(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        return await to_thread.run_sync(self._resume_existing, header, ids)

    def _resume_existing(self, header: RunHeader, ids: IdSet) -> ResumedRun | None:
        unfinished = resume.decode(self._files.read(self._paths.header) or b"")
        complete(self._files, self._paths)
        if not self._is_unfinished(self._paths):
            return None
        try:
            require_unfinished(self._files, self._paths)
        except UsageError as reason:
            raise Damaged(str(reason)) from None
        return self._resume_unfinished(header, unfinished, ids)

    def _may_adopt(self, header: RunHeader, unfinished: RunHeader, published: PublishedRun) -> bool:
        """Is the published run the unfinished one, resumable, and with every table that this run is to write?"""
        if unfinished.run_id != published.run_id or not self._wanted_tables <= published.tables:
            return False
        try:
            header.check_resumable(unfinished, fresh=self._resume is Resume.AUTO)
        except Damaged:
            return False
        return self._resume is not Resume.NEVER

    def _is_unfinished(self, paths: SnapshotPaths) -> bool:
        if not self._files.exists(paths.partial):
            return False
        return self._files.size(paths.partial) > 0 or self._files.exists(paths.partial_errors)

    def _last_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint of a run of this output, even if its records are missing."""
        return checkpoint.decode(self._checkpoint_bytes)

    @property
    def _checkpoint_bytes(self) -> bytes:
        return self._files.read(self._paths.checkpoint) or b""

    def _quarantine_or_raise(self, paths: SnapshotPaths, unfinished: RunHeader | None, reason: str) -> None:
        """Quarantine a run that this one does not resume. Raises `Damaged` with `--resume always`."""
        self.rejected = self.rejected or RejectedRun(unfinished, reason)
        if self._resume is Resume.ALWAYS:
            raise Damaged(f"{paths.partial}: {reason}; to quarantine it and start a new run, use --resume auto")
        quarantined = quarantine(self._files, paths, unfinished.run_id if unfinished else UNKNOWN_RUN)
        self._warn(f"an unfinished run was quarantined: {quarantined} ({reason})")

    def _resume_unfinished(self, header: RunHeader, unfinished: RunHeader | None, ids: IdSet) -> ResumedRun:
        if self._resume is Resume.NEVER:
            raise Damaged("--resume never")
        unfinished = header.check_resumable(unfinished, fresh=self._resume is Resume.AUTO)
        paths, system = self._paths, self._files.system
        if not self._files.exists(paths.partial):
            raise Damaged("its records are missing")
        descriptor = self._lock_partial()
        self._earlier_repairs = checkpoint.repairs_in(self._checkpoint_bytes)
        with translated(paths.partial):
            recovered = recover(
                partial(system.pread, descriptor),
                self._compression,
                synced=self._last_checkpoint(),
                is_checkpointed=self._files.exists(paths.checkpoint),
                run_id=unfinished.run_id,
                ids=ids,
                repairs=self._earlier_repairs,
            )
            if recovered.torn_bytes:
                system.truncate(descriptor, recovered.end)
            system.fdatasync(descriptor)  # bytes that its process had not synced when it was killed
        if recovered.torn_bytes:
            self._warn(f"{paths.partial}: truncated a torn tail of {recovered.torn_bytes} bytes")
        self._files.remove(paths.partial_errors, paths.partial_manifest)  # failed ids are requested again
        self._run_id = unfinished.run_id
        self.tables = tables = TableFiles(self._files, paths, unfinished.run_id, self._wanted_tables)
        tables.load()
        self._write_to(descriptor, recovered)
        self._write_checkpoint()
        return ResumedRun(
            unfinished.run_id,
            unfinished.started_at,
            recovered.tally,
            tuple(recovered.organizations),
            recovered.answered_id,
            RecordForm() if unfinished.has_first_form else None,
        )

    def _start(self, header: RunHeader) -> None:
        paths, files = self._paths, self._files
        if older := snapshot_in_other_encoding(files, paths):
            self._warn(
                f"{older}: this run replaces its manifest, so `collector verify` will reject it; to keep both, stop "
                "this run and choose another --output"
            )
        files.remove(
            *paths.staged, *paths.unfinished, *(other.partial for other in paths.other_encodings)
        )  # empty files
        files.write_atomically(paths.checkpoint, b"")
        files.write_atomically(paths.header, header.encode())
        self._close_descriptor(self._partial)  # of a file that was empty or is quarantined
        self._partial = None
        descriptor = self._lock_partial()
        with translated(paths.partial):
            files.system.fsync_dir(paths.partial.parent)
        self._run_id = header.run_id
        self.tables = TableFiles(files, paths, header.run_id, self._wanted_tables)
        self._write_to(descriptor, Recovered())

    def _write_to(self, descriptor: int, recovered: Recovered) -> None:
        paths, files = self._paths, self._files
        records = Journal(
            files.system,
            lambda: descriptor,
            str(paths.partial),
            path=paths.partial,
            size=recovered.end,
            digest=recovered.sha256,
        )
        records.open()
        errors_path = paths.partial_errors
        errors = Journal(files.system, partial(files.create, errors_path), str(errors_path), path=errors_path)
        self.writer = lines = _RepairNoteWriter(
            BatchWriter(
                records,
                self._compression,
                committed=recovered.tally,
                before_write=self._write_repair_notes,
                on_sync=self._write_checkpoint,
            ),
            BatchWriter(errors, Compression.PLAIN),
            self._pending_notes,
            self._earlier_repairs,
        )
        self._output = _OpenOutput(lines, records, errors, files.append_to(paths.checkpoint))

    def _write_checkpoint(self) -> None:
        """Append a checkpoint. A failure is ignored, because a checkpoint is optional."""
        output = self._open_output
        with contextlib.suppress(OSError):
            by_rule = +output.lines.committed_records.by_rule
            latest = Checkpoint(output.records.synced, output.records.sha256, by_rule)
            self._files.system.write(output.checkpoints, latest.encode())

    def _write_repair_notes(self) -> None:
        """Sync the repair notes before the lines of their records are written. Raises `OutputError`."""
        if not self._pending_notes:
            return
        system, descriptor = self._files.system, self._open_output.checkpoints
        with translated(self._paths.checkpoint):
            while self._pending_notes:
                left = memoryview(self._pending_notes[0])
                while left:
                    left = left[system.write(descriptor, left) :]
                self._pending_notes.popleft()
            system.fdatasync(descriptor)

    @property
    def _open_output(self) -> _OpenOutput:
        if self._output is None:
            raise RuntimeError("call begin first")
        return self._output

    async def prepare(self, check: Callable[[], None]) -> None:
        if self._paths.is_converted and not self._is_published:
            await to_thread.run_sync(self._convert, check)

    def _convert(self, check: Callable[[], None]) -> None:
        output, paths = self._open_output, self._paths
        if self._partial is None or self._run_id is None:
            raise RuntimeError("call begin first")
        output.records.require_unchanged()
        records = self.writer.committed.outcomes[OutcomeKind.OK]
        journal = RunJournal(paths.partial, self._partial, self._compression, self._run_id, records)
        target = (self._files, journal, paths.snapshot, paths.format)
        if paths.is_partitioned:
            self._converted = split(*target, self._converter, limits=self._limits, check=check)
        elif self._converter is None:
            raise RuntimeError("needs a converter")
        else:
            self._converted = [convert(*target, self._converter, check=check)]

    def file_entries(self, *, finished: bool) -> list[FileEntry]:
        if self._output is None:
            return []
        paths = self._paths
        files = (paths.snapshot, paths.errors) if finished else (paths.partial, paths.partial_errors)
        entries = self._output.lines.file_entries(*(path.name for path in files))
        return [*self._converted, *entries[1:]] if finished and self._converted else entries

    async def publish(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._publish, manifest)

    def _publish(self, manifest: bytes) -> None:
        if self._is_published:
            self.written_manifest = self._paths.manifest
            return
        output = self._open_output
        for journal in (output.records, output.errors):
            journal.require_unchanged()
        if not self.writer.committed.outcomes[OutcomeKind.OK] and not self._allow_empty:
            self._require_no_records_replaced()
        tables = sorted(self.tables.finished) if self.tables else ()
        publish(self._files, self._paths, manifest, tables, self._converted)
        self.written_manifest = self._paths.manifest

    def _require_no_records_replaced(self) -> None:
        older = replaced_snapshot(self._files, self._paths)
        if older is None:
            return
        failed = ", ".join(f"{count} {kind}" for kind, count in self.writer.committed.outcomes.most_common() if count)
        if not failed:
            raise NothingCollected(
                f"no connection passed the filters; {older} was not replaced; check the filters, or use --allow-empty "
                "to replace the snapshot with an empty one"
            )
        raise NothingCollected(
            f"no id was ok ({failed}); {older} was not replaced, the errors are in {self._paths.partial_errors}; check "
            "--base-url, the organization and the key, or use --allow-empty to replace the snapshot with an empty one"
        )

    async def leave(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._leave, manifest)

    def _leave(self, manifest: bytes) -> None:
        self.has_unfinished_files = self._files.exists(
            staged_path(self._paths.manifest)
        )  # the next start completes its publication
        if self._output is not None and self._files.exists(self._paths.partial):
            for journal in (self._output.records, self._output.errors):
                journal.require_in_place()  # a manifest must not describe a missing file
            if not self.has_unfinished_files:
                self._remove_converted()
            self.has_unfinished_files = True
            self._files.write_atomically(self._paths.partial_manifest, manifest)
            self.written_manifest = self._paths.partial_manifest

    def _remove_converted(self) -> None:
        if self._paths.converted:
            self._files.remove(self._paths.converted)
        elif self._paths.is_partitioned:
            remove_staged(self._files, self._paths.snapshot)

    async def close(self) -> None:
        await to_thread.run_sync(self._close)

    def _close(self) -> None:
        """Close every descriptor, that of the lock file last. All data is synced, so a failed close cannot lose any."""
        if self._output:
            self._close_descriptor(self._output.checkpoints)
            with contextlib.suppress(OutputError):
                self._output.errors.close()
        try:
            if self._lock is not None:
                self._files.remove(self._paths.lock)
        finally:
            self._close_descriptor(self._partial)
            self._close_descriptor(self._lock)
            self._partial = self._lock = None

    def _close_descriptor(self, descriptor: int | None) -> None:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                self._files.system.close(descriptor)

    def place(self, *, finished: bool) -> str:
        return str(self._paths.snapshot if finished else self._paths.partial)
