"""The converter for an output of `collect` that is not JSON Lines. Only such an output imports the warehouse."""

from __future__ import annotations

from collector.snapshot.file_format import format_of
from collector.snapshot.sinks.conversion import Converter
from collector.storage.compression import compression_of


def converter_for(path: str) -> Converter | None:
    """The converter for the output path; None for JSON Lines.

    Raises `UsageError` if this installation cannot write the format.
    """
    file_format = format_of(path)
    if file_format is None or not file_format.is_converted:
        return None
    from collector.warehouse.exports.file_writers import convert_records, require_writable  # noqa: PLC0415

    require_writable(file_format, compression_of(path))
    return convert_records
