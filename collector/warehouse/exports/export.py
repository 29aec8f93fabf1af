"""Export the records or a side table of a finished snapshot. Verifies the whole snapshot while it reads.

The target is replaced only after everything matched. A stream gets its bytes before that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.model.errors import Damaged, OutputLocked, UsageError
from collector.model.ids import is_canonical
from collector.model.record import Json
from collector.snapshot.file_format import FileFormat
from collector.snapshot.layout import RUN_ID, SnapshotPaths
from collector.snapshot.lines import encode_as
from collector.snapshot.manifest import whole_of
from collector.snapshot.parts import PLACEHOLDER
from collector.snapshot.reader import SnapshotReader, StoredRecord, open_snapshot
from collector.snapshot.sinks.part_files import (
    PartLimits,
    Sized,
    locked,
    publish_parts,
    remove_staged,
    write_lines,
    write_parts,
)
from collector.snapshot.sinks.partition import require_unfinished
from collector.snapshot.verified import Verified
from collector.storage.compression import Compression
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem
from collector.storage.staged_file import staged_file
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.exports.file_writers import require_writable, write_rows
from collector.warehouse.exports.parquet_file import Write

_ORGANIZATION: Final = "{organization_id}"
_OF_SNAPSHOT: Final = ("{date}", "{run_id}", _ORGANIZATION)
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")
_RUN_ID: Final = re.compile(RUN_ID, re.ASCII)


class Form(NamedTuple):
    """The form of an export: which table, and how it is written."""

    table: str
    format: FileFormat
    compression: Compression

    def require_usable(self) -> None:
        """Raise `UsageError` if the table does not exist, or this installation cannot write the format."""
        if self.table not in TABLES:
            raise UsageError(f"--table {self.table}: not a table; the tables are {', '.join(TABLES)}")
        require_writable(self.format, self.compression)


class Exported(NamedTuple):
    """The result: rows, bytes and digest of the file or of all parts, and the result of the snapshot's verification.

    `parts` is the number of files.
    """

    rows: int
    bytes: int
    sha256: str
    verified: Verified
    parts: int = 1


def filled(output: str, snapshot: Path) -> str:
    """The path with `{date}`, `{run_id}` and `{organization_id}` of the snapshot.

    Raises `UsageError` for another placeholder, or if its organization is not known, and the errors of `open_snapshot`.
    """
    for unknown in set(_PLACEHOLDER.findall(output)) - {*_OF_SNAPSHOT, PLACEHOLDER}:
        known = ", ".join((*_OF_SNAPSHOT, PLACEHOLDER))
        raise UsageError(f"--output {output}: {unknown} is not a placeholder; use {known}")
    if not any(each in output for each in _OF_SNAPSHOT):
        return output
    with open_snapshot(snapshot) as reader:
        found = reader.manifest
    if not (_RUN_ID.fullmatch(found.run_id) and (found.organization_id is None or is_canonical(found.organization_id))):
        raise Damaged(f"{snapshot}: its manifest has an invalid run or organization; restore it or collect again")
    if _ORGANIZATION in output and found.organization_id is None:
        raise UsageError(f"--output {output}: the records of {snapshot} have no organization; remove {_ORGANIZATION}")
    dated = output.replace("{date}", found.started_at[:10]).replace("{run_id}", found.run_id)
    return dated.replace(_ORGANIZATION, found.organization_id or "")


def export_file(
    snapshot: Path, target: Path, form: Form, warn: Callable[[str], None], check: Callable[[], None] = lambda: None
) -> Exported:
    """Replace `target` by the export, atomically. Calls `check` for each row; its exception ends the export.

    Raises `Damaged` and `InputError` for the snapshot, `OutputError` and `OutputLocked` for the target, and
    `UsageError` for an unusable form.
    """
    files = Files(PosixFileSystem(warn), warn)
    with open_snapshot(snapshot) as reader:
        export = _Export(snapshot, reader, form, check)
        files.make_folder(target)
        _require_no_run(files, target)
        with staged_file(files, target) as staged:
            export.write(staged.write)
            verified = export.finish()
            check()
            staged.publish()
    return Exported(export.rows, staged.bytes, staged.sha256, verified)


def _require_no_run(files: Files, target: Path) -> None:
    """Raise `OutputLocked` if a run is collecting into `target`: its conversion uses the same staged file."""
    partial = SnapshotPaths(target).partial
    if files.is_locked(partial):
        raise OutputLocked(f"{partial}: a run is collecting into {target}; wait for it to end, or choose another name")


def export_parts(
    snapshot: Path,
    template: Path,
    form: Form,
    warn: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
    *,
    limits: PartLimits,
) -> Exported:
    """Write the export as numbered parts, which get their names after everything matched, and `_SUCCESS` last.

    Raises as `export_file` does, and `UsageError` for a finished partition.
    """
    files = Files(PosixFileSystem(warn), warn)
    with open_snapshot(snapshot) as reader:
        export = _Export(snapshot, reader, form, check)
        files.make_folder(template)
        with locked(files, template):
            _require_no_run(files, template)
            require_unfinished(files, SnapshotPaths(template))
            try:
                parts = write_parts(files, template, limits, export.sized(), export.write_items)
                verified = export.finish()
                check()
                publish_parts(files, template, parts)
            finally:
                remove_staged(files, template)
    whole = whole_of(parts)
    return Exported(export.rows, whole.bytes, whole.sha256, verified, len(parts))


def export_stream(snapshot: Path, write: Write, form: Form) -> Verified:
    """Write the export to a stream. An exception means that its reader must discard it."""
    with open_snapshot(snapshot) as reader:
        export = _Export(snapshot, reader, form)
        export.write(write)
        return export.finish()


class _Export:
    """The rows of one table, read once. `rows` counts them."""

    def __init__(
        self, snapshot: Path, reader: SnapshotReader, form: Form, check: Callable[[], None] = lambda: None
    ) -> None:
        """Raises `UsageError` for a table that the snapshot does not have."""
        self._reader = reader
        self._form = form
        self._check = check
        self.rows = 0
        found = {
            CONNECTIONS: reader.manifest.records_file,
            **{each.table: each.file for each in reader.manifest.tables},
        }
        if form.table not in found:
            raise UsageError(
                f"{snapshot}: has no side table {form.table}; it has {', '.join(found)}; collect with --with "
                f"{form.table}"
            )
        self._sha256 = found[form.table].sha256

    def write(self, write: Write) -> None:
        """Write all rows. Raises the errors of the reader, and those of `write`."""
        self.write_items((each.item for each in self.sized()), write)

    def write_items(self, items: Iterator[Any], write: Write) -> None:
        """Write a file of some items of `sized`."""
        form, manifest = self._form, self._reader.manifest
        if form.format is FileFormat.JSONL:
            write_lines(items, write, form.compression)
            return
        facts = {"collector.table": form.table, "collector.run_id": manifest.run_id, "collector.sha256": self._sha256}
        write_rows(form.format, TABLES[form.table], items, write, compression=form.compression, facts=facts)

    def finish(self) -> Verified:
        """Verify the rest of the snapshot. Raises the errors of the reader."""
        for _ in self._records():
            pass
        return self._reader.finish()

    def _records(self) -> Iterator[StoredRecord]:
        for each in self._reader.records():
            self._check()
            yield each

    def sized(self) -> Iterator[Sized[Any]]:
        """All rows: unchanged lines of the snapshot for JSON Lines, else objects."""
        is_lines = self._form.format is FileFormat.JSONL
        for line, row in self._lines_and_rows():
            self.rows += 1
            yield Sized(line if is_lines else row, len(line))

    def _lines_and_rows(self) -> Iterator[tuple[bytes, dict[str, Json]]]:
        if self._form.table == CONNECTIONS:
            for each in self._records():
                yield each.line + b"\n", each.record
        else:
            for row in self._reader.rows(self._form.table):
                self._check()
                yield encode_as(self._reader.manifest.form.configuration_as, row), row
