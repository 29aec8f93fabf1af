"""Where outcomes go: a snapshot with its errors file and manifest, or a stream.

A sink takes outcomes from many tasks and writes them in batches, in a thread, so that a slow disk or reader holds the
crew back instead of the event loop. What it counts as a record is a whole line.

    open ─ begin ─ (put, flush)… ─ publish      a run that finished: the snapshot appears under its name
                                 └ leave        a run that stopped: what there is keeps its unfinished names
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
from collections.abc import Callable
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Final, Protocol

import anyio
import orjson
from anyio import to_thread

from collector import journal
from collector.codec import Codec, codec_of, require
from collector.errors import Interrupted, OutputError, UsageError
from collector.journal import Journal
from collector.manifest import FileFacts
from collector.model import Json, Outcome, Record

MAX_LISTED: Final = 20
"""So many errors are listed on standard error when no errors file is written."""

_BATCH_BYTES = 512 * 1024  # a hand-over to the thread costs as much as a dozen records

# What ends a line for some reader (NEL, LS, PS), or moves a terminal's cursor: escaped, as JSON allows for any.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")

WriteManifest = Callable[[list[FileFacts]], bytes]


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
    path = Path(output)
    if output == "-" or _is_stream(path):
        for flag, named in (("--errors", errors), ("--manifest", manifest)):
            if named and _is_no_file(Path(named)):
                raise UsageError(f"{flag} {named}: is a folder or a device; name a file")
        return StreamSink(output, errors, manifest, warn)
    if errors or manifest:
        raise UsageError("--errors and --manifest are for standard output; beside a file they have names of their own")
    if output.endswith("/") or os.path.isdir(path):
        raise UsageError(f"--output {output}: is a folder; name a file in it")
    require(codec_of(path.name))
    return SnapshotSink(path, warn)


def encode(record: Record | dict[str, Json]) -> bytes:
    """One JSON line, safe for readers that split at any Unicode line end. Integers of any length survive."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if line.isascii() and b"\x7f" not in line:
        return line
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()


def error_line(outcome: Outcome) -> bytes:
    """The line of the errors file for an outcome that is not ok."""
    return encode(
        {
            "id": outcome.id,
            "outcome": str(outcome.kind),
            "http_status": outcome.http_status,
            "error": outcome.error,
            "attempts": outcome.attempts,
            "at": outcome.at,
        }
    )


class _Batch:
    """Lines on their way to a journal, written a batch at a time, one batch at once."""

    def __init__(self, target: Journal, codec: Codec) -> None:
        self.journal = target
        self.records = 0
        self._codec = codec
        self._lines: list[bytes] = []
        self._size = 0
        self._writing = anyio.Lock()

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    @property
    def is_full(self) -> bool:
        return self._size >= _BATCH_BYTES

    async def flush(self) -> None:
        async with self._writing:
            lines, self._lines, self._size = self._lines, [], 0
            if lines:
                with anyio.CancelScope(shield=True):  # lines that left the buffer are written, or the run fails
                    await to_thread.run_sync(self._write, lines)

    def _write(self, lines: list[bytes]) -> None:
        self.journal.append(self._codec.pack(b"".join(lines)))
        self.records += len(lines)

    async def settle(self) -> None:
        await self.flush()
        if not self.journal.bytes:  # no bytes at all are an empty file only where it is not packed
            await to_thread.run_sync(self.journal.append, self._codec.pack(b""))
        await to_thread.run_sync(self.journal.sync)

    def facts(self, name: str) -> FileFacts:
        return FileFacts(name, self.records, self.journal.bytes, self.journal.sha256)


class StreamSink:
    """Records to standard output or a device: each line whole and at most once, nothing to resume."""

    def __init__(self, output: str, errors: str | None, manifest: str | None, warn: Callable[[str], None]) -> None:
        self._output = output
        self._errors_path = Path(errors) if errors else None
        self._manifest_path = Path(manifest) if manifest else None
        self._warn = warn
        self._listed = 0

    async def open(self) -> None:
        self._batch = _Batch(_stream(self._output), codec_of(self._output))
        self._errors = None
        for path in filter(None, (self._errors_path, self._manifest_path)):
            _make_folder(path)
        if self._manifest_path:
            journal.rehearse(self._manifest_path)
        if self._errors_path:
            self._errors = _Batch(journal.create(self._errors_path), codec_of(self._errors_path.name))

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
        await self.flush()
        self._batch.journal.close()
        if self._errors is not None:
            await self._errors.settle()
            self._errors.journal.close()
            if self._errors_path and not self._errors.records:
                journal.remove(self._errors_path)
        if self._manifest_path:
            content = write_manifest([self._batch.facts(self._output)])
            await to_thread.run_sync(journal.put, self._manifest_path, content)

    leave = publish

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


