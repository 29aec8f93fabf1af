"""Reads ids from one column of a Parquet file, in batches. Needs the extra `parquet`, imported on first use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from uuid import UUID

from collector.model.errors import UsageError
from collector.run.ids.id_cells import Cell, UnreadableIds
from collector.run.ids.id_column import require_column

_BATCH_SIZE: Final = 16 * 1024  # rows
_UUID_BYTES: Final = 16


def cells_in_parquet(stream: IO[bytes], column: str | None) -> Iterator[Cell]:
    """A cell for each row. Raises `UnreadableIds` for a file without a suitable column, and for corrupt files."""
    pyarrow, parquet = _pyarrow()
    try:
        with _seekable(stream) as file, _open(parquet, file) as table:
            schema = table.schema_arrow
            at = require_column(schema.names, column)
            _require_texts(pyarrow, schema.types[at], schema.names[at])
            yield from _cells(table, schema.names[at])
    except UnicodeDecodeError:
        raise UnreadableIds("its column of ids is not UTF-8; write it again") from None
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # from the system
            raise
        raise UnreadableIds(
            f"is not a Parquet file, is corrupt, or has an unsupported form ({type(error).__name__}); write it again"
        ) from None


def _open(parquet: Any, file: IO[bytes]) -> Any:
    """Without buffering whole row groups; checksums are optional in Parquet, and compared where they exist."""
    return parquet.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)


def _cells(table: Any, name: str) -> Iterator[Cell]:
    number = 0
    for batch in table.iter_batches(batch_size=_BATCH_SIZE, columns=[name], use_threads=False):
        for value in batch.column(0).to_pylist():
            number += 1
            yield Cell(number, _text_of(value), unit="row")
    if number != table.metadata.num_rows:
        raise UnreadableIds(
            f"is corrupt: it contains {number} of the {table.metadata.num_rows} rows that it states; write it again"
        )


def _text_of(value: object) -> str | None:
    if isinstance(value, bytes):
        value = UUID(bytes=value) if len(value) == _UUID_BYTES else value.decode("utf-8", "replace")
    return None if value is None else str(value).strip() or None


def _require_texts(pyarrow: Any, kind: Any, name: str) -> None:
    """Raise `UnreadableIds` if a column of this type cannot hold ids, which are texts or 16 bytes each."""
    types = pyarrow.types
    kind = getattr(kind, "storage_type", kind)
    kind = kind.value_type if types.is_dictionary(kind) else kind
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    if not (is_text or is_binary or kind == pyarrow.binary(_UUID_BYTES)):
        is_nested = types.is_nested(kind)
        raise UnreadableIds(
            f"its column {name!r} is {'nested' if is_nested else f'of the type {kind}'}, but ids are texts or UUIDs; "
            "choose another column with --ids-column"
        )


@contextmanager
def _seekable(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The stream, or an unnamed temporary copy of a pipe: the metadata of a Parquet file is at its end."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  # an extra; other runs skip the import
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError("Parquet needs the extra parquet; run: pip install 'polytomic-collector[parquet]'") from None
    return pyarrow, parquet
