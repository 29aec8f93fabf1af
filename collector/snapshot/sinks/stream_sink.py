"""The stream sink: records go to stdout, a pipe or a device; an errors file and a manifest are optional.

With a framing they travel as messages, and so do the rows of side tables.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from collector.model.errors import OutputError
from collector.model.ids import IdSet
from collector.model.ledger import Tally
from collector.model.outcome import Outcome
from collector.snapshot.manifest import STREAM_PATH, FileEntry
from collector.snapshot.sinks.framing import Framing
from collector.snapshot.sinks.resume import RejectedRun, RunHeader
from collector.snapshot.sinks.sink import NoWriter, Tables, Writer
from collector.snapshot.sinks.table_stream import TableStream
from collector.snapshot.sinks.writer import BatchWriter, LineWriter, OutcomeWriter
from collector.storage.compression import compression_of
from collector.storage.durable_files import Files, output_error, staged_path
from collector.storage.filesystem import PosixFileSystem
from collector.storage.journal import Journal, Turns

_OPEN_RETRY_SECONDS: Final = 0.1  # between two attempts to open a pipe that has no reader yet

MAX_LISTED: Final = 20
"""The number of errors listed on stderr if no errors file is written."""


class StreamSink:
    """Writes records to a stream, each line whole and at most once. A stream cannot be resumed.

    At most 2 * `backlog` records wait for the reader, if at most `backlog` tasks put records.
    """

    is_resumable = False
    rejected: RejectedRun | None = None
    has_unfinished_files = False
    written_manifest: Path | None = None

    def __init__(
        self,
        output: str,
        errors: str | None,
        manifest: str | None,
        warn: Callable[[str], None],
        *,
        backlog: int,
        turns: Turns | None = None,
        framing: Framing | None = None,
    ) -> None:
        """Sinks of the same stream have the same `turns`."""
        self._framing = framing
        self._has_ending = False
        self._output = output
        self._turns = turns
        self._errors_path = Path(errors) if errors else None
        self._manifest_path = Path(manifest) if manifest else None
        self._warn = warn
        self._backlog = backlog
        self._files = Files(PosixFileSystem(warn), warn)
        self._records: Journal | None = None
        self._batches: BatchWriter | None = None
        self._errors: Journal | None = None
        self._outcome_writer: OutcomeWriter | None = None
        self.writer: Writer = NoWriter()
        self.tables: Tables | None = None

    async def open(self) -> None:
        descriptor, name = await _open(self._output)
        self._records = Journal(self._files.system, lambda: descriptor, name, is_exclusive=False, turns=self._turns)
        self._records.open()
        self._batches = records = BatchWriter(
            self._records,
            compression_of(self._output),
            is_durable=False,
            backlog=self._backlog if _may_stall(descriptor) else None,
        )
        errors = await to_thread.run_sync(self._open_side_files)
        frame = self._framing.record if self._framing else _unframed
        self.writer = self._outcome_writer = OutcomeWriter(records, errors, frame)

    def _open_side_files(self) -> LineWriter:
        for path in filter(None, (self._errors_path, self._manifest_path)):
            self._files.make_folder(path)
        if self._manifest_path:
            self._files.check_writable(self._manifest_path)
        if self._errors_path is None:
            return _WarningErrorWriter(self._warn)
        staged = staged_path(self._errors_path)
        self._errors = Journal(self._files.system, lambda: self._files.create(staged), str(self._errors_path))
        self._errors.open()
        return BatchWriter(self._errors, compression_of(self._errors_path.name))

    async def begin(self, header: RunHeader, ids: IdSet) -> None:
        if self._framing is not None and self._batches is not None:
            self.tables = TableStream(self._framing, self._batches.write)
            await self._batches.write(self._framing.begin(header))

    async def resume(self, header: RunHeader, ids: IdSet) -> None:
        pass

    async def prepare(self, check: Callable[[], None]) -> None:
        pass

    def file_entries(self, *, finished: bool) -> list[FileEntry]:
        errors = os.path.realpath(self._errors_path) if self._errors_path else ""
        if errors and self._manifest_path:
            errors = os.path.relpath(errors, os.path.realpath(self._manifest_path.parent))
        return self._outcome_writer.file_entries(STREAM_PATH, errors) if self._outcome_writer else []

    async def publish(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._end, manifest, True)

    async def leave(self, manifest: bytes) -> None:
        await to_thread.run_sync(self._end, manifest, False)

    def _end(self, manifest: bytes, finished: bool) -> None:
        if self._records is not None:
            self._write_ending(self._records, manifest)
            self._records.close()
        if self._errors is not None and self._errors_path is not None:
            self._errors.close()
            self._publish_errors(self._errors_path, self._errors.bytes, finished)
        if self._manifest_path:
            self._files.write_atomically(self._manifest_path, manifest)
            self.written_manifest = self._manifest_path

    def _write_ending(self, records: Journal, manifest: bytes) -> None:
        """Write the last messages once, unless the stream has not begun or has failed."""
        if self._framing is None or self.tables is None or self._has_ending or records.failure:
            return
        self._has_ending = True
        records.append(self._framing.end(manifest))

    def _publish_errors(self, path: Path, size: int, finished: bool) -> None:
        staged = staged_path(path)
        if size and self._files.exists(staged):  # else an earlier attempt to publish renamed it
            self._files.rename(staged, path)
            return
        self._files.remove(staged)
        if finished and not size:
            self._files.remove(path)  # the errors of an older run

    async def close(self) -> None:
        for journal in filter(None, (self._records, self._errors)):
            await to_thread.run_sync(journal.close)

    def place(self, *, finished: bool) -> str:
        return "standard output" if self._output == "-" else self._output


class _WarningErrorWriter:
    """Replaces an errors file: prints the first errors as warnings, then one warning that more ids failed."""

    is_full = False

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.committed = Tally()

    def file_entry(self, name: str) -> None:
        pass

    def put(self, line: bytes, outcome: Outcome) -> None:
        self.committed.add(outcome)
        if self.committed.total <= MAX_LISTED:
            self._warn(f"{outcome.id}: {outcome.kind}: {outcome.error}")
        elif self.committed.total == MAX_LISTED + 1:
            self._warn("more ids failed; to list them all, use --errors FILE")

    async def wait_for_capacity(self) -> None:
        pass

    async def flush(self) -> None:
        pass

    async def finish(self) -> None:
        pass


def _unframed(line: bytes) -> bytes:
    return line


async def _open(output: str) -> tuple[int, str]:
    if output != "-":
        return await open_stream(output), output
    require_stdout()
    return os.dup(1), "standard output"


def require_stdout() -> None:
    """Raise `OutputError` if standard output was closed before the start; descriptor 1 may be another file by now."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file with -o")


async def open_stream(output: str) -> int:
    """Open a pipe or device to write, and wait for the reader of a pipe. Raises `OutputError`."""
    while (descriptor := _try_open(output)) is None:  # noqa: ASYNC110  # a pipe has no event for it
        await anyio.sleep(_OPEN_RETRY_SECONDS)
    return descriptor


def _try_open(output: str) -> int | None:
    """A descriptor, or None while the pipe has no reader. A blocking open in a thread could not be cancelled."""
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(output).st_mode):
            return None
        raise output_error(output, error) from None
    os.set_blocking(descriptor, True)
    return descriptor


def _may_stall(descriptor: int) -> bool:
    """Can a reader at the other end stall the writer?"""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
