"""Write rows to a file in one of the formats. Knows bytes to write, not where they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.model.record import Json, Record
from collector.snapshot.file_format import FileFormat
from collector.snapshot.sinks.part_files import write_lines
from collector.storage.compression import Compression, require_available
from collector.warehouse.arrow import require_pyarrow
from collector.warehouse.columns import CONNECTIONS, TABLES, Table
from collector.warehouse.exports.csv_text import csv_lines
from collector.warehouse.exports.parquet_file import Write, write_parquet


def require_writable(file_format: FileFormat, compression: Compression) -> None:
    """Raise `UsageError` if this installation cannot write the format."""
    require_available(compression)
    if file_format is FileFormat.PARQUET:
        require_pyarrow("Parquet")


def convert_records(
    file_format: FileFormat,
    records: Iterable[Record],
    write: Write,
    *,
    compression: Compression,
    facts: Mapping[str, str],
) -> None:
    """Write the records of a run, see `Converter`."""
    write_rows(file_format, TABLES[CONNECTIONS], records, write, compression=compression, facts=facts)


def write_rows(
    file_format: FileFormat,
    table: Table,
    rows: Iterable[dict[str, Json]],
    write: Write,
    *,
    compression: Compression = Compression.PLAIN,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write rows as CSV or Parquet; `facts` become metadata of Parquet. The rows are changed."""
    if file_format is FileFormat.PARQUET:
        write_parquet(table, rows, write, facts or {})
    else:
        write_lines(csv_lines(table, rows), write, compression)
