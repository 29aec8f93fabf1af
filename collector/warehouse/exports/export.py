"""Export the records or a side table of a finished snapshot. Verifies the whole snapshot while it reads.

The target is replaced only after everything matched. A stream gets its bytes before that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from collector.model.errors import OutputLocked, UsageError
from collector.model.record import Json
from collector.snapshot.file_format import FileFormat
from collector.snapshot.layout import SnapshotPaths
from collector.snapshot.lines import encode_as
from collector.snapshot.reader import SnapshotReader, StoredRecord, open_snapshot
from collector.snapshot.sinks.part_files import write_lines
from collector.snapshot.verified import Verified
from collector.storage.compression import Compression
from collector.storage.durable_files import Files
from collector.storage.filesystem import PosixFileSystem
from collector.storage.staged_file import staged_file
from collector.warehouse.columns import CONNECTIONS, TABLES
from collector.warehouse.exports.file_writers import require_writable, write_rows
from collector.warehouse.exports.parquet_file import Write


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
    """The result: rows, bytes and digest of the file, and the result of the snapshot's verification."""

    rows: int
    bytes: int
    sha256: str
    verified: Verified


def export_file(
    snapshot: Path, target: Path, form: Form, warn: Callable[[str], None], check: Callable[[], None] = lambda: None
) -> Exported:
    """Replace `target` by the export, atomically. Calls `check` for each row; its exception ends the export.

    Raises `Damaged` and `InputError` for the snapshot, `OutputError` and `OutputLocked` for the target, and
    `UsageError` for a form that cannot be had.
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
        form, manifest = self._form, self._reader.manifest
        if form.format is FileFormat.JSONL:
            write_lines(self._lines(), write, form.compression)
            return
        facts = {"collector.table": form.table, "collector.run_id": manifest.run_id, "collector.sha256": self._sha256}
        write_rows(form.format, TABLES[form.table], self._rows(), write, compression=form.compression, facts=facts)

    def finish(self) -> Verified:
        """Verify the rest of the snapshot. Raises the errors of the reader."""
        for _ in self._records():
            pass
        return self._reader.finish()

    def _records(self) -> Iterator[StoredRecord]:
        for each in self._reader.records():
            self._check()
            yield each

    def _lines(self) -> Iterator[bytes]:
        """The lines of the snapshot, unchanged."""
        if self._form.table == CONNECTIONS:
            for each in self._records():
                self.rows += 1
                yield each.line + b"\n"
        else:
            for row in self._rows():
                yield encode_as(self._reader.manifest.form.configuration_as, row)

    def _rows(self) -> Iterator[dict[str, Json]]:
        table = self._form.table
        is_side_table = table != CONNECTIONS
        found = self._reader.rows(table) if is_side_table else (each.record for each in self._records())
        for row in found:
            self.rows += 1
            yield row
