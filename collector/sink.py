"""Where outcomes go: a snapshot with its errors file and manifest, or a stream.

A sink takes outcomes from many tasks and writes them in batches, in a thread, so that a slow disk or reader holds the
crew back instead of the event loop. What it counts as a record is a whole line.

    open ─ begin ─ (put, flush)… ─ publish      a run that finished: the snapshot appears under its name
                                 └ leave        a run that stopped: what there is keeps its unfinished names
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from anyio import to_thread

from collector import journal
from collector.codec import codec_of, require
from collector.errors import Interrupted, OutputError, UsageError
from collector.journal import Journal
from collector.lines import Batch, encode, error_line
from collector.manifest import WriteManifest
from collector.model import Outcome
from collector.snapshot import SnapshotSink

_STANDARD_OUTPUT = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}

MAX_LISTED: Final = 20
"""So many errors are listed on standard error when no errors file is written."""


class Sink(Protocol):
    """The contract of every output. Raises `OutputError` when the system refuses; `open` also `OutputLocked`."""

    async def open(self) -> None:
        """Claim the output, before the first request."""

    async def begin(self, head: bytes) -> None:
        """Note what an unfinished run is about, before the first record."""

    def put(self, outcome: Outcome) -> None:
        """Take an outcome; never blocks."""

    @property
    def is_full(self) -> bool:
        """Is it time to `flush` before more is put?"""

    async def flush(self) -> None:
        """Write what was taken so far."""

    async def publish(self, write_manifest: WriteManifest) -> None:
        """Finish: everything is on the disk, under its final name, the manifest last."""

    async def leave(self, write_manifest: WriteManifest) -> None:
        """Stop: everything whole is on the disk, under its unfinished name."""

    @property
    def records(self) -> int:
        """Lines of records that are written."""

    def place(self, *, finished: bool) -> str:
        """Where the records are, for a message."""


def sink_for(output: str, *, errors: str | None, manifest: str | None, warn: Callable[[str], None]) -> Sink:
    """The sink an output path asks for. Raises `UsageError` for what no run could write to."""
    if not _is_utf8(output):
        raise UsageError(f"--output {output!r}: is not a name in UTF-8")
    if output in _STANDARD_OUTPUT:
        output = "-"
    path = Path(output)
    if output == "-" or _is_stream(path):
        for flag, named in (("--errors", errors), ("--manifest", manifest)):
            if named and _is_no_file(Path(named)):
                raise UsageError(f"{flag} {named}: is a folder or a device; name a file")
        if errors and errors == manifest:
            raise UsageError(f"--errors and --manifest are both {errors}; give them names of their own")
        require(codec_of(output))
        require(codec_of(errors or ""))
        return StreamSink(output, errors, manifest, warn)
    if errors or manifest:
        raise UsageError("--errors and --manifest are for standard output; beside a file they have names of their own")
    if output.endswith("/") or os.path.isdir(path):
        raise UsageError(f"--output {output}: is a folder; name a file in it")
    require(codec_of(path.name))
    # A link stays a link: what it points to is what is written.
    return SnapshotSink(path.resolve() if os.path.islink(path) else path, warn)


class StreamSink:
    """Records to standard output or a device: each line whole and at most once, nothing to resume."""

    def __init__(self, output: str, errors: str | None, manifest: str | None, warn: Callable[[str], None]) -> None:
        self._output = output
        self._errors_path = Path(errors) if errors else None
        self._manifest_path = Path(manifest) if manifest else None
        self._warn = warn
        self._listed = 0

    async def open(self) -> None:
        # A pipe without a reader is waited for; giving up on it must stay possible.
        target = await to_thread.run_sync(_stream, self._output, abandon_on_cancel=True)
        self._batch = Batch(target, codec_of(self._output))
        self._errors = None
        for path in filter(None, (self._errors_path, self._manifest_path)):
            journal.make_folder(path)
        if self._manifest_path:
            journal.rehearse(self._manifest_path)
        if self._errors_path:
            drafted = journal.create(journal.draft_of(self._errors_path))
            self._errors = Batch(drafted, codec_of(self._errors_path.name))

    async def begin(self, head: bytes) -> None:
        pass

    def put(self, outcome: Outcome) -> None:
        if outcome.record is not None:
            self._batch.put(encode(outcome.record))
        elif self._errors is not None:
            self._errors.put(error_line(outcome))
        else:
            self._list(outcome)

    async def flush(self) -> None:
        try:
            await self._batch.flush()
        except BrokenPipeError:
            raise Interrupted(signal.SIGPIPE) from None
        if self._errors is not None:
            await self._errors.flush()

    async def publish(self, write_manifest: WriteManifest) -> None:
        await self._end(write_manifest, finished=True)

    async def leave(self, write_manifest: WriteManifest) -> None:
        await self._end(write_manifest, finished=False)

    async def _end(self, write_manifest: WriteManifest, *, finished: bool) -> None:
        await self.flush()
        self._batch.journal.close()
        if self._errors is not None and self._errors_path is not None:
            await self._errors.settle()
            self._errors.journal.close()
            await to_thread.run_sync(_put_errors, self._errors_path, self._errors.records, finished)
        if self._manifest_path:
            content = write_manifest([self._batch.facts(self._output)])
            await to_thread.run_sync(journal.put, self._manifest_path, content)

    @property
    def is_full(self) -> bool:
        return self._batch.is_full

    @property
    def records(self) -> int:
        return self._batch.records

    def place(self, *, finished: bool) -> str:
        return self._batch.journal.name

    def _list(self, outcome: Outcome) -> None:
        self._listed += 1
        if self._listed <= MAX_LISTED:
            self._warn(f"{outcome.id}: {outcome.kind}: {outcome.error}")
        elif self._listed == MAX_LISTED + 1:
            self._warn("more ids failed; name an --errors file to have them all")


def _stream(output: str) -> Journal:
    if output != "-":
        with journal.translated(output):
            return Journal(os.open(output, os.O_WRONLY | os.O_CLOEXEC), output, is_ours=False)
    if sys.stdout is None:  # closed before we began; its number may be any other file's by now
        raise OutputError("standard output: is closed; name a file with -o")
    return Journal(os.dup(1), "standard output", is_ours=False)


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _is_no_file(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _put_errors(path: Path, errors: int, finished: bool) -> None:
    if errors:
        journal.rename(journal.draft_of(path), path)
        return
    journal.remove(journal.draft_of(path))
    if finished:
        journal.remove(path)  # an older run's errors are none of this one's
