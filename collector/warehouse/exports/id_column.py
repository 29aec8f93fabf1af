"""Read the column of ids back from an exported file."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from collector.model.errors import InputError
from collector.snapshot.file_format import FileFormat
from collector.storage.compression import open_decompressed
from collector.warehouse.arrow import require_pyarrow

_ID: Final = "id"


def read_ids(path: Path, file_format: FileFormat) -> Iterator[str]:
    """Each id, in order. Raises `InputError` for a file that cannot be read, and `UsageError` without pyarrow."""
    return _parquet_ids(path) if file_format is FileFormat.PARQUET else _csv_ids(path)


def _parquet_ids(path: Path) -> Iterator[str]:
    require_pyarrow("a Parquet snapshot")
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            if _ID not in file.schema_arrow.names:
                raise InputError(f"{path}: has no column {_ID}; name a snapshot that `collector collect -o` wrote")
            for batch in file.iter_batches(columns=[_ID]):
                yield from map(str, batch.column(0).to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as Parquet: {error}; collect again") from None


def _csv_ids(path: Path) -> Iterator[str]:
    limit = csv.field_size_limit(sys.maxsize)  # of the process
    try:
        with open_decompressed(path) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
            for row in csv.DictReader(text, strict=True):
                yield str(row.get(_ID))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable as CSV: {error}; collect again") from None
    finally:
        csv.field_size_limit(limit)