class SnapshotNames:
    """The names beside an output path; `stem` is its name without `.gz`, `.zst` and `.jsonl`."""

    def __init__(self, path: Path) -> None:
        stem = codec_of(path.name).strip(path.name).removesuffix(".jsonl")
        self.snapshot = path
        self.errors = path.with_name(f"{stem}.errors.jsonl")
        self.manifest = path.with_name(f"{stem}.manifest.json")
        self.partial = path.with_name(f"{path.name}.partial")
        self.partial_run = path.with_name(f"{stem}.partial.run.json")
        self.partial_errors = path.with_name(f"{stem}.partial.errors.jsonl")
        self.partial_manifest = path.with_name(f"{stem}.partial.manifest.json")

    @property
    def beside_partial(self) -> tuple[Path, Path, Path]:
        return self.partial_run, self.partial_errors, self.partial_manifest


class SnapshotSink:
    """Records to a file that appears under its name whole or not at all."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._names = SnapshotNames(path)
        self._warn = warn
        self._errors: _Batch | None = None

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        names = self._names
        _make_folder(names.snapshot)
        descriptor = journal.claim(names.partial)
        if os.fstat(descriptor).st_size:
            self._set_aside()
            fresh = journal.claim(names.partial)
            os.close(descriptor)
            descriptor = fresh
        for path in names.beside_partial:
            journal.remove(path)
        self._batch = _Batch(Journal(descriptor, str(names.partial)), codec_of(names.snapshot.name))

    def _set_aside(self) -> None:
        names = self._names
        run_id = _unused(names.partial, _run_id_of(names.partial_run))
        for path in (names.partial, *names.beside_partial):
            if path.exists():
                journal.rename(path, path.with_name(f"{path.name}.{run_id}"))
        self._warn(f"an unfinished run was found and set aside: {names.partial}.{run_id}")

    async def begin(self, head: bytes) -> None:
        await to_thread.run_sync(journal.put, self._names.partial_run, head)

    def put(self, outcome: Outcome) -> None:
        if outcome.record is not None:
            self._batch.put(encode(outcome.record))
            return
        if self._errors is None:
            self._errors = _Batch(journal.create(self._names.partial_errors), Codec.PLAIN)
        self._errors.put(error_line(outcome))

    async def flush(self) -> None:
        await self._batch.flush()
        if self._errors is not None:
            await self._errors.flush()

    async def publish(self, write_manifest: WriteManifest) -> None:
        await self._settle()
        names = self._names
        content = write_manifest([self._batch.facts(names.snapshot.name)])
        await to_thread.run_sync(partial(self._publish, content))

    def _publish(self, manifest: bytes) -> None:
        # A reader meets the old set, or new data that no manifest vouches for yet; never new data under an old one.
        names = self._names
        journal.remove(names.manifest)
        journal.rename(names.partial, names.snapshot)
        if self._errors is None:
            journal.remove(names.errors)
        else:
            journal.rename(names.partial_errors, names.errors)
        journal.put(names.manifest, manifest)
        for path in names.beside_partial:
            journal.remove(path)
        self._batch.journal.close()  # only now another run may claim the name

    async def leave(self, write_manifest: WriteManifest) -> None:
        await self._settle()
        names = self._names
        content = write_manifest([self._batch.facts(names.partial.name)])
        await to_thread.run_sync(journal.put, names.partial_manifest, content)
        self._batch.journal.close()

    async def _settle(self) -> None:
        await self._batch.settle()
        if self._errors is not None:
            await self._errors.settle()
            self._errors.journal.close()

    @property
    def is_full(self) -> bool:
        return self._batch.is_full

    @property
    def records(self) -> int:
        return self._batch.records

    def place(self, *, finished: bool) -> str:
        return str(self._names.snapshot if finished else self._names.partial)


def _stream(output: str) -> Journal:
    if output != "-":
        with journal.translated(output):
            return Journal(os.open(output, os.O_WRONLY | os.O_CLOEXEC), output)
    if sys.stdout is None:  # closed before we began; its number may be any other file's by now
        raise OutputError("standard output: is closed; name a file with -o")
    return Journal(os.dup(1), "standard output")


def _make_folder(path: Path) -> None:
    with journal.translated(str(path.parent)):
        for folder in (*reversed(path.parent.parents), path.parent):  # `parents=True` gives the mode to the last only
            folder.mkdir(exist_ok=True, mode=0o700)


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _is_no_file(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _unused(path: Path, suffix: str) -> str:
    """`suffix`, or with a number, so that nothing set aside before is overwritten."""
    numbered = (f"{suffix}.{number}" for number in count(2))
    return next(each for each in chain([suffix], numbered) if not path.with_name(f"{path.name}.{each}").exists())


def _run_id_of(path: Path) -> str:
    try:
        found = orjson.loads(path.read_bytes()).get("run_id")
    except (OSError, ValueError, AttributeError):
        found = None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9A-Za-z-]+", found) else "unknown-run"
