"""Write records into numbered parts, each a whole file under its staged name. The same input gives the same parts.

A part ends before the record by which it would exceed a limit. Every part has a record, except that of an empty input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from collector.snapshot.manifest import FileEntry
from collector.snapshot.parts import SUCCESS, part_name, part_pattern, parts_among
from collector.storage.compression import Compression
from collector.storage.durable_files import STAGED, Files, staged_path, translated
from collector.storage.staged_file import StagedFile, staged_file

T = TypeVar("T")
Write = Callable[[bytes], object]

BLOCK: Final = 1024 * 1024
"""Size of the lines that are compressed and written together."""

PART_BYTES: Final = 128 * 1024 * 1024
"""The default limit for the bytes of a part."""


class PartLimits(NamedTuple):
    """The limits for a part: bytes of its file, and records; 0 is no limit."""

    bytes: int = PART_BYTES
    records: int = 0


class Sized(NamedTuple, Generic[T]):
    """An item, and the size of its JSON line in bytes."""

    item: T
    size: int


def write_parts(
    files: Files,
    template: Path,
    limits: PartLimits,
    items: Iterable[Sized[T]],
    write_part: Callable[[Iterator[T], Write], None],
) -> list[FileEntry]:
    """Write the staged files of all parts, durably, and return their entries. `write_part` writes one file.

    Raises `OutputError`, and what `items` and `write_part` raise. Then no staged file is left.
    """
    remove_staged(files, template)
    source, entries = _Source(iter(items)), list[FileEntry]()
    try:
        while not entries or source.has_more:
            path = template.with_name(part_name(template.name, len(entries)))
            with staged_file(files, path) as staged:
                part = _Part(source, staged, limits)
                write_part(part.items(), staged.write)
                staged.keep()
            entries.append(FileEntry(path.name, part.count, staged.bytes, staged.sha256, template.name))
    except BaseException:
        remove_staged(files, template)
        raise
    return entries


class _Source(Generic[T]):
    """Items with a look at the next one."""

    def __init__(self, items: Iterator[Sized[T]]) -> None:
        self._items = items
        self._next: Sized[T] | None = None

    def peek(self) -> Sized[T] | None:
        """The next item, which stays; None at the end."""
        if self._next is None:
            self._next = next(self._items, None)
        return self._next

    def take(self) -> None:
        """Remove the next item."""
        self._next = None

    @property
    def has_more(self) -> bool:
        """Is there another item?"""
        return self.peek() is not None


class _Part(Generic[T]):
    """The items of one part. `count` counts them."""

    def __init__(self, source: _Source[T], staged: StagedFile, limits: PartLimits) -> None:
        self._source = source
        self._staged = staged
        self._limits = limits
        self._written = self._pending = 0  # bytes in the file, and of items that are not written yet
        self.count = 0

    def items(self) -> Iterator[T]:
        """The items until a limit."""
        while (following := self._source.peek()) is not None and self._has_room_for(following.size):
            self._source.take()
            self.count += 1
            self._pending += following.size
            yield following.item

    def _has_room_for(self, size: int) -> bool:
        if self._staged.bytes != self._written:
            self._written, self._pending = self._staged.bytes, 0
        if not self.count:
            return True
        has_room = not self._limits.bytes or self._written + self._pending + size <= self._limits.bytes
        return has_room and (not self._limits.records or self.count < self._limits.records)


def write_lines(lines: Iterable[bytes], write: Write, compression: Compression) -> None:
    """Write whole lines in blocks, each a complete member or frame if it is compressed.

    Without lines, a compressed file gets an empty member, so that it is valid.
    """
    is_empty = True
    for block in _blocks(lines):
        is_empty = False
        write(compression.compress(block))
    if is_empty and (empty := compression.compress(b"")):
        write(empty)


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = 0
    for line in lines:
        pending.append(line)
        size += len(line)
        if size >= BLOCK:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)


def remove_staged(files: Files, template: Path) -> None:
    """Remove the staged files of all parts. Raises `OutputError`."""
    files.remove(*_found(files, template, STAGED))


def remove_surplus(files: Files, template: Path, parts: Iterable[str]) -> None:
    """Remove the parts of an attempt that was abandoned, but not `parts`. Raises `OutputError`.

    Parts of a finished partition stay. The last part is removed first, so that the others stay consecutive.
    """
    if not files.exists(template.with_name(SUCCESS)):
        kept = set(parts)
        found = parts_among(template.name, set(files.names(template.parent)))
        files.remove(*(template.with_name(name) for name in reversed(found) if name not in kept))


def publish_parts(files: Files, template: Path, parts: Iterable[FileEntry]) -> None:
    """Give all parts their final names, and mark the partition as finished. Raises `OutputError`."""
    names = [each.path for each in parts]
    remove_surplus(files, template, names)
    for path in map(template.with_name, names):
        files.rename(staged_path(path), path)
    mark_finished(files, template)


@contextmanager
def locked(files: Files, template: Path) -> Iterator[None]:
    """Hold the lock of a folder of parts. Raises `OutputLocked` if another process holds it, and `OutputError`."""
    path = staged_path(template.with_name(SUCCESS))
    descriptor = files.open_locked(path)
    try:
        yield
    finally:
        try:
            files.remove(path)
        finally:
            files.system.close(descriptor)


def mark_finished(files: Files, template: Path) -> None:
    """Create the file that marks a finished partition, durably. Raises `OutputError`."""
    path = template.with_name(SUCCESS)
    if files.exists(path):
        return
    descriptor = files.create(path)
    with translated(path):
        files.system.close(descriptor)
        files.system.fsync_dir(path.parent)


def foreign_part(files: Files, template: Path) -> Path | None:
    """A file with the name of a part that no run left: its number is not consecutive. Raises `OutputError`."""
    found = _found(files, template)
    own = parts_among(template.name, {path.name for path in found})
    return next((path for path in found if path.name not in own), None)


def _found(files: Files, template: Path, ending: str = "") -> list[Path]:
    if not files.exists(template.parent):
        return []
    pattern = part_pattern(template.name, ending)
    return sorted(template.with_name(name) for name in files.names(template.parent) if pattern.fullmatch(name))
