"""An append-only file of whole blocks: the only place that writes records and errors.

Knows bytes and descriptors; knows nothing of what the bytes say, but that a block may be lines. Every method blocks
and belongs in a thread.

    append … append … sync … append ─▸ refused: what is not whole is taken back; only `sync` and `close` are left
                           └ sync ─▸ refused: the file is cut back to the last good sync, and nothing is left
                                  └▸ it is not the file any more that was written: nothing is left either

A sync that failed is never tried again: the system has marked what it lost as written, and would call the second one
a success (ATC 2020, "Can Applications Recover from fsync Failures?").
"""

from __future__ import annotations

import contextlib
import hashlib
import select
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from collector.model.errors import CollectorError, Interrupted, OutputError
from collector.storage.blocks import digest_of
from collector.storage.durable_files import refused, translated
from collector.storage.filesystem import FileSystem


class Journal:
    """Appends blocks to a file and knows how many bytes, and with what digest, it wrote.

    `open_file` gives the descriptor, at `open` or when the first block is written. `is_ours` says that the file holds
    nothing but what is written here, so that half a block may be taken back; with a `path` it is to stay under that,
    unchanged by others. `bytes` and `sha256` begin with what an unfinished file already holds.
    """

    def __init__(
        self,
        system: FileSystem,
        open_file: Callable[[], int],
        name: str,
        *,
        path: Path | None = None,
        is_ours: bool = True,
        size: int = 0,
        digest: hashlib._Hash | None = None,
    ) -> None:
        self._system = system
        self._open_file = open_file
        self._descriptor: int | None = None
        self._path = path
        self._is_ours = is_ours
        self._digest = digest or hashlib.sha256()
        self._synced_digest = self._digest.copy()
        self._sync_failure: CollectorError | None = None
        self.failure: CollectorError | None = None
        self.name = name
        self._began_at = size
        self.bytes = size
        self.synced = size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def open(self) -> int:
        """Have the file open; returns its descriptor. Raises what `open_file` raises."""
        if self._descriptor is None:
            self._descriptor = self._open_file()
        return self._descriptor

    def append(self, block: bytes, *, is_lines: bool = False) -> None:
        """Write `block` whole. On failure what was written of it is taken back, if the file is ours, but for the whole
        lines of a block that `is_lines`; nothing can be appended any more.

        Raises `OutputError`, and `Interrupted` when nobody reads the pipe any more.
        """
        if self.failure:
            raise self.failure
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
        return Interrupted(signal.SIGPIPE) if isinstance(error, BrokenPipeError) else refused(self.name, error)

    def _write(self, descriptor: int, left: memoryview) -> int:
        try:
            return self._system.write(descriptor, left)
        except BlockingIOError:  # whoever shares our standard output does not want it to block; we do
            writable = select.poll()
            writable.register(descriptor, select.POLLOUT)
            writable.poll()
            return 0

    def _keep(self, descriptor: int, whole: bytes) -> None:
        if self._is_ours:
            with contextlib.suppress(OSError):
                self._system.truncate(descriptor, self.bytes + len(whole))
        self._count(whole)

    def _count(self, written: bytes) -> None:
        self.bytes += len(written)
        self._digest.update(written)

    def sync(self) -> None:
        """Have the system put everything on the disk. Raises `OutputError`, and then ever after."""
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
            raise self._lose(refused(self.name, error)) from None
        try:
            self.require_in_place()
        except OutputError as error:
            raise self._lose(error) from None
        self.synced, self._synced_digest = self.bytes, self._digest.copy()

    def _lose(self, failure: OutputError) -> OutputError:
        """Nothing that was written since the last good sync counts, from now on."""
        self.failure = self._sync_failure = failure
        self.bytes, self._digest = self.synced, self._synced_digest
        return failure

    def require_in_place(self) -> None:
        """Raise `OutputError` unless what was written, and nothing else, is still under the path."""
        if self._path is None or self._descriptor is None:
            return
        with translated(self._path):
            if not self._system.is_at(self._path, self._descriptor):
                what = "removed or replaced"
            elif self._system.size(self._descriptor) != self.bytes:
                what = "changed by somebody else"
            else:
                return
        raise OutputError(f"{self._path}: was {what} while it was written; collect again")

    def require_unchanged(self) -> None:
        """The same, for every byte: the file is read, if anything was written. Raises `OutputError`."""
        self.require_in_place()
        if self._descriptor is None or self.bytes == self._began_at:
            return
        with translated(self.name):
            found = digest_of(partial(self._system.pread, self._descriptor))
        if found != self.sha256:
            raise OutputError(f"{self.name}: was changed by somebody else while it was written; collect again")

    def close(self) -> None:
        """Close the file, if it is open. Raises `OutputError`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            self._system.close(descriptor)
        except OSError as error:
            raise refused(self.name, error) from None

    def __repr__(self) -> str:
        return f"<Journal {self.name} {self.bytes} bytes, {self.synced} synced>"
