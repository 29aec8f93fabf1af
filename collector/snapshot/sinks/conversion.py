"""Conversion of the complete journal of a run into the format of its snapshot, such as Parquet.
The journal stays until the converted file is published, so a crash loses no record: the next start resumes the run,
finds every id done and converts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from collector.model.errors import Damaged
from collector.model.record import Record
from collector.snapshot.file_format import FileFormat
from collector.snapshot.lines import InvalidLine, read_record
from collector.snapshot.manifest import FileEntry
from collector.snapshot.sinks.part_files import PartLimits, Sized, write_lines, write_parts
from collector.storage.blocks import lines_of, read_blocks
from collector.storage.compression import Compression
from collector.storage.durable_files import Files, translated
from collector.storage.staged_file import staged_file


class Converter(Protocol):
    """Writes records in a format. The caller gives each record away."""

    def __call__(
        self,
        file_format: FileFormat,
        records: Iterator[Record],
        write: Callable[[bytes], object],
        *,
        compression: Compression,
        facts: Mapping[str, str],
    ) -> None:
        """Write a whole file through `write`. `facts` describe its origin, in formats that can hold them."""


class RunJournal(NamedTuple):
    """The complete records of a run: an open file of compressed or plain lines, and the facts that they must match."""

    path: Path
    descriptor: int
    compression: Compression
    run_id: str
    records: int


def convert(
    files: Files,
    journal: RunJournal,
    target: Path,
    file_format: FileFormat,
    converter: Converter,
    *,
    check: Callable[[], None],
) -> FileEntry:
    """Write the staged file of `target`, durably, and return the entry of the target in the manifest.

    Raises `Damaged` for a journal that is not as this process wrote it, `OutputError`, and what `check` raises for a
    record. Then no staged file is left.
    """
    count = 0

    def records() -> Iterator[Record]:
        nonlocal count
        for record in _records(files, journal):
            check()
            count += 1
            yield record

    with staged_file(files, target) as staged:
        facts = {"collector.table": "connections", "collector.run_id": journal.run_id}
        converter(file_format, records(), staged.write, compression=journal.compression, facts=facts)
        if count != journal.records:
            raise Damaged(f"{journal.path}: contains {count} records instead of {journal.records}; collect again")
        staged.keep()
    return FileEntry(target.name, count, staged.bytes, staged.sha256)


def split(
    files: Files,
    journal: RunJournal,
    template: Path,
    file_format: FileFormat,
    converter: Converter | None,
    *,
    limits: PartLimits,
    check: Callable[[], None],
) -> list[FileEntry]:
    """Write the staged files of all parts, durably, and return their entries. Lines of JSON are copied unchanged.

    Raises as `convert` does. Then no staged file is left.
    """
    count = 0

    def lines() -> Iterator[tuple[int, bytes]]:
        nonlocal count
        for each in _lines(files, journal):
            check()
            count += 1
            yield each
        if count != journal.records:
            raise Damaged(f"{journal.path}: contains {count} records instead of {journal.records}; collect again")

    if not file_format.is_converted:
        copies = (Sized(line + b"\n", len(line) + 1) for _, line in lines())
        copy = partial(write_lines, compression=journal.compression)
        return write_parts(files, template, limits, copies, copy)
    if converter is None:
        raise RuntimeError("needs a converter")
    facts = {"collector.table": "connections", "collector.run_id": journal.run_id}
    write = partial(converter, file_format, compression=journal.compression, facts=facts)
    records = (Sized(_record(journal, at, line), len(line) + 1) for at, line in lines())
    return write_parts(files, template, limits, records, write)


def _records(files: Files, journal: RunJournal) -> Iterator[Record]:
    for at, line in _lines(files, journal):
        yield _record(journal, at, line)


def _lines(files: Files, journal: RunJournal) -> Iterator[tuple[int, bytes]]:
    with translated(journal.path):
        for block in read_blocks(partial(files.system.pread, journal.descriptor), journal.compression):
            if block.defect:
                raise Damaged(f"{journal.path}: byte {block.start}: {block.defect}; collect again")
            yield from lines_of(block)


def _record(journal: RunJournal, at: int, line: bytes) -> Record:
    try:
        record = read_record(line)
    except InvalidLine as reason:
        raise Damaged(f"{journal.path}: byte {at}: {reason}; collect again") from None
    if record["_run_id"] != journal.run_id:
        raise Damaged(f"{journal.path}: byte {at}: the record belongs to another run; collect again")
    return record
