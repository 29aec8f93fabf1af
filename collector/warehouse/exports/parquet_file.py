"""Rows as a Parquet file: typed columns, JSON with the logical type JSON, compressed with zstd."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from collector.model.record import Json
from collector.warehouse.arrow import arrow_schema, batches
from collector.warehouse.columns import ColumnType, Table
from collector.warehouse.fitting import fitted

if TYPE_CHECKING:
    import pyarrow as pa

Write: TypeAlias = Callable[[bytes], object]
"""Appends a block of bytes to a file."""

ROWS: Final = 122_880
"""Maximum number of rows of a row group: that of DuckDB, which reads row groups in parallel."""

BATCH: Final = 1000
"""Number of rows that are held as Python objects, each of which takes several KiB."""

BYTES: Final = 8 * 1024 * 1024
"""Size of a row group in memory, after which it ends: some 10,000 records. Larger ones cost three times their size."""


class _Output:
    """The file object that pyarrow writes to. It cannot seek."""

    closed = False

    def __init__(self, write: Write) -> None:
        self.write = write

    def flush(self) -> None:
        """All blocks are already written."""

    def close(self) -> None:
        """The owner of the file closes it."""


def write_parquet(
    table: Table, rows: Iterable[dict[str, Json]], write: Write, facts: Mapping[str, str], max_bytes: int = BYTES
) -> None:
    """Write a whole file, with `facts` as metadata of its schema. The rows are changed."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = _file_schema(table, facts)
    with pq.ParquetWriter(pa.PythonFile(_Output(write), mode="w"), schema, compression="zstd") as writer:
        for group in _row_groups(batches(table, fitted(table, rows), BATCH), max_bytes):
            writer.write_table(_typed(group, schema), row_group_size=ROWS)
            pa.default_memory_pool().release_unused()  # it would keep several times the memory that is in use


def _file_schema(table: Table, facts: Mapping[str, str]) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415

    names = table.names_of(ColumnType.JSON)
    fields = [
        pa.field(each.name, pa.json_() if each.name in names else each.type, each.nullable)
        for each in arrow_schema(table)
    ]
    return pa.schema(fields, metadata=dict(facts))


def _row_groups(parts: Iterable[pa.RecordBatch], max_bytes: int) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415

    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for part in parts:
        if pending and rows + part.num_rows > ROWS:
            yield pa.Table.from_batches(pending)
            pending, rows, size = [], 0, 0
        pending.append(part)
        rows, size = rows + part.num_rows, size + part.nbytes
        if size >= max_bytes:
            yield pa.Table.from_batches(pending)
            pending, rows, size = [], 0, 0
    if pending:
        yield pa.Table.from_batches(pending)


def _typed(group: pa.Table, schema: pa.Schema) -> pa.Table:
    """The row group with the types of the file: JSON text becomes JSON."""
    import pyarrow as pa  # noqa: PLC0415

    columns = [
        pa.chunked_array([pa.ExtensionArray.from_storage(field.type, part) for part in column.chunks], field.type)
        if column.type != field.type
        else column
        for column, field in zip(group.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
