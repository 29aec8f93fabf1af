"""Record batches of Arrow: rows as typed columns, whose values fit, see `fitting`.

The JSON of a column is compact text, in which integers are exact and a NUL character is escaped. pyarrow is imported by
the functions, because it is optional.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from collector.model.errors import UsageError
from collector.model.record import Json
from collector.snapshot.lines import encode
from collector.warehouse.columns import ColumnType, Table

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS: Final = 10_000
"""Maximum number of rows of a batch."""

MAX_JSON_CHARS: Final = 16 * 1024 * 1024
"""The JSON of a batch, in characters, after which it ends. The last row may exceed it."""


def require_pyarrow(purpose: str) -> None:
    """Raise `UsageError` unless pyarrow is installed. `purpose` begins the message, such as `Parquet`."""
    try:
        import pyarrow  # noqa: F401, PLC0415  # optional, slow to import
    except ImportError:
        raise UsageError(
            f"{purpose} needs pyarrow, which is not installed; install it: pip install 'polytomic-collector[parquet]'"
        ) from None


def arrow_schema(table: Table) -> pa.Schema:
    """The schema of a table's batches. JSON is plain text."""
    import pyarrow as pa  # noqa: PLC0415

    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.BIGINT: pa.int64(),
        ColumnType.TEXTS: pa.list_(pa.field("item", pa.string(), nullable=False)),
        ColumnType.JSON: pa.string(),
    }
    return pa.schema(pa.field(column.name, types[column.type], column.is_nullable) for column in table.columns)


def batches(table: Table, rows: Iterable[dict[str, Json]], max_rows: int = MAX_ROWS) -> Iterator[pa.RecordBatch]:
    """The rows, which fit their columns, as batches of at most `max_rows`, in order. The rows are changed."""
    schema = arrow_schema(table)
    json_columns = table.names_of(ColumnType.JSON)
    pending: list[dict[str, Json]] = []
    size = 0
    for row in rows:
        for name in json_columns:
            if row[name] is not None:
                row[name] = text = _json_text(row[name])
                size += len(text)
        pending.append(row)
        if len(pending) == max_rows or size > MAX_JSON_CHARS:
            yield _batch(table, pending, schema)
            pending, size = [], 0
    if pending:
        yield _batch(table, pending, schema)


def _json_text(value: Json) -> str:
    """The JSON of an object or an array; those without elements are frequent."""
    if not value:
        return "{}" if type(value) is dict else "[]"
    return encode(value)[:-1].decode()


def _batch(table: Table, rows: list[dict[str, Json]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415

    arrays = [
        _array(list(map(itemgetter(field.name), rows)), column.type, field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Json], kind: ColumnType, arrow_type: pa.DataType) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415

    if kind is ColumnType.TIMESTAMP:
        return pa.array(values, pa.string()).cast(arrow_type)
    return pa.array(values, arrow_type)
