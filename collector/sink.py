"""Where outcomes go: a snapshot with its errors file and manifest, or a stream.

A sink takes outcomes from many tasks and writes them in batches, in a thread, so that a slow disk or reader holds the
crew back instead of the event loop. What it counts as a record is a whole line.

    open ─ begin ─ (put, flush)… ─ settle ─ publish   a run that finished: the snapshot appears under its name
                                          └ leave     a run that stopped: what there is keeps its unfinished names
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import anyio
from anyio import to_thread

from collector.account import Tally
from collector.batch import Batch, Lines, RecordsAndErrors
from collector.codec import codec_of, require
from collector.errors import Interrupted, OutputError, UsageError
from collector.files import Files, make_folder, refused
from collector.filesystem import Disk
from collector.ids import IdSet
from collector.journal import Journal
from collector.manifest import WriteManifest
from collector.model import Outcome
from collector.names import SnapshotNames, draft_of
from collector.run_head import Resume, RunHead
from collector.snapshot import SnapshotSink, TakenOver

_STANDARD_OUTPUT = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}

_UNTIL_NEXT_TRY: Final = 0.1  # seconds between two looks whether a pipe has a reader

MAX_LISTED: Final = 20
"""So many errors are listed on standard error when no errors file is written."""


class Sink(Protocol):
    """The contract of every output. Raises `OutputError` when the system refuses; `open` also `OutputLocked`.

    `is_resumable` says that what a run that stopped leaves is taken over by the next one.
    """

    is_resumable: bool

    async def open(self) -> None:
        """Claim the output, before the first request."""

    async def begin(self, head: RunHead, ids: IdSet) -> TakenOver | None:
        """Before the first record: go on with what an unfinished run left, whose ids are ticked off; else None.

        Raises `Damaged` where that is asked for and cannot be.
        """

    def put(self, outcome: Outcome) -> None:
        """Take an outcome; never blocks."""

    @property
    def is_full(self) -> bool:
        """Is it time to `make_room` before more is put?"""

    async def make_room(self) -> None:
        """Wait until more may be put, writing what there is if need be."""

    async def flush(self) -> None:
        """Write what was taken so far."""

    async def settle(self, *, is_whole: bool) -> None:
        """Have all that was taken on the disk; `is_whole` says that nothing is missing. What could be is `settled`."""

    @property
    def settled(self) -> Tally:
        """The outcomes whose lines will not be lost any more."""

    async def publish(self, write_manifest: WriteManifest) -> None:
        """Finish, after `settle`: everything under its final name, the manifest last."""

    async def leave(self, write_manifest: WriteManifest) -> None:
        """Stop, after `settle`: everything whole under its unfinished name."""

    def place(self, *, finished: bool) -> str:
        """Where the records are, for a message."""


def sink_for(
    output: str,
    *,
    errors: str | None,
    manifest: str | None,
    warn: Callable[[str], None],
    backlog: int,
    resume: Resume = Resume.AUTO,
) -> Sink:
    """The sink an output path asks for; a stream has at most twice `backlog` records waiting for its reader.

    Raises `UsageError` and `OutputError` for what no run could write to.
    """
    if not _is_utf8(output):
        raise UsageError(f"--output {output!r}: is not a name in UTF-8")
    if output in _STANDARD_OUTPUT:
        output = "-"
    path = Path(output)
    if output == "-" or _is_stream(path):
        for flag, named in (("--errors", errors), ("--manifest", manifest)):
            if named and _is_no_file(Path(named)):
                raise UsageError(f"{flag} {named}: is a folder or a device; name a file")
        if errors and manifest and os.path.realpath(errors) == os.path.realpath(manifest):
            raise UsageError(f"--errors and --manifest are both {errors}; give them names of their own")
        require(codec_of(output))
        require(codec_of(errors or ""))
        return StreamSink(output, errors, manifest, warn, backlog=backlog)
    if errors or manifest:
        raise UsageError("--errors and --manifest are for standard output; beside a file they have names of their own")
    if output.endswith("/") or path.name in {"", ".."} or os.path.isdir(path):
        raise UsageError(f"--output {output}: is a folder; name a file in it")
    # A link stays a link: what it points to is what is written.
    target = Path(os.path.realpath(path)) if os.path.islink(path) else path
    _require_good_names(output, SnapshotNames(target))
    require(codec_of(target.name))
    return SnapshotSink(target, warn, resume=resume)


def _require_good_names(output: str, names: SnapshotNames) -> None:
    if names.is_reserved:
        raise UsageError(f"--output {output}: files of this name stand beside other outputs; name it otherwise")
    if names.excess:
        raise OutputError(
            f"{output}: cannot be written: its name is {names.excess} bytes too long for the files beside it"
        )
    for path in (names.errors, names.manifest):
        if os.path.isdir(path):
            raise UsageError(f"--output {output}: {path}, which belongs to it, is a folder")


class StreamSink:
    """Records to standard output or a device: each line whole and at most once, nothing to resume."""

    is_resumable = False

    def __init__(
        self, output: str, errors: str | None, manifest: str | None, warn: Callable[[str], None], *, backlog: int
    ) -> None:
        self._output = output
        self._errors_path = Path(errors) if errors else None
        self._manifest_path = Path(manifest) if manifest else None
        self._warn = warn
        self._backlog = backlog
        self._files = Files(Disk())
        self._errors: Journal | None = None

    async def open(self) -> None:
        descriptor, name = await _stream(self._output)
        records = Batch(
            Journal(self._files.system, descriptor, name, is_ours=False),
            codec_of(self._output),
            is_durable=False,
            backlog=self._backlog if _may_stall(descriptor) else None,
        )
        self._lines = RecordsAndErrors(records, await to_thread.run_sync(self._open_beside))

    def _open_beside(self) -> Lines:
        for path in filter(None, (self._errors_path, self._manifest_path)):
            make_folder(path)
        if self._manifest_path:
            self._files.rehearse(self._manifest_path)
        if self._errors_path is None:
            return _Listing(self._warn)
        descriptor = self._files.create(draft_of(self._errors_path))
        self._errors = Journal(self._files.system, descriptor, str(self._errors_path))
        return Batch(self._errors, codec_of(self._errors_path.name))

    async def begin(self, head: RunHead, ids: IdSet) -> None:
        pass

    def put(self, outcome: Outcome) -> None:
        self._lines.put(outcome)

    @property
    def is_full(self) -> bool:
        return self._lines.is_full

    async def make_room(self) -> None:
        with _broken_pipe_is_the_end():
            await self._lines.make_room()

    async def flush(self) -> None:
        with _broken_pipe_is_the_end():
            await self._lines.flush()

    async def settle(self, *, is_whole: bool) -> None:
        with _broken_pipe_is_the_end():
            await self._lines.settle(is_whole=is_whole)

    @property
    def settled(self) -> Tally:
        return self._lines.settled

    async def publish(self, write_manifest: WriteManifest) -> None:
        await to_thread.run_sync(self._end, write_manifest, True)

    async def leave(self, write_manifest: WriteManifest) -> None:
        await to_thread.run_sync(self._end, write_manifest, False)

    def _end(self, write_manifest: WriteManifest, finished: bool) -> None:
        self._lines.records.journal.close()
        if self._errors is not None and self._errors_path is not None:
            self._errors.close()
            self._put_errors(self._errors_path, self._errors.bytes, finished)
        if self._manifest_path:
            self._files.put(self._manifest_path, write_manifest([self._lines.records.facts(self._output)]))

    def _put_errors(self, path: Path, size: int, finished: bool) -> None:
        if size:
            self._files.rename(draft_of(path), path)
            return
        self._files.remove(draft_of(path))
        if finished:
            self._files.remove(path)  # an older run's errors are none of this one's

    def place(self, *, finished: bool) -> str:
        return self._lines.records.journal.name


class _Listing:
    """Instead of an errors file: the first errors are told, and of the rest that there are more."""

    is_full = False

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.settled = Tally()

    def put(self, line: bytes, outcome: Outcome) -> None:
        self.settled.add(outcome.kind, outcome.redactions, outcome.unparsed_timestamps)
        if self.settled.total <= MAX_LISTED:
            self._warn(f"{outcome.id}: {outcome.kind}: {outcome.error}")
        elif self.settled.total == MAX_LISTED + 1:
            self._warn("more ids failed; name an --errors file to have them all")

    async def make_room(self) -> None:
        pass

    async def flush(self) -> None:
        pass

    async def settle(self, *, is_whole: bool) -> None:
        pass


async def _stream(output: str) -> tuple[int, str]:
    if output != "-":
        while (descriptor := _try_open(output)) is None:  # noqa: ASYNC110  # a pipe has no event for it
            await anyio.sleep(_UNTIL_NEXT_TRY)
        return descriptor, output
    if sys.stdout is None:  # closed before we began; its number may be any other file's by now
        raise OutputError("standard output: is closed; name a file with -o")
    return os.dup(1), "standard output"


def _try_open(output: str) -> int | None:
    """A descriptor, or None while nobody reads the pipe: a thread that waited for a reader could not give up."""
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(output).st_mode):
            return None
        raise refused(output, error) from None
    os.set_blocking(descriptor, True)
    return descriptor


def _may_stall(descriptor: int) -> bool:
    """Is there a reader at the other end?"""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


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


@contextmanager
def _broken_pipe_is_the_end() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise Interrupted(signal.SIGPIPE) from None
