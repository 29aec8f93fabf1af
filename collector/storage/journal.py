"""An append-only file of whole blocks: the only module that writes records and errors.

Knows bytes and descriptors, and that a block may consist of lines; must not know their meaning. Every method blocks and
belongs in a thread.

    append … append … sync … append ─▸ fails: the partial block is truncated; only `sync` and `close` remain allowed
                           └ sync ─▸ fails: the file is truncated to the last good sync; only `close` remains allowed
                                  └▸ the file was replaced or changed: only `close` remains allowed

A failed sync is never repeated: the system marks the lost pages as clean, so a second sync would succeed without
writing them (ATC 2020, "Can Applications Recover from fsync Failures?").
"""

from __future__ import annotations

import contextlib
import hashlib
import select
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from collector.model.errors import CollectorError, Interrupted, OutputError
from collector.storage.blocks import digest_of
from collector.storage.durable_files import output_error, translated
from collector.storage.filesystem import FileSystem


class Turns:
    """Lets the journals of one stream append one block at a time, and none after the first `failure`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.failure: CollectorError | None = None

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn, and keep it within the context. Raises the failure that ended an earlier turn."""
        with self._lock:
            if self.failure:
                raise self.failure
            try:
                yield
            except CollectorError as failure:
                self.failure = failure
                raise


class Journal:
    """Appends blocks to a file, and counts and digests its bytes.

    `open_file` returns the descriptor, on `open` or before the first block. `is_exclusive` means that only this journal
    writes the file, so a partial block can be truncated. With a `path`, the file must stay there unchanged. `bytes` and
    `sha256` include the contents of an unfinished file. Journals of one stream append in `turns`.
    """

    def __init__(
        self,
        system: FileSystem,
        open_file: Callable[[], int],
        name: str,
        *,
        path: Path | None = None,
        is_exclusive: bool = True,
        size: int = 0,
        digest: hashlib._Hash | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._system = system
        self._open_file = open_file
        self._descriptor: int | None = None
        self._path = path
        self._is_exclusive = is_exclusive
        self._digest = digest or hashlib.sha256()
        self._synced_digest = self._digest.copy()
        self._turns = turns or Turns()
        self._sync_failure: CollectorError | None = None
        self.failure: CollectorError | None = None
        self.name = name
        self._initial_size = size
        self.bytes = size
        self.synced = size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def open(self) -> int:
        """Open the file, if it is not open, and return its descriptor. Raises what `open_file` raises."""
        if self._descriptor is None:
            self._descriptor = self._open_file()
        return self._descriptor

    def append(self, block: bytes, *, is_lines: bool = False) -> None:
        """Write the whole `block`.

        On failure, an exclusive file is truncated to its previous length, plus the whole lines of this block if it
        `is_lines`. All later appends fail too.

        Raises `OutputError`, and `Interrupted` if the reader of the pipe closed it.
        """
        if self.failure:
            raise self.failure
        with self._turns.take():
            self._append(block, is_lines)

    def _append(self, block: bytes, is_lines: bool) -> None:
        descriptor = self.open()
        left = memoryview(block)
        try:
            while left:
                left = left[self._write(descriptor, left) :]
        except OSError as error:
            self.failure = self._failure_of(error)
            self._keep(descriptor, block[: block.rfind(b"\n", 0, len(block) - len(left)) + 1] if is_lines else b"")
            raise self.failure from None
        self._count(block)

    def _failure_of(self, error: OSError) -> CollectorError:
        return Interrupted(signal.SIGPIPE) if isinstance(error, BrokenPipeError) else output_error(self.name, error)

    def _write(self, descriptor: int, left: memoryview) -> int:
        try:
            return self._system.write(descriptor, left)
        except BlockingIOError:  # another process made the shared stdout non-blocking
            writable = select.poll()
            writable.register(descriptor, select.POLLOUT)
            writable.poll()
            return 0

    def _keep(self, descriptor: int, whole: bytes) -> None:
        if self._is_exclusive:
            with contextlib.suppress(OSError):
                self._system.truncate(descriptor, self.bytes + len(whole))
        self._count(whole)

    def _count(self, written: bytes) -> None:
        self.bytes += len(written)
        self._digest.update(written)

    def sync(self) -> None:
        """Sync everything to disk. Raises `OutputError`, and again on each later call."""
        if self._sync_failure:
            raise self._sync_failure
        if self.synced == self.bytes:
            return
        descriptor = self.open()
        try:
            self._system.fdatasync(descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._system.truncate(descriptor, self.synced)
            raise self._lose(output_error(self.name, error)) from None
        try:
            self.require_in_place()
        except OutputError as error:
            raise self._lose(error) from None
        self.synced, self._synced_digest = self.bytes, self._digest.copy()

    def _lose(self, failure: OutputError) -> OutputError:
        """Discard everything written since the last good sync."""
        self.failure = self._sync_failure = failure
        self.bytes, self._digest = self.synced, self._synced_digest
        return failure

    def require_in_place(self) -> None:
        """Raise `OutputError` unless the path still has this file, with exactly the written length."""
        if self._path is None or self._descriptor is None:
            return
        with translated(self._path):
            if not self._system.is_at(self._path, self._descriptor):
                what = "removed or replaced"
            elif self._system.size(self._descriptor) != self.bytes:
                what = "changed by another process"
            else:
                return
        raise OutputError(f"{self._path}: was {what} during the run; collect again")

    def require_unchanged(self) -> None:
        """Like `require_in_place`, but also compares every byte if anything was written. Raises `OutputError`."""
        self.require_in_place()
        if self._descriptor is None or self.bytes == self._initial_size:
            return
        with translated(self.name):
            found = digest_of(partial(self._system.pread, self._descriptor))
        if found != self.sha256:
            raise OutputError(f"{self.name}: was changed by another process during the run; collect again")

    def close(self) -> None:
        """Close the file, if it is open. Raises `OutputError`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            self._system.close(descriptor)
        except OSError as error:
            raise output_error(self.name, error) from None

    def __repr__(self) -> str:
        return f"<Journal {self.name} {self.bytes} bytes, {self.synced} synced>"
