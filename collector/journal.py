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
from collections.abc import Callable
from pathlib import Path

from collector.errors import OutputError
from collector.files import refused, translated
from collector.filesystem import FileSystem


class Journal:
    """Appends blocks to a file and knows how many bytes, and with what digest, it wrote.

    The file is open (a descriptor), or is opened by `target` for the first block. `is_ours` says that it holds nothing
    but what is written here, so that half a block may be taken back; with a `path` it is to stay under that, unchanged
    by others. `bytes` and `sha256` begin with what an unfinished file already holds.
    """

    def __init__(
        self,
        system: FileSystem,
        target: int | Callable[[], int],
        name: str,
        *,
        path: Path | None = None,
        is_ours: bool = True,
        size: int = 0,
        digest: hashlib._Hash | None = None,
    ) -> None:
        self._system = system
        self._target = target
        self._path = path
        self._is_ours = is_ours
        self._refused: OutputError | None = None  # a block
        self._lost: OutputError | None = None  # a sync
        self._digest = digest or hashlib.sha256()
        self._synced_digest = self._digest.copy()
        self.name = name
        self.bytes = size
        self.synced = size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def append(self, block: bytes, *, is_lines: bool = False) -> None:
        """Write `block` whole. On failure what was written of it is taken back, if the file is ours, but for the whole
        lines of a block that `is_lines`; nothing can be appended any more.

        Raises `OutputError`, and BrokenPipeError when nobody reads the pipe any more.
        """
        if failure := self._lost or self._refused:
            raise failure
        descriptor = self._opened()
        left = memoryview(block)
        try:
            while left:
                left = left[self._write(descriptor, left) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            self._refused = refused(self.name, error)
            self._keep(descriptor, block[: block.rfind(b"\n", 0, len(block) - len(left)) + 1] if is_lines else b"")
            raise self._refused from None
        self._count(block)

    def _opened(self) -> int:
        if not isinstance(self._target, int):
            self._target = self._target()
        return self._target

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
        if self._lost:
            raise self._lost
        if self.synced == self.bytes:
            return
        descriptor = self._opened()
        try:
            self._system.fdatasync(descriptor)
        except OSError as error:
            self._lose(refused(self.name, error))
            with contextlib.suppress(OSError):
                self._system.truncate(descriptor, self.synced)
            raise refused(self.name, error) from None
        try:
            self.require_in_place()
        except OutputError as error:
            self._lose(error)
            raise
        self.synced, self._synced_digest = self.bytes, self._digest.copy()

    def _lose(self, failure: OutputError) -> None:
        self._lost = failure
        self.bytes, self._digest = self.synced, self._synced_digest

    def require_in_place(self) -> None:
        """Raise `OutputError` unless what was written, and nothing else, is still under the path."""
        if self._path is None or not isinstance(self._target, int):
            return
        with translated(self._path):
            if not self._system.is_at(self._path, self._target):
                what = "removed or replaced"
            elif self._system.size(self._target) != self.bytes:
                what = "changed by somebody else"
            else:
                return
        raise OutputError(f"{self._path}: was {what} while it was written; collect again")

    def close(self) -> None:
        if not isinstance(self._target, int):
            return
        try:
            self._system.close(self._target)
        except OSError as error:
            raise refused(self.name, error) from None

    def __repr__(self) -> str:
        return f"<Journal {self.name} {self.bytes} bytes, {self.synced} synced>"
